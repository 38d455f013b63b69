package ebpf

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// loads are the states of the tables to measure: without the program, without policies, and with so many verdicts under both pods' profiles.
var loads = []struct {
	name     string
	verdicts int
}{{"none", -1}, {"open", 0}, {"10", 10}, {"10000", 10000}}

// newLoad makes a testbed whose pod a may send to pod b by both ends' profiles.
func newLoad(t testing.TB, verdicts int) *testbed {
	b := newUnattached(t)
	if verdicts < 0 {
		return b
	}
	b.attach(b.d)
	if verdicts > 0 {
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80), port(groupB, datapath.UDP, 80))
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80), port(groupA, datapath.UDP, 80))
		more := &datapath.Change{PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{}}
		for i := range verdicts {
			more.PutVerdicts[datapath.VerdictKey{
				Profile: b.isolated[b.b].Ingress, Group: datapath.FirstGroup + 100 + datapath.GroupID(i), Protocol: datapath.TCP, Port: 80,
			}] = datapath.Verdict{Action: datapath.Accept, Rule: 1}
		}
		b.apply(more)
	}
	return b
}

// BenchmarkConnect measures connections with one message there and back.
func BenchmarkConnect(b *testing.B) {
	for _, load := range loads {
		b.Run(load.name, func(b *testing.B) {
			bed := newLoad(b, load.verdicts)
			bed.b.Echo(bed.b.Address4, 80)
			bed.a.Do(func() {
				to := netip.AddrPortFrom(bed.b.Address4, 80)
				b.ResetTimer()
				for range b.N {
					if err := lab.TalkHere(to); err != nil {
						b.Error(err)
						return
					}
				}
			})
			b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "connections/s")
		})
	}
}

// BenchmarkUDP measures how many small datagrams one sender brings across the node.
func BenchmarkUDP(b *testing.B) {
	for _, load := range loads {
		b.Run(load.name, func(b *testing.B) {
			bed := newLoad(b, load.verdicts)
			sender := bed.a.UDP(bed.a.Address4, 0)
			to := netip.AddrPortFrom(bed.b.Address4, 80)
			bed.b.UDP(bed.b.Address4, 80)
			message := make([]byte, 64)
			before := received(b, bed.b)
			b.ResetTimer()
			for range b.N {
				if _, err := sender.WriteToUDPAddrPort(message, to); err != nil {
					b.Fatal(err)
				}
			}
			b.StopTimer()
			b.ReportMetric(float64(received(b, bed.b)-before)/b.Elapsed().Seconds(), "packets/s")
		})
	}
}

// BenchmarkApply measures what it takes to bring verdicts of a new profile into the kernel.
func BenchmarkApply(b *testing.B) {
	for _, n := range []int{1, 10, 1000, 100000} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			bed := newUnattached(b)
			change := &datapath.Change{PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{}}
			gone := &datapath.Change{}
			for i := range n {
				k := datapath.VerdictKey{Profile: 9, Group: datapath.FirstGroup + datapath.GroupID(i), Protocol: datapath.TCP}
				change.PutVerdicts[k] = datapath.Verdict{}
				gone.DeleteVerdicts = append(gone.DeleteVerdicts, k)
			}
			var spent time.Duration
			for b.Loop() {
				start := time.Now()
				bed.apply(change)
				spent += time.Since(start)
				bed.apply(gone)
			}
			b.ReportMetric(float64(spent.Microseconds())/float64(b.N), "µs/change")
		})
	}
}
