package podnet

import (
	"fmt"
	"net"
	"net/netip"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setupHostSide brings up the node's end, and leads the pod's addresses to it.
func (s *sides) setupHostSide(host, pod netlink.Link) error {
	if err := s.hostSysctls(host.Attrs().Name); err != nil {
		return err
	}
	if err := s.host.LinkSetUp(host); err != nil {
		return fmt.Errorf("bring up %s: %w", host.Attrs().Name, err)
	}
	for _, a := range s.Addresses {
		if err := setNeighbour(s.host.Handle, host, a, pod.Attrs().HardwareAddr); err != nil {
			return fmt.Errorf("make pod address %s a neighbour of the node: %w", a, err)
		}
		if err := s.host.RouteReplace(hostRoute(host, a)); err != nil {
			return fmt.Errorf("add route to pod address %s: %w", a, err)
		}
	}
	return nil
}

// hostSysctls fixes the host side's settings before it comes up.
func (s *sides) hostSysctls(name string) error {
	settings := []sysctl{
		// The node may have been told to forward by an "all" that came before our interface, or by its default alone.
		{"ipv4", "forwarding", "1"},
		// Who sends with whose address is judged by the agent's program, which says so; this would drop without a word.
		{"ipv4", "rp_filter", "0"},
		// The pod needs no answer to any ARP request: neither the node's addresses nor those behind it are neighbours.
		{"ipv4", "proxy_arp", "0"},
		{"ipv4", "arp_ignore", "8"},
		// A pod that reaches itself through its Service comes back the way it went; that is no detour to tell it of.
		{"ipv4", "send_redirects", "0"},
	}
	if s.hasIPv6() {
		settings = append(settings,
			sysctl{"ipv6", "disable_ipv6", "0"},
			sysctl{"ipv6", "forwarding", "1"},
			sysctl{"ipv6", "accept_ra", "0"},
			sysctl{"ipv6", "autoconf", "0"},
			sysctl{"ipv6", "accept_dad", "0"},
			sysctl{"ipv6", "dad_transmits", "0"},
			sysctl{"ipv6", "proxy_ndp", "0"},
		)
	} else if haveIPv6() {
		// A family of which the pod has no address is not spoken on its wire, not even link-local.
		settings = append(settings, sysctl{"ipv6", "disable_ipv6", "1"})
	}
	return writeSysctls(name, settings)
}

// hostRoute leads one address of the pod to its interface.
func hostRoute(host netlink.Link, a netip.Addr) *netlink.Route {
	r := &netlink.Route{LinkIndex: host.Attrs().Index, Dst: hostNet(a)}
	if a.Is4() {
		r.Scope = unix.RT_SCOPE_LINK
	}
	return r
}

// setNeighbour writes a permanent neighbour entry, in place of any other of that address.
func setNeighbour(h *netlink.Handle, link netlink.Link, a netip.Addr, mac net.HardwareAddr) error {
	family := unix.AF_INET
	if a.Is6() {
		family = unix.AF_INET6
	}
	return h.NeighSet(&netlink.Neigh{
		LinkIndex:    link.Attrs().Index,
		Family:       family,
		State:        unix.NUD_PERMANENT,
		IP:           a.AsSlice(),
		HardwareAddr: mac,
	})
}

func prefixNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
