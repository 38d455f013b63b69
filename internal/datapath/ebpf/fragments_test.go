package ebpf

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestFragmentedDatagramPasses sends a datagram that needs three fragments to the port that is accepted.
func TestFragmentedDatagramPasses(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
		b.b.EchoUDP(f.of(b.b), 80)
		if err := lab.ExchangeBytes(b.a.UDP(f.of(b.a), 0), netip.AddrPortFrom(f.of(b.b), 80), make([]byte, 4000)); err != nil {
			t.Error(err)
		}
	})
}
