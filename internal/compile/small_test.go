package compile

import (
	"math/rand"
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// small is a world of one namespace: local pods, one pod elsewhere, and policies that let those with k=x in.
type small struct{ t testing.TB }

func (s small) selects(key, value string) policy.PodSelector {
	selector, err := policy.SelectLabels(map[string]string{key: value})
	if err != nil {
		s.t.Fatal(err)
	}
	return policy.PodSelector{Namespace: "a", Pods: selector}
}

// allow isolates the pods with app=APP and lets pods with k=x in at the port.
func (s small) allow(app string, port uint16) *policy.Policy {
	peer := s.selects("k", "x")
	p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "a", Name: app}, Tier: policy.NetworkPolicy, Subject: s.selects("app", app)}
	p.Isolates[policy.Ingress] = true
	p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Pods: &peer}}, Ports: []policy.Port{{Protocol: policy.TCP, Number: port}}}}
	return p
}

func (s small) pod(address, key, value string) *policy.Pod {
	a := netip.MustParseAddr(address)
	pod := &policy.Pod{Namespace: "a", Name: address, UID: address, Node: "there", Labels: map[string]string{key: value}, Addresses: []netip.Addr{a}}
	if localCIDR.Contains(a) {
		pod.Node = "here"
	}
	return pod
}

func (s small) world(pods []*policy.Pod, policies ...*policy.Policy) *World {
	w := &World{
		Node: "here", NodeAddresses: []netip.Addr{nodeAddress}, ClusterCIDRs: []netip.Prefix{clusterCIDR}, LocalCIDRs: []netip.Prefix{localCIDR},
		Namespaces: []*policy.Namespace{{Name: "a"}}, Pods: pods, Policies: policies,
	}
	for i, pod := range pods {
		if pod.Node == "here" {
			w.Attachments = append(w.Attachments, Attachment{Key: pod.Name, Interface: uint32(2 + i), Addresses: pod.Addresses, Namespace: "a", Pod: pod.Name, UID: pod.UID})
		}
	}
	return w
}

// TestSeparate: two pods share a profile, and then one of them leaves it while another pod's label changes. To the pod that leaves, the
// relabelled one must never be what it is to the pod that stays.
func TestSeparate(t *testing.T) {
	s := small{t}
	j := &judge{t: t, compiler: New(Options{}), tables: datapathtest.New(), all: flows(usualPorts...), thorough: true, random: rand.New(rand.NewSource(1))}
	open, closed := s.allow("open", 80), s.allow("closed", 81)
	stays, leaves, left := s.pod("10.244.0.1", "app", "open"), s.pod("10.244.0.2", "app", "open"), s.pod("10.244.0.2", "app", "closed")
	stranger, friend := s.pod("10.244.1.1", "k", "y"), s.pod("10.244.1.1", "k", "x")
	j.start(s.world([]*policy.Pod{stays, leaves, stranger}, open, closed))
	j.transit(s.world([]*policy.Pod{stays, left, friend}, open, closed), false)
	j.finish(s.world([]*policy.Pod{stays, left, friend}, open, closed))
}

// TestReborn: the last pod of a group goes, the policies change, and a pod of the same kind comes back before anything was swept. The old
// group knows nothing of the new profile.
func TestReborn(t *testing.T) {
	s := small{t}
	j := &judge{t: t, compiler: New(Options{}), tables: datapathtest.New(), all: flows(usualPorts...), thorough: true, random: rand.New(rand.NewSource(1))}
	d, friend := s.pod("10.244.0.1", "app", "d"), s.pod("10.244.1.1", "k", "x")
	j.start(s.world([]*policy.Pod{d, friend}, s.allow("d", 80)))
	j.transit(s.world([]*policy.Pod{d}, s.allow("d", 80)), false)
	j.transit(s.world([]*policy.Pod{d}, s.allow("d", 81)), false)
	j.transit(s.world([]*policy.Pod{d, friend}, s.allow("d", 81)), false)
	j.finish(s.world([]*policy.Pod{d, friend}, s.allow("d", 81)))
}

// TestRangeClosesFirst: a range becomes this node's, and at the same time a pod stops being isolated. An address in the range that nobody has
// must not get through in between.
func TestRangeClosesFirst(t *testing.T) {
	s := small{t}
	j := &judge{t: t, compiler: New(Options{}), tables: datapathtest.New(), all: flows(usualPorts...), thorough: true, random: rand.New(rand.NewSource(1))}
	d := s.pod("10.244.0.1", "app", "d")
	j.start(s.world([]*policy.Pod{d}, s.allow("d", 80)))
	w := s.world([]*policy.Pod{d})
	w.LocalCIDRs = append(w.LocalCIDRs, secondLocal)
	j.transit(w, false)
	j.finish(w)
}

// TestSweepKeepsInterfacesInForce: a plan that takes an attachment away was not applied; its interface must stay guarded.
func TestSweepKeepsInterfacesInForce(t *testing.T) {
	s := small{t}
	c := New(Options{})
	commit(c, c.Update(s.world([]*policy.Pod{s.pod("10.244.0.1", "app", "d")})))
	c.Update(s.world(nil))
	if plan := c.Sweep(); !plan.Empty() {
		t.Errorf("sweeps %+v", plan.Changes)
	}
}

// TestAttachedPodWithoutNode: an attached pod has its address once, also when its API object does not say on which node it runs.
func TestAttachedPodWithoutNode(t *testing.T) {
	w := small{t}.world([]*policy.Pod{small{t}.pod("10.244.0.1", "app", "d")})
	pod := *w.Pods[0]
	pod.Node = ""
	w.Pods[0] = &pod
	if plan := New(Options{}).Update(w); len(plan.Problems)+len(plan.Closed) > 0 {
		t.Errorf("problems %+v, closed %v", plan.Problems, plan.Closed)
	}
}

// TestInterrupted stops a transition after endpoints were moved and before pods got their new profiles, and then goes back to the old
// policies: what the moved endpoints mean to the old profile must not be taken for what they mean now.
func TestInterrupted(t *testing.T) {
	s := small{t}
	d, stranger, friend := s.pod("10.244.0.1", "app", "d"), s.pod("10.244.1.1", "k", "y"), s.pod("10.244.1.1", "k", "x")
	old, changed := s.allow("d", 80), s.allow("d", 81)
	world := func(peer *policy.Pod, p *policy.Policy) *World { return s.world([]*policy.Pod{d, peer}, p) }
	c, tables := New(Options{}), datapathtest.New()
	apply := func(w *World, limit int) {
		t.Helper()
		plan := c.Update(w)
		applied := min(limit, len(plan.Changes))
		for i := range applied {
			if err := tables.Apply(&plan.Changes[i]); err != nil {
				t.Fatalf("apply: %v", err)
			}
		}
		c.Commit(applied)
	}
	expect := func(when string, port80, port81 bool) {
		t.Helper()
		for port, want := range map[uint16]bool{80: port80, 81: port81} {
			f := datapathtest.Flow{Source: stranger.Addresses[0], Destination: d.Addresses[0], Protocol: datapath.TCP, Port: port}
			if got := tables.Judge(f).Accepts(); got != want {
				t.Errorf("%s: port %d: got %t, want %t\n%s", when, port, got, want, tables)
			}
		}
	}
	apply(world(stranger, old), 9)
	expect("at first", false, false)
	apply(world(friend, changed), 1)
	expect("endpoints moved, profile not changed", false, false)
	apply(world(friend, old), 9)
	expect("the old policy and the new label", true, false)
	apply(world(friend, changed), 9)
	expect("the new policy and the new label", false, true)
}

// transit goes from one world to the other, looking at every flow after every write.
func (s small) transit(from, to *World) {
	j := &judge{t: s.t, compiler: New(Options{}), tables: datapathtest.New(), all: flows(usualPorts...), thorough: true, random: rand.New(rand.NewSource(1))}
	j.start(from)
	j.transit(to, false)
	j.finish(to)
}

// TestRangeInsideRangeStaysOpen: a range becomes this node's, and at the same time a part of it the cluster's.
func TestRangeInsideRangeStaysOpen(t *testing.T) {
	s := small{t}
	pods := []*policy.Pod{s.pod("10.244.0.1", "app", "d")}
	to := s.world(pods)
	to.LocalCIDRs, to.ClusterCIDRs = append(to.LocalCIDRs, secondLocal), append(to.ClusterCIDRs, netip.MustParsePrefix("10.250.0.128/25"))
	s.transit(s.world(pods), to)
}

// TestPodInRangeThatCloses: an address outside becomes that of a local pod, together with its range.
func TestPodInRangeThatCloses(t *testing.T) {
	s := small{t}
	d := s.pod("10.244.0.1", "app", "d")
	local := s.pod("10.250.0.1", "k", "x")
	local.Node = "here"
	to := s.world([]*policy.Pod{d, local})
	to.LocalCIDRs = append(to.LocalCIDRs, secondLocal)
	s.transit(s.world([]*policy.Pod{d}), to)
}

// TestPodInRangeThatOpens: a range is no longer this node's, and one of its addresses becomes that of a pod elsewhere, which another pod must not
// reach, while the rest of the world it may.
func TestPodInRangeThatOpens(t *testing.T) {
	s := small{t}
	x := s.selects("k", "x")
	deny := &policy.Policy{Ref: policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: "deny"}, Tier: policy.Admin, Subject: s.selects("app", "d")}
	deny.Rules[policy.Egress] = []policy.Rule{{Action: policy.Deny, Peers: []policy.Peer{{Pods: &x}}}}
	d := s.pod("10.244.0.1", "app", "d")
	from := s.world([]*policy.Pod{d}, deny)
	from.LocalCIDRs = append(from.LocalCIDRs, secondLocal)
	s.transit(from, s.world([]*policy.Pod{d, s.pod("10.250.0.1", "k", "x")}, deny))
}

// TestNetworkBelowNetwork: a policy with a network inside that of another comes and goes; what the other says never changes.
func TestNetworkBelowNetwork(t *testing.T) {
	s := small{t}
	block := func(name, cidr string, except ...string) *policy.Policy {
		p := s.allow("d", 80)
		p.Ref.Name = name
		p.Rules[policy.Ingress][0].Peers = []policy.Peer{{Network: &policy.Network{CIDR: netip.MustParsePrefix(cidr), Except: prefixList(except...)}}}
		return p
	}
	outer, inner := block("outer", "0.0.0.0/0", "10.244.1.0/24"), block("inner", "10.244.0.0/16", "10.244.1.2/32")
	pods := []*policy.Pod{s.pod("10.244.0.1", "app", "d"), s.pod("10.244.0.2", "k", "x"), s.pod("10.244.1.1", "k", "x"), s.pod("10.244.1.2", "k", "y")}
	s.transit(s.world(pods, outer), s.world(pods, outer, inner))
	s.transit(s.world(pods, outer, inner), s.world(pods, outer))
	s.transit(s.world(pods, outer), s.world(pods, inner))
}

// TestFieldsDoNotMatter: where peers and ports were written makes no difference to the tables; where a rule was written, and how it is called,
// changes its reason.
func TestFieldsDoNotMatter(t *testing.T) {
	s := small{t}
	pods := []*policy.Pod{s.pod("10.244.0.1", "app", "d"), s.pod("10.244.1.1", "k", "x")}
	c := New(Options{})
	commit(c, c.Update(s.world(pods, s.allow("d", 80))))
	moved := s.allow("d", 80)
	moved.Rules[policy.Ingress][0].Peers[0].Field, moved.Rules[policy.Ingress][0].Ports[0].Field = "spec.peer", "spec.port"
	if plan := c.Update(s.world(pods, moved)); !plan.Empty() {
		t.Errorf("other fields of peers and ports change the tables: %+v", plan.Changes)
	}
	for name, change := range map[string]func(*policy.Rule){
		"name": func(r *policy.Rule) { r.Name = "n" }, "field": func(r *policy.Rule) { r.Field = "f" }, "index": func(r *policy.Rule) { r.Index = 7 },
	} {
		changed := s.allow("d", 80)
		change(&changed.Rules[policy.Ingress][0])
		if plan := c.Update(s.world(pods, changed)); plan.Empty() {
			t.Errorf("another %s of a rule leaves its reason as it was", name)
		}
	}
}

// TestIPv6NetworkHoldsNoIPv4: in the kernel's table of networks ::/0 holds IPv4 addresses too, in a policy it does not.
func TestIPv6NetworkHoldsNoIPv4(t *testing.T) {
	s := small{t}
	p := s.allow("d", 80)
	p.Rules[policy.Ingress][0].Peers = []policy.Peer{{Network: &policy.Network{CIDR: netip.MustParsePrefix("::/0")}}}
	pods := []*policy.Pod{s.pod("10.244.0.1", "app", "d"), s.pod("10.244.1.1", "k", "x")}
	s.transit(s.world(pods, s.allow("d", 80)), s.world(pods, p))
	s.transit(s.world(pods, p), s.world(pods))
}

// TestRelabelledNamespace: pods that nobody touched get in, and out again, when the labels of their namespace change.
func TestRelabelledNamespace(t *testing.T) {
	s := small{t}
	p := s.allow("web", 80)
	friends := policy.PodSelector{Namespaces: s.selects("team", "x").Pods, Pods: policy.Everything()}
	p.Rules[policy.Ingress][0].Peers = []policy.Peer{{Pods: &friends}}
	before := s.world([]*policy.Pod{s.pod("10.244.0.1", "app", "web"), s.pod("10.244.1.1", "app", "other")}, p)
	after := *before
	after.Namespaces = []*policy.Namespace{{Name: "a", Labels: map[string]string{"team": "x"}}}
	s.transit(before, &after)
	s.transit(&after, before)
}

// TestOtherNodesAreMarked: an address of another node that a selector of nodes tells apart has the mark by which the kernel knows that it is no
// pod's; it loses its endpoint with the policy.
func TestOtherNodesAreMarked(t *testing.T) {
	s := small{t}
	there := netip.MustParseAddr("10.213.0.11")
	everyNode := policy.Everything()
	p := s.allow("web", 80)
	p.Isolates[policy.Egress] = true
	p.Rules[policy.Egress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Nodes: &everyNode}}}}
	w := s.world([]*policy.Pod{s.pod("10.244.0.2", "app", "web")}, p)
	w.Nodes = []*policy.Node{{Name: "here", Addresses: []netip.Addr{nodeAddress}}, {Name: "there", Addresses: []netip.Addr{there}}}
	j := &judge{t: t, compiler: New(Options{}), tables: datapathtest.New(), all: flows(usualPorts...), random: rand.New(rand.NewSource(1))}
	j.start(w)
	for a, want := range map[netip.Addr]datapath.ProfileIndex{nodeAddress: datapath.NodeIndex, there: datapath.OtherNodeIndex} {
		if e, found := j.tables.Endpoints[a]; !found || e.Index != want {
			t.Errorf("the endpoint of %s is %+v (%t), want index %d", a, e, found, want)
		}
	}
	without := *w
	without.Policies = nil
	j.start(&without)
	for plan := j.compiler.Sweep(); !plan.Empty(); plan = j.compiler.Sweep() {
		for i := range plan.Changes {
			if err := j.tables.Apply(&plan.Changes[i]); err != nil {
				t.Fatal(err)
			}
		}
		j.compiler.Commit(len(plan.Changes))
	}
	if e, found := j.tables.Endpoints[there]; found {
		t.Errorf("the endpoint of %s is still %+v", there, e)
	}
}
