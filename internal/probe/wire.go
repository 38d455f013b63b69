package probe

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// The next hop of every route: the other end of the wire, whatever its addresses. IPv4's is the dummy address of RFC 7600. Its neighbour
// entries are permanent, so nobody has to have it, and no probe waits for neighbour discovery.
var (
	nextHop4 = netip.MustParseAddr("192.0.0.8")
	nextHop6 = netip.MustParseAddr("fe80::1")
)

// port is an interface of a namespace, with our addresses on it and the routes to what lies behind it: one end of a wire, or a loopback.
type port struct {
	in        *space
	link      netlink.Link
	addresses map[netip.Addr]bool
	routes    map[netip.Prefix]bool
	fresh     map[netip.Addr]bool // maybe not delivered yet
}

// connect lays a wire between two namespaces.
func connect(near *space, nearName string, far *space, farName string) (nearPort, farPort *port, err error) {
	veth := &netlink.Veth{LinkAttrs: netlink.LinkAttrs{Name: nearName, MTU: 1500}, PeerName: farName, PeerNamespace: netlink.NsFd(far.fd)}
	if err := near.handle.LinkAdd(veth); err != nil {
		return nil, nil, fmt.Errorf("add the wire %s: %w", nearName, err)
	}
	if nearPort, err = portOf(near, nearName); err != nil {
		return nil, nil, err
	}
	if farPort, err = portOf(far, farName); err != nil {
		return nil, nil, err
	}
	return nearPort, farPort, errors.Join(nearPort.face(farPort), farPort.face(nearPort))
}

func portOf(s *space, name string) (*port, error) {
	l, err := s.handle.LinkByName(name)
	if err == nil {
		err = s.handle.LinkSetUp(l)
	}
	if err != nil {
		return nil, fmt.Errorf("set %s up: %w", name, err)
	}
	return &port{in: s, link: l, addresses: map[netip.Addr]bool{}, routes: map[netip.Prefix]bool{}, fresh: map[netip.Addr]bool{}}, nil
}

// face makes the other end the next hop of this one.
func (p *port) face(other *port) error {
	for _, hop := range [...]netip.Addr{nextHop4, nextHop6} {
		err := p.in.handle.NeighSet(&netlink.Neigh{
			LinkIndex: p.index(), State: netlink.NUD_PERMANENT, IP: hop.AsSlice(), HardwareAddr: other.link.Attrs().HardwareAddr,
		})
		if err != nil {
			return fmt.Errorf("add the next hop %s: %w", hop, err)
		}
	}
	return nil
}

func (p *port) index() int { return p.link.Attrs().Index }

// have puts exactly these addresses on the port.
func (p *port) have(addresses []netip.Addr) error {
	return reconcile(p.addresses, addresses, func(a netip.Addr) error {
		if err := p.in.handle.AddrDel(p.link, addressOf(a)); err != nil {
			return fmt.Errorf("take address %s away: %w", a, err)
		}
		delete(p.fresh, a)
		return nil
	}, func(a netip.Addr) error {
		if err := p.in.handle.AddrAdd(p.link, addressOf(a)); err != nil {
			return fmt.Errorf("add address %s: %w", a, err)
		}
		p.fresh[a] = true
		return nil
	})
}

// reconcile removes what is held and not wanted, and then adds what is wanted and not held.
func reconcile[K comparable](held map[K]bool, wanted []K, remove, add func(K) error) error {
	keep := map[K]bool{}
	for _, k := range wanted {
		keep[k] = true
	}
	for k := range held {
		if keep[k] {
			continue
		}
		if err := remove(k); err != nil {
			return err
		}
		delete(held, k)
	}
	for k := range keep {
		if held[k] {
			continue
		}
		if err := add(k); err != nil {
			return err
		}
		held[k] = true
	}
	return nil
}

// await returns when packets to the new addresses are delivered. For IPv6 the kernel sees to that later, in a queue that all namespaces share.
func (p *port) await() error {
	end := time.Now().Add(patience)
	for a := range p.fresh {
		for !p.delivers(a) {
			if time.Now().After(end) {
				return fmt.Errorf("the kernel does not finish adding the address %s", a)
			}
			time.Sleep(time.Millisecond)
		}
		delete(p.fresh, a)
	}
	return nil
}

// delivers reports whether the namespace takes packets to the address as its own.
func (p *port) delivers(a netip.Addr) bool {
	routes, err := p.in.handle.RouteGet(a.AsSlice())
	return err == nil && len(routes) == 1 && routes[0].Type == unix.RTN_LOCAL
}

// lead makes the port the way to exactly these prefixes.
func (p *port) lead(prefixes []netip.Prefix) error {
	return reconcile(p.routes, prefixes, func(prefix netip.Prefix) error {
		// A route that another port has taken over is gone already.
		if err := p.in.handle.RouteDel(p.routeTo(prefix)); err != nil && !errors.Is(err, unix.ESRCH) {
			return fmt.Errorf("take route %s away: %w", prefix, err)
		}
		return nil
	}, func(prefix netip.Prefix) error {
		if err := p.in.handle.RouteReplace(p.routeTo(prefix)); err != nil {
			return fmt.Errorf("add route %s: %w", prefix, err)
		}
		return nil
	})
}

func (p *port) routeTo(prefix netip.Prefix) *netlink.Route {
	hop := nextHop4
	if prefix.Addr().Is6() {
		hop = nextHop6
	}
	return &netlink.Route{LinkIndex: p.index(), Dst: ipNet(prefix), Gw: hop.AsSlice(), Flags: int(netlink.FLAG_ONLINK)}
}

func addressOf(a netip.Addr) *netlink.Addr { return &netlink.Addr{IPNet: ipNet(single(a))} }

func single(a netip.Addr) netip.Prefix { return netip.PrefixFrom(a, a.BitLen()) }

func singles(addresses []netip.Addr) []netip.Prefix {
	prefixes := make([]netip.Prefix, len(addresses))
	for i, a := range addresses {
		prefixes[i] = single(a)
	}
	return prefixes
}

// everywhere is the way to all addresses.
var everywhere = []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}
