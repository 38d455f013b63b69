package ebpf

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// silences are the ways in which a packet from pod a to an address can be denied.
var silences = []struct {
	name string
	to   func(b *testbed, f family) netip.Addr
	deny func(b *testbed, f family)
}{
	{"ingress of the server", func(b *testbed, f family) netip.Addr { return f.of(b.b) }, func(b *testbed, _ family) { b.isolateIngress(b.b) }},
	{"egress of the client", func(b *testbed, f family) netip.Addr { return f.of(b.b) }, func(b *testbed, _ family) {
		b.isolateEgress(b.a, port(groupC, datapath.OtherProtocols, 0))
	}},
	{"egress to the node", func(b *testbed, f family) netip.Addr { return f.node(b.node) }, func(b *testbed, _ family) {
		b.isolateEgress(b.a, port(groupC, datapath.OtherProtocols, 0))
	}},
	{"egress to the world", func(b *testbed, f family) netip.Addr { return f.of(b.world) }, func(b *testbed, _ family) {
		b.isolateEgress(b.a, port(groupC, datapath.OtherProtocols, 0))
	}},
	{"an address that two pods claim", func(b *testbed, f family) netip.Addr { return f.of(b.b) }, func(b *testbed, f family) {
		b.apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{f.of(b.b): {Group: datapath.BlockedGroup, Index: b.index(b.b)}}})
	}},
	{"a pod that is not attached", func(b *testbed, f family) netip.Addr { return f.of(b.b) }, func(b *testbed, _ family) { b.forgetPod(b.b) }},
}

// TestDeniedIsSilent sends one packet of each protocol that is denied. Nothing comes back: no reset, no abort, no ICMP error. Whoever asked cannot tell a
// denied port from an address without anybody.
func TestDeniedIsSilent(t *testing.T) {
	for _, s := range silences {
		t.Run(s.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				allErrors(b.node.Netns, b.b.Netns, b.world.Netns)
				to := s.to(b, f)
				s.deny(b, f)
				heard := b.a.Tap(func(seen lab.Seen) bool {
					return seen.Destination.Addr() == f.of(b.a) && seen.Source.Addr() != f.of(b.c) && !isDiscovery(seen)
				})
				for _, p := range probes {
					before := b.dropped()
					b.a.Inject(p.packet(f.of(b.a), to, 80).Bytes())
					lab.Eventually(b, p.name+" to be dropped", func() bool { return b.dropped() > before })
				}
				// What would have come back was on its way before this answer.
				b.wantEcho(b.a, f.of(b.a), f.of(b.c))
				if n := heard.Count(); n != 0 {
					b.Errorf("%d packets came back", n)
				}
			})
		})
	}
}

// isDiscovery tells the neighbour discovery of the kernels from what the test waits for.
func isDiscovery(s lab.Seen) bool {
	return s.Protocol == unix.IPPROTO_ICMPV6 && s.Type >= 130 && s.Type <= 143
}
