package ebpf

import (
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// TestEchoIsOtherProtocols: ports of TCP and UDP do not allow an echo, an entry for other protocols does.
func TestEchoIsOtherProtocols(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		echo := probes[3]
		rule := b.isolateIngress(b.b, port(groupA, datapath.UDP, 80), port(groupA, datapath.TCP, 0))
		b.wantDrop(echo.event(f, f.of(b.a), f.of(b.b), 0, rule, false), b.a, echo.packet(f.of(b.a), f.of(b.b), 0))
		b.isolateIngress(b.b, port(groupA, datapath.OtherProtocols, 0))
		if err := b.a.Ping(f.of(b.b)); err != nil {
			t.Error(err)
		}
	})
}
