package compile

import (
	"fmt"
	"net/netip"
	"syscall"
	"testing"

	"github.com/hedgerow-net/hedgerow/policy"
)

// bigWorld has 200 namespaces with 25 pods each, 250 of them local, and 500 policies: in every namespace two or three, of the kinds that
// people write: from one's own namespace, from a labelled one, from everywhere at a port.
func bigWorld(b *testing.B) *World {
	w := &World{Node: "n0", ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.128.0.0/9")}, LocalCIDRs: []netip.Prefix{netip.MustParsePrefix("10.128.0.0/24")},
		NodeAddresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}
	for n := range 200 {
		ns := &policy.Namespace{Name: fmt.Sprintf("ns%d", n), Labels: map[string]string{"kubernetes.io/metadata.name": fmt.Sprintf("ns%d", n), "team": fmt.Sprint(n % 20)}}
		if n%2 == 0 {
			ns.Isolation = isolationOf(ns.Name)
		}
		w.Namespaces = append(w.Namespaces, ns)
		for p := range 25 {
			w.addPod(n, p)
		}
	}
	for i := range 500 {
		w.Policies = append(w.Policies, bigPolicy(b, i))
	}
	return w
}

func (w *World) addPod(n, p int) {
	number := n*25 + p
	pod := &policy.Pod{
		Namespace: fmt.Sprintf("ns%d", n), Name: fmt.Sprintf("p%d", p), UID: fmt.Sprint(number), Node: fmt.Sprintf("n%d", number%20),
		Labels: map[string]string{"app": fmt.Sprint(p % 5), "pod-template-hash": "6d4b75cb6d", "tier": fmt.Sprint(p % 3)},
	}
	a := netip.AddrFrom4([4]byte{10, byte(128 + number%20), byte(number / 20 / 250), byte(1 + number/20%250)})
	pod.Addresses = []netip.Addr{a}
	w.Pods = append(w.Pods, pod)
	if pod.Node == "n0" {
		w.Attachments = append(w.Attachments, Attachment{Key: pod.String(), Interface: uint32(number + 2), Addresses: pod.Addresses, Namespace: pod.Namespace, Pod: pod.Name, UID: pod.UID})
	}
}

func bigPolicy(b *testing.B, i int) *policy.Policy {
	labels := func(key, value string) policy.Selector {
		s, err := policy.SelectLabels(map[string]string{key: value})
		if err != nil {
			b.Fatal(err)
		}
		return s
	}
	n := i % 200
	p := &policy.Policy{
		Ref: policy.Ref{Kind: policy.KindAlphaNetworkPolicy, Namespace: fmt.Sprintf("ns%d", n), Name: fmt.Sprintf("pol%d", i)}, Tier: policy.NetworkPolicy, WhenIsolated: true,
		Subject: policy.PodSelector{Namespace: fmt.Sprintf("ns%d", n), Pods: labels("app", fmt.Sprint(i%5))},
	}
	peer := policy.PodSelector{Namespace: p.Ref.Namespace, Pods: labels("app", fmt.Sprint((i+1)%5))}
	if i%3 == 1 {
		peer = policy.PodSelector{Namespaces: labels("team", fmt.Sprint(i%20)), Pods: labels("tier", fmt.Sprint(i%3))}
	}
	p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Pods: &peer}}, Ports: []policy.Port{{Protocol: policy.TCP, Number: uint16(80 + i%4)}}}}
	return p
}

// cpu reports the processor time of an operation when the benchmark ends, which other programs do not disturb as much as the clock's.
func cpu(b *testing.B) func() {
	used := func() int64 {
		var u syscall.Rusage
		if err := syscall.Getrusage(syscall.RUSAGE_SELF, &u); err != nil {
			b.Fatal(err)
		}
		return u.Utime.Nano() + u.Stime.Nano()
	}
	begin := used()
	return func() { b.ReportMetric(float64(used()-begin)/float64(b.N), "cpu-ns/op") }
}

func commit(c *Compiler, p *Plan) { c.Commit(len(p.Changes)) }

// addBlocks adds 200 policies with an ipBlock and its excepts, as many of them nested, each in another namespace.
func addBlocks(b *testing.B, w *World) {
	for i := range 200 {
		block := &policy.Network{CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i%16), byte(i), 0}), 12+i%13).Masked()}
		if i%4 == 0 {
			block.Except = []netip.Prefix{netip.PrefixFrom(netip.AddrFrom4([4]byte{172, byte(16 + i%16), byte(i), 128}), 26)}
		}
		p := &policy.Policy{
			Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: fmt.Sprintf("ns%d", i), Name: "blocks"}, Tier: policy.NetworkPolicy,
			Subject: policy.PodSelector{Namespace: fmt.Sprintf("ns%d", i), Pods: policy.Everything()},
		}
		p.Isolates[policy.Egress] = true
		p.Rules[policy.Egress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Network: block}}, Ports: []policy.Port{{Protocol: policy.TCP, Number: 8000, End: 9000}}}}
		w.Policies = append(w.Policies, p)
	}
}

// BenchmarkIsolate is an update after one namespace's annotation was put or taken away.
func BenchmarkIsolate(b *testing.B) { benchmarkIsolate(b, bigWorld(b)) }

// BenchmarkIsolateBlocks is the same with networks in use.
func BenchmarkIsolateBlocks(b *testing.B) {
	w := bigWorld(b)
	addBlocks(b, w)
	benchmarkIsolate(b, w)
}

func benchmarkIsolate(b *testing.B, w *World) {
	c := New(Options{})
	commit(c, c.Update(w))
	on, off := *w.Namespaces[40], *w.Namespaces[40]
	off.Isolation = nil
	i := 0
	defer cpu(b)()
	for b.Loop() {
		i++
		if w.Namespaces[40] = &off; i%2 == 0 {
			w.Namespaces[40] = &on
		}
		change(b, c, w, i)
	}
}

// BenchmarkBlock is an update after one ipBlock changed.
func BenchmarkBlock(b *testing.B) {
	w := bigWorld(b)
	addBlocks(b, w)
	c := New(Options{})
	commit(c, c.Update(w))
	last := len(w.Policies) - 40
	one, two := *w.Policies[last], *w.Policies[last]
	two.Rules[policy.Egress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Network: &policy.Network{CIDR: netip.MustParsePrefix("172.20.1.0/25")}}}}}
	i := 0
	defer cpu(b)()
	for b.Loop() {
		i++
		if w.Policies[last] = &two; i%2 == 0 {
			w.Policies[last] = &one
		}
		change(b, c, w, i)
	}
}

// BenchmarkRemotePod is an update after a pod elsewhere was relabelled.
func BenchmarkRemotePod(b *testing.B) {
	w := bigWorld(b)
	c := New(Options{})
	commit(c, c.Update(w))
	one, two := *w.Pods[1001], *w.Pods[1001]
	two.Labels = map[string]string{"app": "1", "tier": "2"}
	i := 0
	defer cpu(b)()
	for b.Loop() {
		i++
		if w.Pods[1001] = &two; i%2 == 0 {
			w.Pods[1001] = &one
		}
		commit(c, c.Update(w))
	}
}

// BenchmarkNothing is an update to the same world.
func BenchmarkNothing(b *testing.B) {
	w := bigWorld(b)
	c := New(Options{})
	commit(c, c.Update(w))
	defer cpu(b)()
	for b.Loop() {
		c.Update(w)
	}
}

// BenchmarkFirst is the first update of an agent that starts.
func BenchmarkFirst(b *testing.B) {
	w := bigWorld(b)
	addBlocks(b, w)
	defer cpu(b)()
	for b.Loop() {
		c := New(Options{})
		p := c.Update(w)
		commit(c, p)
		b.ReportMetric(float64(p.Stats.Verdicts), "verdicts")
		b.ReportMetric(float64(p.Stats.Groups), "groups")
		b.ReportMetric(float64(p.Stats.Profiles), "profiles")
	}
}

// BenchmarkSweep is a sweep that finds nothing.
func BenchmarkSweep(b *testing.B) {
	w := bigWorld(b)
	c := New(Options{})
	commit(c, c.Update(w))
	defer cpu(b)()
	for b.Loop() {
		c.Sweep()
	}
}

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

// BenchmarkShutTenant is an update after a namespace was isolated, while another has a policy that is too much for the tables.
func BenchmarkShutTenant(b *testing.B) {
	w := bigWorld(b)
	p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "ns0", Name: "greedy"}, Tier: policy.NetworkPolicy,
		Subject: policy.PodSelector{Namespace: "ns0", Pods: policy.Everything()}}
	p.Isolates[policy.Ingress] = true
	for i := range 100 {
		r := policy.Rule{Action: policy.Accept, Index: i, Peers: []policy.Peer{{Network: &policy.Network{CIDR: netip.PrefixFrom(netip.AddrFrom4([4]byte{198, 18, byte(i), 0}), 24)}}}}
		for n := range uint16(6000) {
			r.Ports = append(r.Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + 2*n})
		}
		p.Rules[policy.Ingress] = append(p.Rules[policy.Ingress], r)
	}
	w.Policies = append(w.Policies, p)
	benchmarkIsolate(b, w)
}

// BenchmarkManyRules is the first update of a world with one policy of so many rules, all with a network and a range of their own. It grows with the
// number of rules, not with its square.
func BenchmarkManyRules(b *testing.B) {
	for _, n := range []int{100, 400, 1600} {
		b.Run(fmt.Sprint(n), func(b *testing.B) {
			s := small{b}
			p := s.allow("d", 80)
			for i := range n {
				p.Rules[policy.Ingress] = append(p.Rules[policy.Ingress], policy.Rule{Action: policy.Accept, Index: i + 1,
					Peers: []policy.Peer{{Network: &policy.Network{CIDR: netip.MustParsePrefix("198.18.0.0/15")}}},
					Ports: []policy.Port{{Protocol: policy.TCP, Number: uint16(1 + i), End: uint16(30000 + i)}}})
			}
			w := s.world([]*policy.Pod{s.pod("10.244.0.1", "app", "d")}, p)
			defer cpu(b)()
			for b.Loop() {
				c := New(Options{})
				commit(c, c.Update(w))
			}
		})
	}
}

// change takes over the world, which must be another one than before, and sweeps now and then, unmeasured.
func change(b *testing.B, c *Compiler, w *World, i int) {
	b.Helper()
	p := c.Update(w)
	if p.Empty() {
		b.Fatal("nothing changed")
	}
	commit(c, p)
	if i%100 == 0 {
		b.StopTimer()
		for p := c.Sweep(); !p.Empty(); p = c.Sweep() {
			commit(c, p)
		}
		b.StartTimer()
	}
}
