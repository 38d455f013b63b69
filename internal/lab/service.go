package lab

import (
	"encoding/binary"
	"net/netip"

	"github.com/google/nftables"
	"github.com/google/nftables/expr"
	"golang.org/x/sys/unix"
)

// nat is the node's table for Services in one family.
type nat struct {
	conn                              *nftables.Conn
	table                             *nftables.Table
	prerouting, output, input, egress *nftables.Chain
}

// Service makes the node translate a virtual address and port to a backend's, for packets of others and its own, as a
// node's service proxy does. A backend that reaches itself through it is masqueraded.
func (n *Node) Service(protocol uint8, virtual, backend netip.AddrPort) {
	n.t.Helper()
	t := n.openNAT(virtual.Addr())
	match := append(append(addressIs(virtual.Addr(), true), protocolIs(protocol)...), portIs(virtual.Port())...)
	for _, chain := range []*nftables.Chain{t.prerouting, t.output} {
		t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: append(match[:len(match):len(match)], translateTo(backend)...)})
	}
	hairpin := append(append(addressIs(backend.Addr(), false), addressIs(backend.Addr(), true)...), &expr.Masq{})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: t.egress, Exprs: hairpin})
	n.flushNAT(t)
	n.reach(virtual.Addr())
}

// reach gives the node a route to an address that exists only in translation, or it would not even begin to send.
func (n *Node) reach(a netip.Addr) {
	n.t.Helper()
	l, err := n.Handle.LinkByName("eth0")
	if err != nil {
		n.t.Fatalf("route %s: %v", a, err)
	}
	n.route(n.Netns, l, netip.PrefixFrom(a, a.BitLen()), netip.Addr{})
}

// Masquerade hides packets from an address that leave towards another behind the node's own.
func (n *Node) Masquerade(source, destination netip.Addr) {
	n.t.Helper()
	t := n.openNAT(source)
	t.conn.AddRule(&nftables.Rule{
		Table: t.table, Chain: t.egress, Exprs: append(append(addressIs(source, false), addressIs(destination, true)...), &expr.Masq{}),
	})
	n.flushNAT(t)
}

// SourceNAT shows the node's own sockets another source address for packets from an address.
func (n *Node) SourceNAT(source, shown netip.Addr) {
	n.t.Helper()
	t := n.openNAT(source)
	exprs := append(addressIs(source, false), &expr.Immediate{Register: 1, Data: shown.AsSlice()},
		&expr.NAT{Type: expr.NATTypeSourceNAT, Family: uint32(inet(shown)), RegAddrMin: 1})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: t.input, Exprs: exprs})
	n.flushNAT(t)
	n.reach(shown)
}

// Refuse makes the node answer TCP connections to an address with a reset.
func (n *Node) Refuse(destination netip.Addr) {
	n.t.Helper()
	t := n.openNAT(destination)
	chain := t.conn.AddChain(&nftables.Chain{
		Name: "refuse", Table: t.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookForward, Priority: nftables.ChainPriorityFilter,
	})
	exprs := append(append(addressIs(destination, true), protocolIs(unix.IPPROTO_TCP)...), &expr.Reject{Type: unix.NFT_REJECT_TCP_RST})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: exprs})
	n.flushNAT(t)
}

// NoTrack makes the node's conntrack leave UDP packets to a port alone.
func (n *Node) NoTrack(like netip.Addr, number uint16) {
	n.t.Helper()
	t := n.openNAT(like)
	chain := t.conn.AddChain(&nftables.Chain{
		Name: "raw", Table: t.table, Type: nftables.ChainTypeFilter,
		Hooknum: nftables.ChainHookPrerouting, Priority: nftables.ChainPriorityRaw,
	})
	exprs := append(append(protocolIs(unix.IPPROTO_UDP), portIs(number)...), &expr.Notrack{})
	t.conn.AddRule(&nftables.Rule{Table: t.table, Chain: chain, Exprs: exprs})
	n.flushNAT(t)
}

func (n *Node) openNAT(like netip.Addr) *nat {
	n.t.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(int(n.fd)))
	if err != nil {
		n.t.Fatalf("open nftables: %v", err)
	}
	t := &nat{conn: c, table: c.AddTable(&nftables.Table{Name: "services", Family: inet(like)})}
	chain := func(name string, hook *nftables.ChainHook, priority *nftables.ChainPriority) *nftables.Chain {
		return c.AddChain(&nftables.Chain{Name: name, Table: t.table, Type: nftables.ChainTypeNAT, Hooknum: hook, Priority: priority})
	}
	t.prerouting = chain("prerouting", nftables.ChainHookPrerouting, nftables.ChainPriorityNATDest)
	t.output = chain("output", nftables.ChainHookOutput, nftables.ChainPriorityNATDest)
	t.input = chain("input", nftables.ChainHookInput, nftables.ChainPriorityNATSource)
	t.egress = chain("postrouting", nftables.ChainHookPostrouting, nftables.ChainPriorityNATSource)
	return t
}

func (n *Node) flushNAT(t *nat) {
	n.t.Helper()
	if err := t.conn.Flush(); err != nil {
		n.t.Fatalf("write nftables: %v", err)
	}
}

func inet(a netip.Addr) nftables.TableFamily {
	if a.Is4() {
		return nftables.TableFamilyIPv4
	}
	return nftables.TableFamilyIPv6
}

// addressIs compares a packet's destination or source.
func addressIs(a netip.Addr, destination bool) []expr.Any {
	offset, size := uint32(12), uint32(4)
	if a.Is6() {
		offset, size = 8, 16
	}
	if destination {
		offset += size
	}
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseNetworkHeader, Offset: offset, Len: size},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: a.AsSlice()},
	}
}

func protocolIs(protocol uint8) []expr.Any {
	return []expr.Any{
		&expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: []byte{protocol}},
	}
}

func portIs(number uint16) []expr.Any {
	return []expr.Any{
		&expr.Payload{DestRegister: 1, Base: expr.PayloadBaseTransportHeader, Offset: 2, Len: 2},
		&expr.Cmp{Op: expr.CmpOpEq, Register: 1, Data: binary.BigEndian.AppendUint16(nil, number)},
	}
}

func translateTo(to netip.AddrPort) []expr.Any {
	return []expr.Any{
		&expr.Immediate{Register: 1, Data: to.Addr().AsSlice()},
		&expr.Immediate{Register: 2, Data: binary.BigEndian.AppendUint16(nil, to.Port())},
		&expr.NAT{Type: expr.NATTypeDestNAT, Family: uint32(inet(to.Addr())), RegAddrMin: 1, RegProtoMin: 2},
	}
}
