package ebpf

import (
	"encoding/binary"
	"errors"
	"net"
	"net/netip"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// train is a steady UDP flow of numbered datagrams of which each must arrive.
type train struct {
	b        *testbed
	sent     atomic.Int64
	arrived  atomic.Int64
	stop     chan struct{}
	stopOnce sync.Once
	done     sync.WaitGroup
}

// train starts a flow of about five datagrams a millisecond, slow enough that no queue overflows.
func (b *testbed) train(from, to *lab.Pod, f family, number uint16) *train {
	b.Helper()
	t := &train{b: b, stop: make(chan struct{})}
	receiver, sender := to.UDP(f.of(to), number), from.UDP(f.of(from), 0)
	lab.BigBuffer(b, receiver)
	t.done.Go(func() {
		buf := make([]byte, 64)
		for {
			receiver.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			_, err := receiver.Read(buf)
			if err == nil {
				t.arrived.Add(1)
			} else if errors.Is(err, net.ErrClosed) {
				return
			} else if errors.Is(err, os.ErrDeadlineExceeded) && t.stopped() && t.arrived.Load() == t.sent.Load() {
				return
			}
		}
	})
	t.done.Go(func() {
		tick := time.NewTicker(time.Millisecond)
		defer tick.Stop()
		destination := netip.AddrPortFrom(f.of(to), number)
		for !t.stopped() {
			for range 5 {
				if _, err := sender.WriteToUDPAddrPort(binary.BigEndian.AppendUint64(nil, uint64(t.sent.Load())), destination); err == nil {
					t.sent.Add(1)
				}
			}
			<-tick.C
		}
	})
	b.Cleanup(func() {
		t.end()
		receiver.Close()
		t.done.Wait()
	})
	return t
}

func (t *train) stopped() bool {
	select {
	case <-t.stop:
		return true
	default:
		return false
	}
}

func (t *train) end() { t.stopOnce.Do(func() { close(t.stop) }) }

// wantAll ends the flow and makes sure that every datagram arrived.
func (t *train) wantAll() {
	t.b.Helper()
	t.end()
	lab.Holds(5*time.Second, func() bool { return t.arrived.Load() == t.sent.Load() })
	if t.sent.Load() < 100 || t.arrived.Load() != t.sent.Load() {
		t.b.Errorf("%d of %d datagrams arrived", t.arrived.Load(), t.sent.Load())
	}
}

// wantNone ends the flow and makes sure that not one arrived.
func (t *train) wantNone() {
	t.b.Helper()
	t.end()
	if t.sent.Load() < 100 || t.arrived.Load() != 0 {
		t.b.Errorf("%d of %d forbidden datagrams arrived", t.arrived.Load(), t.sent.Load())
	}
}

// traffic is what the policies of the continuity tests allow and forbid.
type traffic struct {
	allowed, denied *train
	echoed          *atomic.Int64
}

// allowedWays is what pod b accepts in the continuity tests.
var allowedWays = []datapath.VerdictKey{port(groupA, datapath.TCP, 80), port(groupA, datapath.UDP, 81)}

func (b *testbed) startTraffic(f family) *traffic {
	b.Helper()
	b.b.Echo(f.of(b.b), 80)
	tr := &traffic{echoed: b.stream(b.a, f.of(b.b), 80), allowed: b.train(b.a, b.b, f, 81), denied: b.train(b.c, b.b, f, 82)}
	b.progress(tr.echoed, "the stream to run")
	lab.Eventually(b, "datagrams to run", func() bool { return tr.allowed.arrived.Load() > 10 && tr.denied.sent.Load() > 10 })
	return tr
}

func (tr *traffic) check(b *testbed) {
	b.Helper()
	b.progress(tr.echoed, "the stream to go on")
	tr.allowed.wantAll()
	tr.denied.wantNone()
}

// TestProfileFlips changes pod b's profile 200 times under traffic that old and new profile treat alike.
func TestProfileFlips(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, allowedWays...)
		tr := b.startTraffic(f)
		var old *datapath.Change
		for range 200 {
			b.nextProfile += 13
			next := verdictsOf(b.nextProfile, b.nextRule, allowedWays)
			b.apply(next)
			b.isolate(b.b, b.nextProfile, 0)
			if old != nil {
				sweep := &datapath.Change{}
				for k := range old.PutVerdicts {
					sweep.DeleteVerdicts = append(sweep.DeleteVerdicts, k)
				}
				if err := b.d.Barrier(); err != nil {
					t.Fatal(err)
				}
				b.apply(sweep)
			}
			old = next
			lab.Holds(2*time.Millisecond, func() bool { return false })
		}
		tr.check(b)
		if n := b.drops(datapath.ReasonNoVerdict); n != 0 {
			t.Errorf("%d packets met no verdict", n)
		}
	})
}

// TestFlipIsNeverTorn flips as fast as it can between two profiles whose ids have no bit in common: the halves of the two would be a profile
// without verdicts.
func TestFlipIsNeverTorn(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	f := families[0]
	const one, other datapath.ProfileID = 0xaaaaaaa, 0x5555555
	b.apply(verdictsOf(one, 10, allowedWays))
	b.apply(verdictsOf(other, 20, allowedWays))
	b.isolate(b.b, one, one)
	b.isolateEgress(b.b, port(groupA, datapath.UDP, clientPort))
	egress := b.isolated[b.b].Egress
	sent := b.flood(b.a.UDP(b.a.Address4, 0), netip.AddrPortFrom(f.of(b.b), 81))
	b.flood(b.a.UDP(b.a.Address4, 0), netip.AddrPortFrom(f.of(b.b), 81))
	for sent.Load() < 100000 {
		for range 1000 {
			b.isolate(b.b, one, egress)
			b.isolate(b.b, other, egress)
		}
	}
	if n := b.dropped(); n != 0 {
		t.Errorf("%d of more than %d packets dropped: %+v", n, sent.Load(), b.all())
	}
}

// TestReplacementUnderTraffic replaces the program by another with tables of its own, again and again, under traffic.
func TestReplacementUnderTraffic(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, allowedWays...)
		verdicts := verdictsOf(b.nextProfile, b.nextRule, allowedWays)
		tr := b.startTraffic(f)
		for range 8 {
			next := b.open()
			if err := next.Apply(verdicts); err != nil {
				t.Fatal(err)
			}
			b.attach(next)
			if err := b.d.Close(); err != nil {
				t.Fatal(err)
			}
			b.d = next
		}
		tr.check(b)
		b.wantInstances(1)
	})
}
