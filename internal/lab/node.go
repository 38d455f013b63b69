package lab

import (
	"net"
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// Node is a network namespace that routes between its pods, like a Kubernetes node.
type Node struct {
	*Netns
	Address4, Address6 netip.Addr
	pods               int
}

// Pod is a network namespace behind one veth pair.
type Pod struct {
	*Netns
	Address4, Address6 netip.Addr
	HostIndex          uint32 // index of the pair's other end in the node
	HostName           string
	hostMAC            net.HardwareAddr
}

// Gateways of the pods: addresses of the node, on every host-side interface.
var (
	gateway4 = netip.MustParseAddr("169.254.1.1")
	gateway6 = netip.MustParseAddr("fe80::1")
)

// NewNode makes a node with the addresses 10.213.0.11 and fd00:213::b on a dummy interface.
func NewNode(t testing.TB) *Node {
	t.Helper()
	n := &Node{
		Netns:    NewNetns(t, "node"),
		Address4: netip.MustParseAddr("10.213.0.11"), Address6: netip.MustParseAddr("fd00:213::b"),
	}
	for _, s := range []string{"ipv4.ip_forward", "ipv6.conf.all.forwarding"} {
		n.Sysctl(s, "1")
	}
	n.Sysctl("ipv6.conf.default.accept_dad", "0")
	if err := n.Handle.LinkAdd(&netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "eth0"}}); err != nil {
		t.Fatalf("add node interface: %v", err)
	}
	l := n.up("eth0")
	n.addr(l, netip.PrefixFrom(n.Address4, 24))
	n.addr(l, netip.PrefixFrom(n.Address6, 64))
	return n
}

// AddPod makes a pod with one address of each family. IPv4 goes through permanent neighbour entries, IPv6 through neighbour discovery.
func (n *Node) AddPod(name string, a4, a6 string) *Pod {
	n.t.Helper()
	n.pods++
	p := &Pod{Netns: NewNetns(n.t, name), Address4: netip.MustParseAddr(a4), Address6: netip.MustParseAddr(a6), HostName: "pod-" + name}
	p.Sysctl("ipv6.conf.default.accept_dad", "0")
	p.Sysctl("ipv6.conf.default.router_solicitations", "0")
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: p.HostName, MTU: 1500}, PeerName: "eth0", PeerNamespace: netlink.NsFd(p.fd),
	}
	if err := n.Handle.LinkAdd(veth); err != nil {
		n.t.Fatalf("add veth of %s: %v", name, err)
	}
	host, inner := n.up(p.HostName), p.up("eth0")
	p.HostIndex, p.hostMAC = uint32(host.Attrs().Index), host.Attrs().HardwareAddr
	n.addr(host, netip.PrefixFrom(gateway6, 64))
	for _, a := range []netip.Addr{p.Address4, p.Address6} {
		p.addr(inner, netip.PrefixFrom(a, a.BitLen()))
		n.route(n.Netns, host, netip.PrefixFrom(a, a.BitLen()), netip.Addr{})
	}
	n.neighbour(n.Netns, host, p.Address4, inner.Attrs().HardwareAddr)
	n.neighbour(p.Netns, inner, gateway4, host.Attrs().HardwareAddr)
	n.route(p.Netns, inner, netip.PrefixFrom(gateway4, 32), netip.Addr{})
	n.route(p.Netns, inner, netip.MustParsePrefix("0.0.0.0/0"), gateway4)
	n.route(p.Netns, inner, netip.MustParsePrefix("::/0"), gateway6)
	return p
}

func (n *Netns) addr(l netlink.Link, p netip.Prefix) {
	n.t.Helper()
	a := &netlink.Addr{IPNet: ipNet(p)}
	if p.Addr().Is6() {
		a.Flags = unix.IFA_F_NODAD
	}
	if err := n.Handle.AddrReplace(l, a); err != nil {
		n.t.Fatalf("add address %s in %s: %v", p, n.Name, err)
	}
}

func (n *Node) route(in *Netns, l netlink.Link, to netip.Prefix, via netip.Addr) {
	n.t.Helper()
	r := &netlink.Route{LinkIndex: l.Attrs().Index, Dst: ipNet(to)}
	if via.IsValid() {
		r.Gw = via.AsSlice()
	} else if to.Addr().Is4() {
		r.Scope = netlink.SCOPE_LINK
	}
	if err := in.Handle.RouteReplace(r); err != nil {
		n.t.Fatalf("add route %s in %s: %v", to, in.Name, err)
	}
}

func (n *Node) neighbour(in *Netns, l netlink.Link, a netip.Addr, mac net.HardwareAddr) {
	n.t.Helper()
	err := in.Handle.NeighSet(&netlink.Neigh{LinkIndex: l.Attrs().Index, State: netlink.NUD_PERMANENT, IP: a.AsSlice(), HardwareAddr: mac})
	if err != nil {
		n.t.Fatalf("add neighbour %s in %s: %v", a, in.Name, err)
	}
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// RouteTo makes the node send what is for a to the pod.
func (n *Node) RouteTo(p *Pod, a netip.Addr) {
	n.t.Helper()
	l, err := n.Handle.LinkByName(p.HostName)
	if err != nil {
		n.t.Fatalf("route %s to %s: %v", a, p.Name, err)
	}
	n.route(n.Netns, l, netip.PrefixFrom(a, a.BitLen()), netip.Addr{})
	mac, err := p.Handle.LinkByName("eth0")
	if err != nil {
		n.t.Fatalf("route %s to %s: %v", a, p.Name, err)
	}
	n.neighbour(n.Netns, l, a, mac.Attrs().HardwareAddr)
}
