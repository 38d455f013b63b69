package podnet

import (
	"errors"
	"fmt"
	"net/netip"

	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// setupPodSide brings up the pod's end and its loopback: addresses, routes, and the host side as permanent neighbour.
func (s *sides) setupPodSide(host, pod netlink.Link) error {
	if err := s.podSysctls(); err != nil {
		return err
	}
	for _, a := range s.Addresses {
		if err := s.addAddress(pod, a); err != nil {
			return err
		}
	}
	if err := s.loopbackUp(); err != nil {
		return err
	}
	if err := s.pod.LinkSetUp(pod); err != nil {
		return fmt.Errorf("bring up %s in the pod: %w", s.Interface, err)
	}
	for _, gateway := range s.gateways() {
		if err := s.addGateway(host, pod, gateway); err != nil {
			return err
		}
	}
	return nil
}

// podSysctls fixes the pod side's settings before it comes up: addresses are ready at once, and no router advertisement
// changes what was set.
func (s *sides) podSysctls() error {
	if !s.hasIPv6() {
		return nil
	}
	return s.netns.Do(func(ns.NetNS) error {
		return writeSysctls(s.Interface, []sysctl{
			{"ipv6", "disable_ipv6", "0"},
			{"ipv6", "accept_ra", "0"},
			{"ipv6", "autoconf", "0"},
			{"ipv6", "accept_dad", "0"},
			{"ipv6", "dad_transmits", "0"},
		})
	})
}

func (s *sides) addAddress(pod netlink.Link, a netip.Addr) error {
	addr := &netlink.Addr{IPNet: hostNet(a)}
	if a.Is6() {
		addr.Flags = unix.IFA_F_NODAD
	}
	if err := s.pod.AddrReplace(pod, addr); err != nil {
		return fmt.Errorf("add address %s to %s in the pod: %w", a, s.Interface, err)
	}
	return nil
}

func (s *sides) loopbackUp() error {
	lo, err := s.pod.LinkByName("lo")
	if err != nil {
		return fmt.Errorf("look up lo in the pod: %w", err)
	}
	if err := s.pod.LinkSetUp(lo); err != nil {
		return fmt.Errorf("bring up lo in the pod: %w", err)
	}
	return nil
}

// gateways returns those of the pod's families.
func (p *Pod) gateways() []netip.Addr {
	var four, six bool
	for _, a := range p.Addresses {
		four, six = four || a.Is4(), six || a.Is6()
	}
	var list []netip.Addr
	if four {
		list = append(list, Gateway4)
	}
	if six {
		list = append(list, Gateway6)
	}
	return list
}

// addGateway makes the gateway a permanent neighbour and the next hop of everything. The route to an IPv4 gateway itself is
// written out, not implied by an "onlink" flag, because runtimes with a kernel of their own copy the routes one by one.
func (s *sides) addGateway(host, pod netlink.Link, gateway netip.Addr) error {
	if err := setNeighbour(s.pod.Handle, pod, gateway, host.Attrs().HardwareAddr); err != nil {
		return fmt.Errorf("make %s a neighbour of the pod: %w", gateway, err)
	}
	for _, r := range podRoutes(pod, gateway) {
		if err := s.addPodRoute(r); err != nil {
			return err
		}
	}
	return nil
}

// addPodRoute adds a route unless it is there. One to the same place through an interface of somebody else is left alone, and an
// error: to replace it would cut the pod off when our interface goes.
func (s *sides) addPodRoute(r *netlink.Route) error {
	err := s.pod.RouteAdd(r)
	if errors.Is(err, unix.EEXIST) {
		if checkRoute(s.pod, r) == nil {
			return nil
		}
		return fmt.Errorf("add route to %s to the pod: another interface has it: Hedgerow must be the pod's only default route", r.Dst)
	}
	if err != nil {
		return fmt.Errorf("add route %s to the pod: %w", r, err)
	}
	return nil
}

// podRoutes returns the pod's routes of the gateway's family, in the order in which the kernel takes them.
func podRoutes(pod netlink.Link, gateway netip.Addr) []*netlink.Route {
	index := pod.Attrs().Index
	all := netip.PrefixFrom(netip.IPv6Unspecified(), 0)
	if gateway.Is4() {
		all = netip.PrefixFrom(netip.IPv4Unspecified(), 0)
	}
	toAll := &netlink.Route{LinkIndex: index, Dst: prefixNet(all), Gw: gateway.AsSlice()}
	if gateway.Is6() {
		return []*netlink.Route{toAll} // link-local: reachable by definition
	}
	return []*netlink.Route{{LinkIndex: index, Dst: hostNet(gateway), Scope: unix.RT_SCOPE_LINK}, toAll}
}
