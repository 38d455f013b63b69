package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// backendWays let one group reach the port of the pod behind the Service of serve.
func backendWays(group datapath.GroupID) []datapath.VerdictKey {
	return []datapath.VerdictKey{port(group, datapath.TCP, 8080), port(group, datapath.UDP, 8080)}
}

// wantTalk exchanges messages with an echo server over TCP and over UDP, and nothing may be dropped meanwhile.
func (b *testbed) wantTalk(from *lab.Netns, source, to netip.Addr, number uint16) {
	b.Helper()
	before := b.dropped()
	if err := from.Talk(to, number, lab.Allowed); err != nil {
		b.Errorf("TCP from %s to %s: %v; events %+v", from.Name, to, err, b.all())
	}
	if err := lab.Exchange(from.UDP(source, 0), netip.AddrPortFrom(to, number)); err != nil {
		b.Errorf("UDP from %s to %s: %v; events %+v", from.Name, to, err, b.all())
	}
	if n := b.dropped() - before; n != 0 {
		b.Errorf("%d packets dropped while %s talked to %s: %+v", n, from.Name, to, b.all())
	}
}

// wantServiceDrop sends TCP and UDP to the Service and wants both to be dropped as what they are after translation.
func (b *testbed) wantServiceDrop(f family, from *lab.Pod, virtual netip.Addr, rule datapath.RuleID, egress bool) {
	b.Helper()
	arrived := b.b.Tap(func(s lab.Seen) bool { return s.Destination.Port() == 8080 })
	defer arrived.Close()
	for _, p := range probes[:2] {
		b.wantDrop(p.event(f, f.of(from), f.of(b.b), 8080, rule, egress), from, p.packet(f.of(from), virtual, 80))
	}
	if n := arrived.Count(); n != 0 {
		b.Errorf("%d packets from %s arrived through the Service", n, from.Name)
	}
}

// TestServiceFromOutside: whoever reaches the node from beyond the cluster is judged by the backend's policy as well.
func TestServiceFromOutside(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		rule := b.isolateIngress(b.b, backendWays(groupA)...)
		b.wantServiceDrop(f, b.world, virtual, rule, false)
		b.wantTalk(b.a.Netns, f.of(b.a), virtual, 80)
		b.isolateIngress(b.b, backendWays(datapath.WorldGroup)...)
		b.wantTalk(b.world.Netns, f.of(b.world), virtual, 80)
	})
}

// TestServiceEgress: the client's policy speaks of the backend. What it says of the Service's own address (which belongs to nobody, so to the
// world) and of the Service's port does not count.
func TestServiceEgress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		b.isolateIngress(b.a)
		b.isolateEgress(b.a, backendWays(groupB)...)
		b.wantTalk(b.a.Netns, f.of(b.a), virtual, 80)
		accept := append(backendWays(datapath.WorldGroup), backendWays(groupC)...)
		for _, group := range []datapath.GroupID{datapath.WorldGroup, groupB} {
			accept = append(accept, port(group, datapath.TCP, 80), port(group, datapath.UDP, 80))
		}
		rule := b.isolateEgress(b.a, accept...)
		b.wantServiceDrop(f, b.a, virtual, rule, true)
		b.wantTalk(b.c.Netns, f.of(b.c), virtual, 80)
	})
}

// TestServiceHidesClient masquerades the Service's clients: the backend sees the node, the policy still sees the pods.
func TestServiceHidesClient(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		for _, p := range []*lab.Pod{b.a, b.c} {
			b.node.Masquerade(f.of(p), f.of(b.b))
		}
		rule := b.isolateIngress(b.b, backendWays(groupA)...)
		b.isolateEgress(b.b)
		hidden := b.b.Tap(func(s lab.Seen) bool { return s.Source.Addr() == f.node(b.node) })
		seen := b.b.Tap(func(s lab.Seen) bool { return s.Source.Addr() == f.of(b.a) })
		b.wantTalk(b.a.Netns, f.of(b.a), virtual, 80)
		if hidden.Count() == 0 || seen.Count() != 0 {
			b.Errorf("the backend saw %d packets of the node and %d of the client, want only the node's", hidden.Count(), seen.Count())
		}
		b.wantServiceDrop(f, b.c, virtual, rule, false)
	})
}

// TestServiceOfOneselfIsNobodyElses: the pod that reaches itself does so by way of the node, and the way is open to nobody else.
func TestServiceOfOneselfIsNobodyElses(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		ingress := b.isolateIngress(b.b)
		egress := b.isolateEgress(b.b)
		returned := b.b.Tap(func(s lab.Seen) bool { return s.Source.Addr() == f.node(b.node) && s.Destination.Port() == 8080 })
		b.wantTalk(b.b.Netns, f.of(b.b), virtual, 80)
		if returned.Count() == 0 {
			b.Error("the pod's packets did not come back to it by way of the node")
		}
		b.wantServiceDrop(f, b.a, virtual, ingress, false)
		for _, p := range probes[:2] {
			b.wantDrop(p.event(f, f.of(b.b), f.of(b.a), 8080, egress, true), b.b, p.packet(f.of(b.b), f.of(b.a), 8080))
		}
	})
}

// TestServiceOfOneselfErrors: the node's ICMP errors about a connection of a pod with itself pass as the connection does.
func TestServiceOfOneselfErrors(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		rule := b.isolateIngress(b.b)
		b.isolateEgress(b.b)
		c := b.b.UDP(f.of(b.b), clientPort)
		if err := lab.Exchange(c, netip.AddrPortFrom(virtual, 80)); err != nil {
			b.Fatal(err)
		}
		timeExceeded := uint8(11)
		if f.is6() {
			timeExceeded = 3
		}
		errors := b.b.Tap(func(s lab.Seen) bool { return s.Protocol == f.icmp() && s.Type == timeExceeded })
		last := probes[1].packet(f.of(b.b), virtual, 80)
		last.HopLimit = 1
		if !lab.Holds(lab.Denied, func() bool {
			b.b.Inject(last.Bytes())
			return errors.Count() > 0
		}) {
			b.Errorf("no error arrived; events %+v", b.all())
		}
		b.wantServiceDrop(f, b.a, virtual, rule, false)
	})
}

// TestServiceCutAtClient tightens the client's policy under a stream through the Service; another client goes on.
func TestServiceCutAtClient(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		b.isolateEgress(b.a, backendWays(groupB)...)
		b.progress(b.stream(b.a, virtual, 80), "the stream to run")
		ours := func(s lab.Seen) bool {
			return s.Protocol == datapath.TCP && (s.Source.Addr() == f.of(b.a) || s.Destination.Addr() == f.of(b.a))
		}
		taps := map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(ours), b.b: b.b.Tap(ours)}
		b.cut("tightened", func() { b.isolateEgress(b.a, port(datapath.WorldGroup, datapath.TCP, 80)) }, taps)
		// The cut stream is still retransmitted and dropped meanwhile.
		if err := b.c.Talk(virtual, 80, lab.Allowed); err != nil {
			b.Errorf("c does not reach the Service: %v", err)
		}
	})
}

// TestServiceMasqueradedEgress: pods leave the cluster with the node's address, and are judged by their own in both directions.
func TestServiceMasqueradedEgress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Masquerade(f.of(b.a), f.of(b.world))
		b.world.Echo(f.of(b.world), 80)
		b.world.EchoUDP(f.of(b.world), 80)
		egress := b.isolateEgress(b.a, port(datapath.WorldGroup, datapath.TCP, 80), port(datapath.WorldGroup, datapath.UDP, 80))
		ingress := b.isolateIngress(b.a)
		hidden := b.world.Tap(func(s lab.Seen) bool { return s.Source.Addr() == f.node(b.node) })
		seen := b.world.Tap(func(s lab.Seen) bool { return s.Source.Addr() == f.of(b.a) })
		b.wantTalk(b.a.Netns, f.of(b.a), f.of(b.world), 80)
		if hidden.Count() == 0 || seen.Count() != 0 {
			b.Errorf("the world saw %d packets of the node and %d of the pod, want only the node's", hidden.Count(), seen.Count())
		}
		for _, p := range probes[:2] {
			b.wantDrop(p.event(f, f.of(b.a), f.of(b.world), 81, egress, true), b.a, p.packet(f.of(b.a), f.of(b.world), 81))
			b.wantDrop(p.event(f, f.of(b.world), f.of(b.a), 80, ingress, false), b.world, p.packet(f.of(b.world), f.of(b.a), 80))
		}
	})
}

// TestServiceOfSCTP: an association through a Service is judged by the backend and its port, and its answers come back as the Service's.
func TestServiceOfSCTP(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual, sctp := f.pick(virtual4, virtual6), probes[2]
		b.node.Service(datapath.SCTP, netip.AddrPortFrom(virtual, 80), netip.AddrPortFrom(f.of(b.b), 8080))
		b.isolateIngress(b.a)
		b.isolateEgress(b.b)
		rule := b.isolateIngress(b.b, port(groupA, datapath.SCTP, 80))
		b.wantDrop(sctp.event(f, f.of(b.a), f.of(b.b), 8080, rule, false), b.a, sctp.packet(f.of(b.a), virtual, 80))

		b.isolateIngress(b.b, port(groupA, datapath.SCTP, 8080))
		client, front, back := netip.AddrPortFrom(f.of(b.a), clientPort), netip.AddrPortFrom(virtual, 80), netip.AddrPortFrom(f.of(b.b), 8080)
		opened := b.b.Tap(func(s lab.Seen) bool { return s.Source == client && s.Destination == back && s.Type == sctpINIT })
		answered := b.a.Tap(func(s lab.Seen) bool { return s.Source == front && s.Destination == client && s.Type == sctpINITACK })
		b.a.Inject(association{client, front}.there(sctpINIT).Bytes())
		lab.Eventually(t, "INIT to arrive at the backend", func() bool { return opened.Count() == 1 })
		b.b.Inject(association{client, back}.back(sctpINITACK).Bytes())
		lab.Eventually(t, "the answer to arrive as the Service's", func() bool { return answered.Count() == 1 })
	})
}
