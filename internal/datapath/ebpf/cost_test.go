package ebpf

import (
	"fmt"
	"net"
	"net/netip"
	"slices"
	"testing"

	cebpf "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// filling is how full the tables are under each of the two profiles that judge a packet.
type filling struct {
	name             string
	verdicts, blocks int
	ports            int // to which packets go, from 1 on
	bed              *testbed
	sender           *net.UDPConn
	costs            []float64 // ns a packet, one of each round
}

// newFillings makes the fillings. The packets go to as many ports, if so many are open.
func newFillings(t testing.TB, ports int) []*filling {
	t.Helper()
	all := []*filling{
		{name: "10 verdicts", verdicts: 10}, {name: "1,000 verdicts", verdicts: 1000}, {name: "100,000 verdicts", verdicts: 100000},
		{name: "10 verdicts, 10 blocks of ports", verdicts: 10, blocks: 10},
		{name: "1,000 verdicts, 1,000 blocks", verdicts: 1000, blocks: 1000},
		{name: "100,000 verdicts, 30,000 blocks", verdicts: 100000, blocks: 30000},
	}
	for _, f := range all {
		f.ports = min(ports, max(f.verdicts, f.blocks)-8)
		f.bed = newTestbed(t)
		egress, ingress := f.bed.write(f.entries(groupB)), f.bed.write(f.entries(groupA))
		f.bed.refer(f.bed.a, datapath.Profile{Egress: egress, EgressRanges: f.blocks > 0})
		f.bed.refer(f.bed.b, datapath.Profile{Ingress: ingress, IngressRanges: f.blocks > 0})
		f.sender = f.bed.a.UDP(f.bed.a.Address4, 0)
	}
	return all
}

// entries opens ports of the peer by verdicts, or by blocks if there are any, and fills the rest with other groups.
func (f *filling) entries(peer datapath.GroupID) *entries {
	e := newEntries(1, datapath.AnyGroup, peer)
	for n := range f.ports {
		number := uint16(n + 1)
		if f.blocks > 0 {
			e.ranges[datapath.RangeKey{Group: peer, Protocol: datapath.UDP, Port: number, Bits: 16}] = accept(2)
		} else {
			e.verdicts[port(peer, datapath.UDP, number)] = accept(2)
		}
	}
	for g := datapath.FirstGroup + 1000; len(e.verdicts) < f.verdicts; g++ {
		e.verdicts[port(g, datapath.UDP, 0)] = accept(3)
	}
	for g := datapath.FirstGroup + 1000; len(e.ranges) < f.blocks; g++ {
		e.ranges[datapath.RangeKey{Group: g, Protocol: datapath.UDP, Port: 1024, Bits: 6}] = accept(3)
	}
	return e
}

// round sends packets to one open port after the other and notes what judging one cost.
func (f *filling) round(t testing.TB, packets int) {
	t.Helper()
	before := f.stats(t)
	for i := range packets {
		to := netip.AddrPortFrom(f.bed.b.Address4, uint16(i%f.ports+1))
		// An error tells of the port unreachable that an earlier one met.
		_, _ = f.sender.WriteToUDPAddrPort([]byte("hedgerow"), to)
	}
	after := f.stats(t)
	f.costs = append(f.costs, float64(after.Runtime-before.Runtime)/float64(after.RunCount-before.RunCount))
}

func (f *filling) stats(t testing.TB) *cebpf.ProgramStats {
	t.Helper()
	stats, err := f.bed.d.objects.Hedgerow.Stats()
	if err != nil {
		t.Fatal(err)
	}
	return stats
}

func (f *filling) median() float64 {
	slices.Sort(f.costs)
	return f.costs[len(f.costs)/2]
}

// measure lets the fillings take turns, so that a busy machine is busy for all of them.
func measure(t testing.TB, ports, rounds, packets int) []*filling {
	t.Helper()
	on, err := cebpf.EnableStats(unix.BPF_STATS_RUN_TIME)
	if err != nil {
		t.Fatal(err)
	}
	defer on.Close()
	all := newFillings(t, ports)
	for range rounds {
		for _, f := range all {
			f.round(t, packets)
		}
	}
	for _, f := range all {
		if n := f.bed.dropped(); n != 0 {
			t.Errorf("%s: %d packets dropped: %+v", f.name, n, f.bed.all())
		}
	}
	return all
}

// TestCostDoesNotGrow: a packet costs a fixed number of lookups however many entries there are. Blocks of ports cost one more in each direction, which takes
// as many steps as their keys have bits at most. A walk over the entries would cost thousands of times as much.
func TestCostDoesNotGrow(t *testing.T) {
	all := measure(t, 1, 7, 3000)
	for _, f := range all {
		ratio := f.median() / all[0].median()
		t.Logf("%s: %.0f ns a packet, %.2f of the first", f.name, f.median(), ratio)
		if ratio > 4 {
			t.Errorf("%s: %.1f times the cost of %s", f.name, ratio, all[0].name)
		}
	}
}

// BenchmarkPacket measures what judging one packet costs: of one flow, which the processor's caches hold, and of a thousand.
func BenchmarkPacket(b *testing.B) {
	for _, ports := range []int{1, 900} {
		b.Run(fmt.Sprintf("%d flows", ports), func(b *testing.B) {
			var all []*filling
			for b.Loop() {
				all = measure(b, ports, 15, 20000)
			}
			for _, f := range all {
				b.Logf("%-34s %4d flows %5.0f ns a packet, %.2f of the first", f.name, f.ports, f.median(), f.median()/all[0].median())
			}
			b.ReportMetric(all[0].median(), "ns/packet")
		})
	}
}
