package ebpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// Groups of networks, each inside the one before.
const (
	groupWide datapath.GroupID = datapath.FirstGroup + 100 + iota
	groupMiddle
	groupInner
)

// at returns the address that begins with these octets and goes on with one octet to its end.
func (f family) at(fill byte, first ...byte) netip.Addr {
	size := 4
	if f.is6() {
		size = 16
	}
	a, _ := netip.AddrFromSlice(append(first, bytes.Repeat([]byte{fill}, size-len(first))...))
	return a
}

// nested are networks of 8, 16 and 24 bits. Two of the three are accepted.
func nested(f family) (c *datapath.Change, wide, middle, inner netip.Prefix) {
	first := f.pickKind(100, 0x26)
	wide, middle = netip.PrefixFrom(f.at(0, first), 8), netip.PrefixFrom(f.at(0, first, 5), 16)
	inner = netip.PrefixFrom(f.at(0, first, 5, 9), 24)
	return &datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{
		wide: groupWide, middle: groupMiddle, inner: groupInner,
	}}, wide, middle, inner
}

// wantOutside sends to and from an outside address. Pod a's egress and pod b's ingress accept it or deny it by these rules.
func (b *testbed) wantOutside(f family, outside netip.Addr, accepted bool, egress, ingress datapath.RuleID) {
	b.Helper()
	udp := probes[1]
	b.node.RouteTo(b.world, outside)
	out, in := udp.packet(f.of(b.a), outside, 80), udp.packet(outside, f.of(b.b), 80)
	if accepted {
		b.wantPass(b.a, b.world, out)
		b.wantPass(b.world, b.b, in)
		return
	}
	b.wantDrop(udp.event(f, f.of(b.a), outside, 80, egress, true), b.a, out)
	b.wantDrop(udp.event(f, outside, f.of(b.b), 80, ingress, false), b.world, in)
}

// TestNetworksInsideOneAnother tries the boundaries of each network from both sides: its longest prefix decides on an address.
func TestNetworksInsideOneAnother(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		c, _, middle, inner := nested(f)
		b.apply(c)
		egress := b.isolateEgress(b.a, port(groupWide, datapath.UDP, 80), port(groupInner, datapath.UDP, 80))
		ingress := b.isolateIngress(b.b, port(groupWide, datapath.UDP, 80), port(groupInner, datapath.UDP, 80))
		first := f.pickKind(100, 0x26)
		for _, tc := range []struct {
			outside  netip.Addr
			accepted bool
		}{
			{f.at(255, first-1), false}, {f.at(0, first), true},
			{f.at(255, first, 4), true}, {f.at(0, first, 5), false},
			{f.at(255, first, 5, 8), false}, {f.at(0, first, 5, 9), true},
			{f.at(255, first, 5, 9), true}, {f.at(0, first, 5, 10), false},
			{f.at(255, first, 5), false}, {f.at(0, first, 6), true},
			{f.at(255, first), true}, {f.at(0, first+1), false},
		} {
			b.wantOutside(f, tc.outside, tc.accepted, egress, ingress)
		}
		b.apply(&datapath.Change{DeleteNetworks: []netip.Prefix{inner}})
		b.wantOutside(f, f.at(0, first, 5, 9), false, egress, ingress)
		b.apply(&datapath.Change{DeleteNetworks: []netip.Prefix{middle}})
		b.wantOutside(f, f.at(0, first, 5, 9), true, egress, ingress)
		host := f.at(1, first, 5, 9)
		b.apply(&datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{netip.PrefixFrom(host, host.BitLen()): groupMiddle}})
		b.wantOutside(f, host, false, egress, ingress)
		b.wantOutside(f, host.Next(), true, egress, ingress)
		b.wantOutside(f, host.Prev(), true, egress, ingress)
	})
}

// TestNetworkOverPods: a network that holds the pods' range says nothing of pods and of nobody's local addresses; a longer one than the cluster's says
// what an unknown address of the cluster may do.
func TestNetworkOverPods(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp, to := probes[1], f.of(b.b)
		far, nobody := f.pick(farNobody4, farNobody6), f.pick(localNobody4, localNobody6)
		b.apply(&datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{netip.PrefixFrom(f.at(0, far.AsSlice()[0]), 8): groupWide}})
		ingress := b.isolateIngress(b.b, port(groupWide, datapath.UDP, 80), port(groupInner, datapath.UDP, 80))
		egress := b.isolateEgress(b.a, port(groupWide, datapath.UDP, 80), port(groupInner, datapath.UDP, 80))
		b.wantOutside(f, f.at(1, far.AsSlice()[0], 77), true, egress, ingress)
		b.wantDrop(udp.event(f, f.of(b.c), to, 80, ingress, false), b.c, udp.packet(f.of(b.c), to, 80))
		b.wantDrop(udp.event(f, f.of(b.a), f.of(b.c), 80, egress, true), b.a, udp.packet(f.of(b.a), f.of(b.c), 80))
		b.wantDrop(closedEvent(nobody, to, datapath.ReasonUnknownLocal), b.world, udp.packet(nobody, to, 80))
		b.forgetPod(b.c)
		b.wantDrop(closedEvent(f.of(b.c), to, datapath.ReasonUnknownLocal), b.c, udp.packet(f.of(b.c), to, 80))

		b.wantOutside(f, far, false, egress, ingress)
		longer := netip.PrefixFrom(far, far.BitLen()-4).Masked()
		b.apply(&datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{longer: groupInner}})
		b.wantOutside(f, far, true, egress, ingress)
		b.apply(&datapath.Change{DeleteNetworks: []netip.Prefix{longer}})
		b.wantOutside(f, far, false, egress, ingress)
	})
}

// TestErrorOfARouter: what an address may open by itself does not matter for errors about connections that are allowed, if it is a router's: another node's,
// or no endpoint at all. A pod elsewhere has no part in the connection.
func TestErrorOfARouter(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		c, _, _, inner := nested(f)
		router, node, pod := inner.Addr().Next(), inner.Addr().Next().Next(), inner.Addr().Next().Next().Next()
		c.PutNetworks[netip.PrefixFrom(f.of(b.world), f.of(b.world).BitLen())] = groupWide
		c.PutEndpoints = map[netip.Addr]datapath.Endpoint{
			node: {Group: groupMiddle, Index: datapath.OtherNodeIndex}, pod: {Group: groupMiddle},
		}
		b.apply(c)
		rule := b.isolateIngress(b.a)
		b.isolateEgress(b.a, port(groupWide, datapath.UDP, 80))
		about := probes[1].packet(f.of(b.a), f.of(b.world), 80)
		b.wantPass(b.a, b.world, about)
		for _, e := range icmpErrors {
			b.wantPass(b.world, b.a, e.packet(f, router, f.of(b.a), about))
			b.wantPass(b.world, b.a, e.packet(f, node, f.of(b.a), about))
			b.wantDrop(probes[3].event(f, pod, f.of(b.a), 0, rule, false), b.world, e.packet(f, pod, f.of(b.a), about))
		}
		// Another node's own packets are judged like anybody's.
		for _, p := range probes {
			b.wantDrop(p.event(f, node, f.of(b.a), 80, rule, false), b.world, p.packet(node, f.of(b.a), 80))
		}
		b.isolateIngress(b.a, port(groupMiddle, datapath.UDP, 80))
		b.wantPass(b.world, b.a, probes[1].packet(node, f.of(b.a), 80))
	})
}

// TestNetworksChangeUnderTraffic puts an outside address into a network that means to the traffic what none meant, together with shorter networks around it
// that mean the opposite and thousands of others, and takes them away again. At no time may the shorter ones count.
func TestNetworksChangeUnderTraffic(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		e := newEntries(1, datapath.AnyGroup, groupWide, groupMiddle, groupInner)
		e.verdicts[port(datapath.AnyGroup, datapath.UDP, 81)] = accept(2)
		e.verdicts[port(groupInner, datapath.UDP, 81)] = accept(3)
		e.verdicts[port(groupWide, datapath.UDP, 82)] = accept(4)
		e.verdicts[port(groupMiddle, datapath.UDP, 82)] = accept(5)
		waysIn[0].govern(b, e)
		allowed, denied := b.train(b.world, b.b, f, 81), b.train(b.world, b.b, f, 82)
		lab.Eventually(t, "datagrams to run", func() bool { return allowed.arrived.Load() > 10 && denied.sent.Load() > 10 })

		world, ipv4 := f.of(b.world), netip.MustParsePrefix("::ffff:0.0.0.0/96")
		c := &datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{
			netip.PrefixFrom(world, 8).Masked(): groupWide, netip.PrefixFrom(world, 16).Masked(): groupMiddle, netip.PrefixFrom(world, 24).Masked(): groupInner,
		}}
		c.PutNetworks[ipv4] = groupMiddle // longer by its own count than IPv4 prefixes, and yet shorter
		for i := range uint16(3000) {
			other := binary.BigEndian.AppendUint16([]byte{f.pickKind(100, 0x26)}, i)
			c.PutNetworks[netip.PrefixFrom(f.at(0, other...), 9+int(i)%16).Masked()] = datapath.GroupID(i) + groupInner + 1
		}
		for range 60 {
			b.apply(c)
			b.apply(&datapath.Change{DeleteNetworks: []netip.Prefix{
				ipv4, netip.PrefixFrom(world, 8).Masked(), netip.PrefixFrom(world, 16).Masked(), netip.PrefixFrom(world, 24).Masked(),
			}})
		}
		allowed.wantAll()
		denied.wantNone()
		if b.decided(3) == 0 {
			t.Error("nothing passed by the network's own group: this test tests nothing")
		}
	})
}
