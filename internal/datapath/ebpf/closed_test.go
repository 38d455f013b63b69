package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// closedEvent is what the kernel must tell of a UDP probe that an end closes.
func closedEvent(from, to netip.Addr, reason datapath.Reason) datapath.Event {
	return datapath.Event{
		Source: from, Destination: to, SourcePort: clientPort, DestinationPort: 80, Protocol: datapath.UDP, Reason: reason,
	}
}

// forgetPod takes a pod out of the tables, as before it is attached or after it is detached.
func (b *testbed) forgetPod(p *lab.Pod) {
	b.Helper()
	b.apply(&datapath.Change{
		DeleteEndpoints:  []netip.Addr{p.Address4, p.Address6},
		DeleteInterfaces: []uint32{p.HostIndex},
		DeleteProfiles:   []datapath.ProfileIndex{b.index(p)},
	})
}

// TestLocalAddressWithoutEndpoint: between the making of a pod's interface and its policy being in the kernel, nothing but the node reaches it.
func TestLocalAddressWithoutEndpoint(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp := probes[1]
		b.wantPass(b.a, b.c, udp.packet(f.of(b.a), f.of(b.c), 80))
		b.c.Echo(f.of(b.c), 80)
		echoed := b.stream(b.a, f.of(b.c), 80)
		b.progress(echoed, "the stream to run")

		tcp := func(s lab.Seen) bool { return s.Protocol == datapath.TCP }
		b.cut("endpoint deleted", func() { b.forgetPod(b.c) }, map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(tcp), b.c: b.c.Tap(tcp)})
		for _, from := range []*lab.Pod{b.a, b.world} {
			b.wantDrop(closedEvent(f.of(from), f.of(b.c), datapath.ReasonUnknownLocal), from, udp.packet(f.of(from), f.of(b.c), 80))
		}
		for _, to := range []*lab.Pod{b.a, b.world} {
			b.wantDrop(closedEvent(f.of(b.c), f.of(to), datapath.ReasonUnknownLocal), b.c, udp.packet(f.of(b.c), f.of(to), 80))
		}
		if err := b.node.Talk(f.of(b.c), 80, lab.Allowed); err != nil {
			t.Errorf("from the node: %v", err)
		}
		b.wantPass(b.a, b.world, udp.packet(f.of(b.a), f.of(b.world), 80))

		b.apply(b.basics())
		b.progress(echoed, "the stream to go on with the endpoint back")
	})
}

// TestBlockedAddress: two pods claim it, so it passes nothing at all, not even to and from the node.
func TestBlockedAddress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp := probes[1]
		b.c.Echo(f.of(b.c), 80)
		if err := b.node.Talk(f.of(b.c), 80, lab.Allowed); err != nil {
			t.Fatal(err)
		}
		b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{f.of(b.c): {Group: datapath.BlockedGroup, Index: b.index(b.c)}}})
		b.wantBlocked(f)
		b.wantDrop(closedEvent(f.of(b.c), f.node(b.node), datapath.ReasonBlocked), b.c, udp.packet(f.of(b.c), f.node(b.node), 80))
		for _, to := range []*lab.Pod{b.a, b.world, b.c} {
			b.wantDrop(closedEvent(f.of(b.c), f.of(to), datapath.ReasonBlocked), b.c, udp.packet(f.of(b.c), f.of(to), 80))
		}
	})
}

// wantBlocked makes sure that nothing gets to pod c.
func (b *testbed) wantBlocked(f family) {
	b.Helper()
	for _, from := range []*lab.Pod{b.a, b.world} {
		b.wantDrop(closedEvent(f.of(from), f.of(b.c), datapath.ReasonBlocked), from, probes[1].packet(f.of(from), f.of(b.c), 80))
	}
	before := b.drops(datapath.ReasonBlocked)
	if _, err := b.node.Dial(netip.Addr{}, f.of(b.c), 80, lab.Denied); err == nil {
		b.Error("the node connected to a blocked address")
	}
	if b.drops(datapath.ReasonBlocked) == before {
		b.Error("no drop of a packet from the node to a blocked address")
	}
	b.wantPass(b.a, b.b, probes[1].packet(f.of(b.a), f.of(b.b), 80))
}

// TestClearedProfileIsClosed: a reader may hold an endpoint's word while the pod goes away. An empty profile must not look like no isolation.
func TestClearedProfileIsClosed(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.c.Echo(f.of(b.c), 80)
		b.apply(&datapath.Change{DeleteProfiles: []datapath.ProfileIndex{b.index(b.c)}})
		b.wantBlocked(f)
	})
}

// TestUnknownClusterAddress: an address in the cluster's pod ranges that the agent does not know is a group of its own, and never the world.
func TestUnknownClusterAddress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp, far := probes[1], f.pick(farNobody4, farNobody6)
		b.node.RouteTo(b.world, far)
		b.wantPass(b.a, b.world, udp.packet(f.of(b.a), far, 80))

		egress := b.isolateEgress(b.a, port(datapath.WorldGroup, datapath.UDP, 80))
		ingress := b.isolateIngress(b.b, port(datapath.WorldGroup, datapath.UDP, 80))
		b.wantPass(b.a, b.world, udp.packet(f.of(b.a), f.of(b.world), 80))
		b.wantPass(b.world, b.b, udp.packet(f.of(b.world), f.of(b.b), 80))
		b.wantDrop(udp.event(f, f.of(b.a), far, 80, egress, true), b.a, udp.packet(f.of(b.a), far, 80))
		b.wantDrop(udp.event(f, far, f.of(b.b), 80, ingress, false), b.world, udp.packet(far, f.of(b.b), 80))

		b.isolateEgress(b.a, port(datapath.UnknownGroup, datapath.UDP, 80))
		b.isolateIngress(b.b, port(datapath.UnknownGroup, datapath.UDP, 80))
		b.wantPass(b.a, b.world, udp.packet(f.of(b.a), far, 80))
		b.wantPass(b.world, b.b, udp.packet(far, f.of(b.b), 80))
	})
}
