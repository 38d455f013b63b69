package ebpf

import (
	"net/netip"
	"runtime"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestFloodDoesNotHide floods one rule with denied packets from one pod; a single packet that another rule denies must be told of all the same.
func TestFloodDoesNotHide(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		loud := b.isolateIngress(b.b)
		quiet := b.isolateIngress(b.a)
		sent := b.flood(b.c.UDP(f.of(b.c), 0), netip.AddrPortFrom(f.of(b.b), 80))
		lab.Eventually(t, "the flood to run", func() bool { return sent.Load() > 10000 && b.dropped() > 10000 })
		b.forget()
		start := time.Now()
		udp := probes[1]
		b.wantDrop(udp.event(f, f.of(b.c), f.of(b.a), 90, quiet, false), b.c, udp.packet(f.of(b.c), f.of(b.a), 90))

		flooded := udp.event(f, f.of(b.c), f.of(b.b), 80, loud, false)
		flooded.SourcePort = 0
		lab.Eventually(t, "the flood to be told of", func() bool { return b.told(flooded) })
		b.mu.Lock()
		events, elapsed := len(b.events), time.Since(start)
		b.mu.Unlock()
		// One event a rule, a CPU and 10 ms.
		if most := int(elapsed/(10*time.Millisecond)+2) * 2 * runtime.NumCPU(); events > most {
			t.Errorf("%d events in %v, want at most %d", events, elapsed, most)
		}
	})
}

// TestRepliesAreToldAsTheirFlow cuts a server's push: the event names the client as source.
func TestRepliesAreToldAsTheirFlow(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		server, client := b.b.UDP(f.of(b.b), 80), b.a.UDP(f.of(b.a), clientPort)
		if _, err := client.WriteToUDPAddrPort([]byte("subscribe"), netip.AddrPortFrom(f.of(b.b), 80)); err != nil {
			t.Fatal(err)
		}
		if _, _, err := server.ReadFromUDPAddrPort(make([]byte, 100)); err != nil {
			t.Fatal(err)
		}
		rule := b.isolateEgress(b.a)
		push := lab.UDPPacket(netip.AddrPortFrom(f.of(b.b), 80), netip.AddrPortFrom(f.of(b.a), clientPort), []byte("push"))
		want := probes[1].event(f, f.of(b.a), f.of(b.b), 80, rule, true)
		want.Reply = true
		b.wantDrop(want, b.b, push)
	})
}

// TestCounters counts what one rule accepts and another denies, with and without a place of their own in the table.
func TestCounters(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	udp := probes[1]
	rule := b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	b.b.UDP(b.b.Address4, 80) // or its kernel answers with errors, which count as packets of the flow
	accepted, denied := udp.packet(b.a.Address4, b.b.Address4, 80), udp.packet(b.a.Address4, b.b.Address4, 81)
	for range 5 {
		b.wantPass(b.a, b.b, accepted)
	}
	raw := denied.Bytes()
	b.a.Inject(raw, raw, raw)
	lab.Eventually(t, "three drops", func() bool { return b.drops(datapath.ReasonRule) == 3 })
	for id, want := range map[datapath.RuleID]Counter{
		rule + 1: {Packets: 5, Bytes: 5 * uint64(len(accepted.Bytes()))}, rule: {Packets: 3, Bytes: 3 * uint64(len(raw))}, rule + 2: {},
	} {
		if got, err := b.d.RuleCounter(id); err != nil || got != want {
			t.Errorf("rule %d: %+v (%v), want %+v", id, got, err, want)
		}
	}

	// A rule without a place is told of too.
	beyond := datapath.RuleID(b.d.sizes.Rules + 7)
	b.apply(verdictsOf(31, beyond, nil))
	b.isolate(b.b, 31, 0)
	b.wantDrop(udp.event(families[0], b.a.Address4, b.b.Address4, 80, beyond, false), b.a, accepted)
	if got, err := b.d.RuleCounter(beyond); err != nil || got != (Counter{}) {
		t.Errorf("rule beyond the table: %+v (%v)", got, err)
	}
}
