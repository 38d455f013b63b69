package ebpf

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// TestUntrackedIngress turns connection tracking off under a pod that accepts everything that a sends, and under one that is not isolated.
func TestUntrackedIngress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp := probes[1]
		b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
		b.wantPass(b.a, b.b, udp.packet(f.of(b.a), f.of(b.b), 80))
		b.keeper()
		b.wantPass(b.a, b.c, udp.packet(f.of(b.a), f.of(b.c), 80))
		want := udp.event(f, f.of(b.a), f.of(b.b), 80, 0, false)
		want.Reason = datapath.ReasonNoConntrack
		b.wantDrop(want, b.a, udp.packet(f.of(b.a), f.of(b.b), 80))
	})
}
