package podnet

import (
	"bytes"
	"errors"
	"fmt"
	"net"
	"net/netip"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// ErrMissing is wrapped by the error of Check when something of the interface is not as Setup left it.
var ErrMissing = errors.New("missing")

// Check compares the pod's interface with what Setup makes: both ends up, the addresses, the routes, the neighbours. It
// returns the interface, or an error that names the first difference.
func Check(p *Pod) (*Pair, error) {
	s, err := openSides(p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	host, pod, err := s.findPair()
	if err != nil {
		return nil, err
	}
	if host == nil {
		return nil, fmt.Errorf("interface %s on the node: %w", HostName(p.Owner), ErrMissing)
	}
	if pod == nil {
		return nil, fmt.Errorf("interface %s in the pod, as other end of %s: %w", p.Interface, HostName(p.Owner), ErrMissing)
	}
	for _, l := range []netlink.Link{host, pod} {
		if l.Attrs().Flags&net.FlagUp == 0 {
			return nil, fmt.Errorf("flag up of interface %s: %w", l.Attrs().Name, ErrMissing)
		}
	}
	if err := s.checkPodSide(host, pod); err != nil {
		return nil, err
	}
	if err := s.checkHostSide(host, pod); err != nil {
		return nil, err
	}
	return pairOf(host, pod), nil
}

func (s *sides) checkPodSide(host, pod netlink.Link) error {
	have, err := s.pod.AddrList(pod, netlink.FAMILY_ALL)
	if err != nil {
		return fmt.Errorf("list addresses of the pod: %w", err)
	}
	for _, a := range s.Addresses {
		if !hasAddress(have, a) {
			return fmt.Errorf("address %s of %s in the pod: %w", a, s.Interface, ErrMissing)
		}
	}
	for _, gateway := range s.gateways() {
		for _, r := range podRoutes(pod, gateway) {
			if err := checkRoute(s.pod, r); err != nil {
				return fmt.Errorf("in the pod: %w", err)
			}
		}
		if err := checkNeighbour(s.pod, pod, gateway, host.Attrs().HardwareAddr); err != nil {
			return fmt.Errorf("in the pod: %w", err)
		}
	}
	return nil
}

func (s *sides) checkHostSide(host, pod netlink.Link) error {
	for _, a := range s.Addresses {
		if err := checkRoute(s.host, hostRoute(host, a)); err != nil {
			return fmt.Errorf("on the node: %w", err)
		}
		if err := checkNeighbour(s.host, host, a, pod.Attrs().HardwareAddr); err != nil {
			return fmt.Errorf("on the node: %w", err)
		}
	}
	return nil
}

func hasAddress(list []netlink.Addr, a netip.Addr) bool {
	for _, have := range list {
		if have.IP.Equal(a.AsSlice()) {
			return true
		}
	}
	return false
}

// checkRoute tests that the main table has the route.
func checkRoute(h netlinksafe.Handle, want *netlink.Route) error {
	family := netlink.FAMILY_V6
	if want.Dst.IP.To4() != nil {
		family = netlink.FAMILY_V4
	}
	mask := netlink.RT_FILTER_DST | netlink.RT_FILTER_OIF | netlink.RT_FILTER_TABLE
	filter := &netlink.Route{Dst: want.Dst, LinkIndex: want.LinkIndex, Table: unix.RT_TABLE_MAIN}
	have, err := h.RouteListFiltered(family, filter, mask)
	if err != nil {
		return fmt.Errorf("list routes: %w", err)
	}
	for _, r := range have {
		if r.Gw.Equal(want.Gw) {
			return nil
		}
	}
	return fmt.Errorf("route %s: %w", want, ErrMissing)
}

// checkNeighbour tests that the address is a permanent neighbour with that hardware address.
func checkNeighbour(h netlinksafe.Handle, link netlink.Link, a netip.Addr, mac net.HardwareAddr) error {
	family := netlink.FAMILY_V6
	if a.Is4() {
		family = netlink.FAMILY_V4
	}
	have, err := h.NeighList(link.Attrs().Index, family)
	if err != nil {
		return fmt.Errorf("list neighbours: %w", err)
	}
	for _, n := range have {
		if n.IP.Equal(a.AsSlice()) && n.State&unix.NUD_PERMANENT != 0 && bytes.Equal(n.HardwareAddr, mac) {
			return nil
		}
	}
	return fmt.Errorf("permanent neighbour %s on %s: %w", a, link.Attrs().Name, ErrMissing)
}
