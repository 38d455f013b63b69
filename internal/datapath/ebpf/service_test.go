package ebpf

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestServiceBackendByItsOwnAddress: the ways that the tests of Services take, without a Service.
func TestServiceBackendByItsOwnAddress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		rule := b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.b.Echo(f.of(b.b), 80)
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.c), f.of(b.b), 80, rule, false), b.c, tcp.packet(f.of(b.c), f.of(b.b), 80))
	})
}
