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
