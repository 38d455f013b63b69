package netnstest

import (
	"net"
	"net/netip"
	"os"
	"testing"

	"github.com/vishvananda/netlink"
)

func loopback(t *testing.T) netlink.Link {
	t.Helper()
	l, err := netlink.LinkByName("lo")
	if err != nil {
		t.Fatal(err)
	}
	return l
}

func TestDo(t *testing.T) {
	outside, err := os.Readlink("/proc/thread-self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	n, other := New(t), New(t)
	n.Do(func() {
		if inside, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || inside == outside {
			t.Errorf("inside is %s, %v; outside is %s", inside, err, outside)
		}
		if err := netlink.LinkSetUp(loopback(t)); err != nil {
			t.Fatal(err)
		}
	})
	other.Do(func() {
		if loopback(t).Attrs().Flags&net.FlagUp != 0 {
			t.Error("one namespace's loopback came up in another")
		}
	})
	if after, err := os.Readlink("/proc/thread-self/ns/net"); err != nil || after != outside {
		t.Errorf("the test is in %s afterwards, %v; it was in %s", after, err, outside)
	}
}

func TestPath(t *testing.T) {
	n := New(t)
	if _, err := os.Stat(n.Path()); err != nil {
		t.Error(err)
	}
	n.Close()
	n.Close()
	if _, err := os.Stat(n.Path()); err == nil {
		t.Error("the path of a namespace that was given up is still there")
	}
}

func TestSysctl(t *testing.T) {
	n := New(t)
	n.Sysctl("ipv4/ip_forward", "1")
	if got := n.ReadSysctl("ipv4/ip_forward"); got != "1\n" {
		t.Errorf("got %q", got)
	}
	if got := New(t).ReadSysctl("ipv4/ip_forward"); got != "0\n" {
		t.Errorf("another namespace has %q", got)
	}
}

func TestConnect(t *testing.T) {
	n := New(t)
	address := netip.MustParseAddr("127.0.0.1")
	if err := Connect(New(t), n, address); err == nil {
		t.Error("connected through loopbacks that are down, from one namespace to another")
	}
	n.Do(func() {
		if err := netlink.LinkSetUp(loopback(t)); err != nil {
			t.Fatal(err)
		}
	})
	if err := Connect(n, n, address); err != nil {
		t.Error(err)
	}
}
