package fabric

import (
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// TestMain runs the tests in a mount namespace of their own, so that nothing they bind can stay.
func TestMain(m *testing.M) {
	runtime.LockOSThread()
	if os.Getenv("HEDGEROW_FABRIC_MOUNTS") == "" {
		if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
			fmt.Fprintln(os.Stderr, "make mount namespace:", err, "(run the tests as root)")
			os.Exit(1)
		}
		if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
			fmt.Fprintln(os.Stderr, "make mounts private:", err)
			os.Exit(1)
		}
		err := unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), "HEDGEROW_FABRIC_MOUNTS=1"))
		fmt.Fprintln(os.Stderr, "start again:", err)
		os.Exit(1)
	}
	os.Exit(m.Run())
}

func newFabric(t *testing.T, nodes int) *Fabric {
	t.Helper()
	f, err := New(filepath.Join(t.TempDir(), "netns"), nodes)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := f.Close(); err != nil {
			t.Error(err)
		}
	})
	return f
}

// TestReach dials from one namespace to an address of another, for every pair and family.
func TestReach(t *testing.T) {
	f := newFabric(t, 3)
	places := map[string][]netip.Addr{f.Bridge(): {BridgeIPv4.Addr(), BridgeIPv6.Addr()}}
	for _, n := range f.Nodes {
		places[f.Netns(n.Name)] = addresses(n.Addresses)
	}
	for to, addrs := range places {
		for _, addr := range addrs {
			url := listen(t, to, netip.AddrPortFrom(addr, 0))
			for from := range places {
				if err := dial(from, url); err != nil {
					t.Errorf("from %s to %s of %s: %v", filepath.Base(from), addr, filepath.Base(to), err)
				}
			}
		}
	}
}

// TestPodRanges puts an address of node2's pod range on its loopback and dials it from everywhere.
func TestPodRanges(t *testing.T) {
	f := newFabric(t, 2)
	pods := []netip.Addr{netip.MustParseAddr("10.244.2.7"), netip.MustParseAddr("fd00:10:244:2::7")}
	err := Do(f.Netns("node2"), func() error {
		h, err := open()
		if err != nil {
			return err
		}
		defer h.Close()
		return up(h, "lo", netip.PrefixFrom(pods[0], 32), netip.PrefixFrom(pods[1], 128))
	})
	if err != nil {
		t.Fatal(err)
	}
	for _, pod := range pods {
		url := listen(t, f.Netns("node2"), netip.AddrPortFrom(pod, 0))
		for _, from := range []string{f.Bridge(), f.Netns("node1"), f.Netns("node2")} {
			if err := dial(from, url); err != nil {
				t.Errorf("from %s to %s: %v", filepath.Base(from), pod, err)
			}
		}
		checkNextHop(t, f.Netns("node1"), pod, f.Nodes[1])
		gone := pod.Next().String()
		for _, from := range []string{f.Netns("node1"), f.Netns("node2")} {
			err := dial(from, net.JoinHostPort(gone, "80"))
			if err == nil || !strings.Contains(err.Error(), "unreachable") && !strings.Contains(err.Error(), "no route") {
				t.Errorf("from %s to %s, which is nobody's: %v, want unreachable", filepath.Base(from), gone, err)
			}
		}
	}
}

// checkNextHop fails the test unless packets to the pod go straight to its node, not by way of the bridge's own address.
func checkNextHop(t *testing.T, from string, pod netip.Addr, to Plan) {
	t.Helper()
	err := Do(from, func() error {
		routes, err := netlink.RouteGet(pod.AsSlice())
		if err != nil {
			return err
		}
		for _, a := range addresses(to.Addresses) {
			if len(routes) == 1 && routes[0].Gw.Equal(a.AsSlice()) {
				return nil
			}
		}
		return fmt.Errorf("goes %v", routes)
	})
	if err != nil {
		t.Errorf("from %s to %s: %v", filepath.Base(from), pod, err)
	}
}

func TestMachineUntouched(t *testing.T) {
	before := machine(t)
	f := newFabric(t, 2)
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("the machine's own network changed (-before +during):\n%s", diff)
	}
	if err := f.Close(); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(before, machine(t)); diff != "" {
		t.Errorf("the machine's own network changed (-before +after):\n%s", diff)
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), f.dir) {
		t.Error("mounts are left behind")
	}
}

func TestOwnThreadStays(t *testing.T) {
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	before, _ := os.Readlink("/proc/thread-self/ns/net")
	newFabric(t, 1)
	for range 20 {
		done := make(chan string)
		go func() {
			link, _ := os.Readlink("/proc/thread-self/ns/net")
			done <- link
		}()
		if after := <-done; after != before {
			t.Fatalf("a goroutine ran in %s, want %s", after, before)
		}
	}
}

func TestNumberOfNodes(t *testing.T) {
	for _, n := range []int{-1, 0, MaxNodes + 1} {
		if _, err := New(t.TempDir(), n); err == nil || !strings.Contains(err.Error(), "must be 1 to 200") {
			t.Errorf("New with %d nodes: %v", n, err)
		}
	}
	seen := map[netip.Prefix]bool{}
	for i := 1; i <= MaxNodes; i++ {
		p := NodePlan(i)
		for f, cidr := range p.PodCIDRs {
			if !PodCIDRs[f].Contains(cidr.Addr()) || cidr != cidr.Masked() || seen[cidr] {
				t.Errorf("%s has pod range %s: not inside %s, or taken", p.Name, cidr, PodCIDRs[f])
			}
			seen[cidr] = true
		}
	}
}

func listen(t *testing.T, netns string, at netip.AddrPort) string {
	t.Helper()
	var l net.Listener
	if err := Do(netns, func() (err error) {
		l, err = net.Listen("tcp", at.String())
		return err
	}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			c.Close()
		}
	}()
	return l.Addr().String()
}

func dial(netns, to string) error {
	return Do(netns, func() error {
		// The dialler must not start other goroutines: they would run in another namespace.
		d := net.Dialer{Timeout: 5 * time.Second, FallbackDelay: -1}
		c, err := d.Dial("tcp", to)
		if err == nil {
			c.Close()
		}
		return err
	})
}

// machine lists links, addresses and routes of the machine's own namespace.
func machine(t *testing.T) []string {
	t.Helper()
	var list []string
	links, err := netlink.LinkList()
	if err != nil {
		t.Fatal(err)
	}
	for _, l := range links {
		list = append(list, fmt.Sprint(l.Attrs().Index, l.Attrs().Name, l.Attrs().Flags))
	}
	addrs, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, a := range addrs {
		list = append(list, a.String())
	}
	routes, err := netlink.RouteList(nil, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	for _, r := range routes {
		list = append(list, r.String())
	}
	return list
}
