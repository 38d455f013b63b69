package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestNodeReachesIsolatedPod: health checks of the kubelet, for example. The replies come back too, though the pod may send nothing by itself.
func TestNodeReachesIsolatedPod(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b)
		egress := b.isolateEgress(b.b)
		b.b.Echo(f.of(b.b), 80)
		b.b.EchoUDP(f.of(b.b), 80)
		for range 2 {
			if err := b.node.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
				t.Error(err)
			}
			if err := lab.Exchange(b.node.UDP(f.node(b.node), 0), netip.AddrPortFrom(f.of(b.b), 80)); err != nil {
				t.Error(err)
			}
		}
		if err := b.node.Ping(f.of(b.b)); err != nil {
			t.Error(err)
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped: %+v", n, b.all())
		}
		// What the pod starts by itself is judged by its egress profile.
		for _, p := range probes {
			b.wantDrop(p.event(f, f.of(b.b), f.node(b.node), 80, egress, true), b.b, p.packet(f.of(b.b), f.node(b.node), 80))
		}
	})
}

// TestPodToNode: the pod's egress profile decides; nobody isolates a node.
func TestPodToNode(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Echo(f.node(b.node), 80)
		b.node.Echo(f.node(b.node), 81)
		b.isolateIngress(b.a)
		if err := b.a.Talk(f.node(b.node), 80, lab.Allowed); err != nil {
			t.Errorf("a pod that is isolated for ingress only: %v", err)
		}
		rule := b.isolateEgress(b.a, port(groupNode, datapath.TCP, 80))
		if err := b.a.Talk(f.node(b.node), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.a), f.node(b.node), 81, rule, true), b.a, tcp.packet(f.of(b.a), f.node(b.node), 81))
	})
}

// TestRevokedWayToNodeStaysCut cuts a pod's stream to its node and makes the kernel forget it. The node's retransmissions look like a connection of
// the node to the pod, which is always allowed: the stream must not resume by them.
func TestRevokedWayToNodeStaysCut(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Echo(f.node(b.node), 80)
		b.isolateEgress(b.a, port(groupNode, datapath.TCP, 80))
		echoed := b.stream(b.a, f.node(b.node), 80)
		b.progress(echoed, "the stream to run")
		taps := map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(func(s lab.Seen) bool { return s.Protocol == datapath.TCP })}
		b.cut("tightened", func() { b.isolateEgress(b.a) }, taps)
		for range 2 {
			b.cut("forgotten", func() { b.deleteFlows(f) }, taps)
		}
		b.b.Echo(f.of(b.b), 80)
		if err := b.node.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
	})
}

// TestNodeIsKnownByItsIndex: the group that its addresses share with others gives those nothing, and taking it away takes the node nothing.
func TestNodeIsKnownByItsIndex(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp, node, to := probes[1], f.node(b.node), f.of(b.b)
		b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{
			f.of(b.a): {Group: groupNode, Index: b.index(b.a)}, f.of(b.world): {Group: groupNode},
		}})
		b.b.Echo(to, 80)
		rule := b.isolateIngress(b.b)
		for _, group := range []datapath.GroupID{groupNode, groupB, datapath.UnknownGroup, datapath.WorldGroup} {
			b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{node: {Group: group, Index: datapath.NodeIndex}}})
			if err := b.node.Talk(to, 80, lab.Allowed); err != nil {
				t.Errorf("the node in group %d: %v", group, err)
			}
		}
		for _, from := range []*lab.Pod{b.a, b.world} {
			b.wantDrop(udp.event(f, f.of(from), to, 80, rule, false), from, udp.packet(f.of(from), to, 80))
		}
		// What the group may do, its members may.
		rule = b.isolateIngress(b.b, port(groupNode, datapath.UDP, 80))
		b.wantPass(b.a, b.b, udp.packet(f.of(b.a), to, 80))
		b.wantDrop(udp.event(f, f.of(b.a), to, 81, rule, false), b.a, udp.packet(f.of(b.a), to, 81))
		// Without the index the address is anybody's.
		b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{node: {Group: groupC}}})
		if c, err := b.node.Dial(netip.Addr{}, to, 80, lab.Denied); err == nil {
			c.Close()
			t.Error("connected from an address that is not the node's for the tables")
		}
	})
}

// TestPodToNodeByItsGroup: a pod's egress to the node is judged by whatever group the node's addresses are in.
func TestPodToNodeByItsGroup(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		tcp, node := probes[0], f.node(b.node)
		b.node.Echo(node, 80)
		move := func(group datapath.GroupID) {
			b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{node: {Group: group, Index: datapath.NodeIndex}}})
		}
		rule := b.isolateEgress(b.a, port(groupC, datapath.TCP, 80), port(datapath.WorldGroup, datapath.TCP, 81))
		for _, group := range []datapath.GroupID{groupNode, datapath.WorldGroup} {
			move(group)
			b.wantDrop(tcp.event(f, f.of(b.a), node, 80, rule, true), b.a, tcp.packet(f.of(b.a), node, 80))
		}
		move(groupC)
		if err := b.a.Talk(node, 80, lab.Allowed); err != nil {
			t.Error(err)
		}
	})
}
