package compile

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/policy"
)

// BenchmarkGreedyTenant is an update after a namespace was isolated, while another has a policy with 20,000 CIDRs, 2,000 ranges and 2,000 ports.
func BenchmarkGreedyTenant(b *testing.B) {
	w := bigWorld(b)
	p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "ns0", Name: "greedy"}, Tier: policy.NetworkPolicy,
		Subject: policy.PodSelector{Namespace: "ns0", Pods: policy.Everything()}}
	p.Isolates[policy.Ingress] = true
	r := policy.Rule{Action: policy.Accept}
	for i := range 20000 {
		a := netip.AddrFrom4([4]byte{198, 18, byte(i >> 7), byte(i << 1)})
		r.Peers = append(r.Peers, policy.Peer{Network: &policy.Network{CIDR: netip.PrefixFrom(a, 32)}})
	}
	for i := range uint16(2000) {
		r.Ports = append(r.Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + 16*i, End: 1003 + 16*i}, policy.Port{Protocol: policy.TCP, Number: 33000 + 2*i})
	}
	p.Rules[policy.Ingress] = []policy.Rule{r}
	w.Policies = append(w.Policies, p)
	benchmarkIsolate(b, w)
}

// TestNearLinear: what a policy costs grows with its size, not with the number of ports, nor with the square of anything. The limits are those of
// the tables, so nothing is shut.
func TestNearLinear(t *testing.T) {
	s := small{t}
	d := s.pod("10.244.0.1", "app", "d")
	evaluations := func(n int) int64 {
		p := s.allow("d", 80)
		for i := range n {
			p.Rules[policy.Ingress] = append(p.Rules[policy.Ingress], policy.Rule{Action: policy.Accept, Index: i + 1,
				Peers: []policy.Peer{{Network: &policy.Network{CIDR: netip.MustParsePrefix(fmt.Sprintf("198.18.%d.%d/32", i/256, i%256))}}},
				Ports: []policy.Port{{Protocol: policy.TCP, Number: uint16(1 + i), End: uint16(30000 + i)}}})
		}
		w := s.world([]*policy.Pod{d}, p)
		return testing.Benchmark(func(b *testing.B) {
			for b.Loop() {
				c := New(Options{})
				commit(c, c.Update(w))
			}
		}).NsPerOp()
	}
	if small, large := evaluations(100), evaluations(1600); large > 80*small {
		t.Errorf("16 times as much takes %d times as long", large/small)
	}
}
