package podnet

import (
	"fmt"
	"net"
	"slices"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/podnet/netnstest"
)

// describe prints all that Setup is about of one interface, in a fixed order, without what differs from run to run.
func describe(t *testing.T, ns *netnstest.NS, name string) (l netlink.Link, text string) {
	t.Helper()
	ns.Do(func() {
		var err error
		if l, err = netlink.LinkByName(name); err != nil {
			t.Fatal(err)
		}
		state := "down"
		if l.Attrs().Flags&net.FlagUp != 0 {
			state = "up"
		}
		text = fmt.Sprintf("link %s mtu %d\n", state, l.Attrs().MTU) + describeAddresses(t, l) +
			describeRoutes(t, l) + describeNeighbours(t, l)
	})
	return l, text
}

func describeAddresses(t *testing.T, l netlink.Link) string {
	t.Helper()
	list, err := netlink.AddrList(l, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, a := range list {
		line := "address " + a.IPNet.String()
		if a.IP.IsLinkLocalUnicast() {
			line = "address link-local"
		}
		lines = append(lines, line)
	}
	return sorted(lines)
}

func describeRoutes(t *testing.T, l netlink.Link) string {
	t.Helper()
	list, err := netlink.RouteList(l, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, r := range list {
		line := "route " + r.Dst.String()
		if r.Gw != nil {
			line += " via " + r.Gw.String()
		}
		if r.Scope == unix.RT_SCOPE_LINK {
			line += " link"
		}
		lines = append(lines, line)
	}
	return sorted(lines)
}

func describeNeighbours(t *testing.T, l netlink.Link) string {
	t.Helper()
	list, err := netlink.NeighList(l.Attrs().Index, netlink.FAMILY_ALL)
	if err != nil {
		t.Fatal(err)
	}
	var lines []string
	for _, n := range list {
		if n.State&unix.NUD_NOARP != 0 {
			continue // multicast: the kernel's own
		}
		line := fmt.Sprintf("neighbour %s %s", n.IP, n.HardwareAddr)
		if n.State&unix.NUD_PERMANENT != 0 {
			line += " permanent"
		}
		lines = append(lines, line)
	}
	return sorted(lines)
}

func sorted(lines []string) string {
	slices.Sort(lines)
	if len(lines) == 0 {
		return ""
	}
	return strings.Join(lines, "\n") + "\n"
}
