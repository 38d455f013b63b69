package compile

import (
	"fmt"
	"math/rand"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// cramped drives a compiler with little room.
type cramped struct {
	small
	tables   *datapathtest.Tables
	compiler *Compiler
	friend   *policy.Pod
	pods     []*policy.Pod
}

func newCrampedTables(t *testing.T, o Options) *cramped {
	s := small{t}
	c := &cramped{small: s, tables: datapathtest.New(), compiler: New(o), friend: s.pod("10.244.1.1", "k", "x")}
	c.pods = []*policy.Pod{s.pod("10.244.0.1", "app", "modest"), s.pod("10.244.0.2", "app", "greedy"), c.friend}
	return c
}

// expect goes to a world with these policies and says whether the friend then reaches the modest and the greedy pod at port 80, and which problems
// the plan must tell.
func (c *cramped) expect(when string, modest, greedy bool, problems []string, policies ...*policy.Policy) {
	c.t.Helper()
	w := c.world(c.pods, policies...)
	plan := c.compiler.Update(w)
	for i := range plan.Changes {
		if err := c.tables.Apply(&plan.Changes[i]); err != nil {
			c.t.Fatalf("%s: apply: %v", when, err)
		}
	}
	c.compiler.Commit(len(plan.Changes))
	for i, want := range []bool{modest, greedy} {
		f := datapathtest.Flow{Source: c.friend.Addresses[0], Destination: c.pods[i].Addresses[0], Protocol: datapath.TCP, Port: 80}
		if got := c.tables.Judge(f).Accepts(); got != want {
			c.t.Errorf("%s: to %s: got %t, want %t", when, c.pods[i].Labels["app"], got, want)
		}
	}
	if len(plan.Problems) != len(problems) {
		c.t.Fatalf("%s: problems %+v, want %d", when, plan.Problems, len(problems))
	}
	for i, p := range plan.Problems {
		if !strings.Contains(p.Message, problems[i]) {
			c.t.Errorf("%s: problem %q, want %q in it", when, p.Message, problems[i])
		}
	}
	if again := c.compiler.Update(w); !again.Empty() {
		c.t.Errorf("%s: the same world again changes something: %+v", when, again.Changes)
	}
	c.compiler.Commit(0)
}

// TestBudget: a policy that needs more of a table than there is closes its own pods, and only these, and opens them again when it needs less.
func TestBudget(t *testing.T) {
	peer := func(network string, except ...string) policy.Peer {
		return policy.Peer{Network: &policy.Network{CIDR: netip.MustParsePrefix(network), Except: prefixList(except...)}}
	}
	for _, test := range []struct {
		name    string
		options Options
		grow    func(r *policy.Rule)
		problem string
	}{
		{"verdicts", Options{MaxVerdicts: 60}, func(r *policy.Rule) {
			for port := range uint16(100) {
				r.Ports = append(r.Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + 2*port})
			}
		}, "entries of the verdict table, which has room for 60 in all, for ingress; until it needs fewer it allows nothing"},
		{"ranges", Options{MaxRanges: 20}, func(r *policy.Rule) {
			for port := range uint16(30) {
				r.Ports = append(r.Ports, policy.Port{Protocol: policy.TCP, Number: 1024 + 32*port, End: 1031 + 32*port})
			}
		}, "entries of the table of port ranges, which has room for 20 in all"},
		{"networks", Options{MaxNetworks: 20}, func(r *policy.Rule) {
			for i := range 30 {
				r.Peers = append(r.Peers, peer(fmt.Sprintf("192.0.2.%d/32", 2*i)))
			}
		}, "needs 30 entries of the table of networks, which has room for 20 in all"},
	} {
		t.Run(test.name, func(t *testing.T) {
			c := newCrampedTables(t, test.options)
			modest, greedy := c.allow("modest", 80), c.allow("greedy", 80)
			modest.Rules[policy.Ingress][0].Peers = append(modest.Rules[policy.Ingress][0].Peers, peer("198.51.100.0/24"))
			test.grow(&greedy.Rules[policy.Ingress][0])
			c.expect("too much", true, false, []string{test.problem}, modest, greedy)
			c.expect("less", true, true, nil, modest, c.allow("greedy", 80))
		})
	}
}

// TestBudgetOfDepth: few prefixes, but every network holds nearly all of them.
func TestBudgetOfDepth(t *testing.T) {
	c := newCrampedTables(t, Options{MaxNetworks: 40})
	greedy := c.allow("greedy", 80)
	for i := range 102 {
		greedy.Rules[policy.Ingress] = append(greedy.Rules[policy.Ingress], policy.Rule{Action: policy.Accept, Index: i + 1, Peers: []policy.Peer{{
			Network: &policy.Network{CIDR: netip.MustParsePrefix("0.0.0.0/0"), Except: prefixList(fmt.Sprintf("192.0.2.%d/32", 2*(i%34)), fmt.Sprintf("192.0.2.%d/32", 2*(i%34+1+i/34)))},
		}}})
	}
	c.expect("too deep", true, false, []string{"entries of the table of networks"}, c.allow("modest", 80), greedy)
	c.expect("less", true, true, nil, c.allow("modest", 80), c.allow("greedy", 80))
}

// TestBudgetOfClusterPolicies: a cluster policy that is too much is shut itself, not the namespaces whose pods it selects. What it accepts it
// accepts no more; where it denies or passes, it denies.
func TestBudgetOfClusterPolicies(t *testing.T) {
	wide := func(action policy.Action) *policy.Policy {
		p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: "wide"}, Tier: policy.Admin,
			Subject: policy.PodSelector{Namespaces: policy.Everything(), Pods: policy.Everything()}}
		r := policy.Rule{Action: action, Peers: []policy.Peer{}, Index: 3}
		for i := range 30 {
			r.Peers = append(r.Peers, policy.Peer{Network: &policy.Network{CIDR: netip.MustParsePrefix(fmt.Sprintf("192.0.2.%d/32", 2*i))}})
		}
		for port := range uint16(100) {
			r.Ports = append(r.Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + 2*port})
		}
		p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept, Ports: r.Ports[:1]}, r}
		return p
	}
	for _, o := range []Options{{MaxVerdicts: 80}, {MaxNetworks: 20}} {
		c := newCrampedTables(t, o)
		modest, greedy := c.allow("modest", 80), c.allow("greedy", 80)
		c.expect("accepts too much", true, true, []string{"ClusterNetworkPolicy wide"}, modest, greedy, wide(policy.Accept))
		c.expect("denies too much", false, false, []string{"it denies everything"}, modest, greedy, wide(policy.Deny))
		c.expect("is gone", true, true, nil, modest, greedy)
	}
}

// TestCramped goes through random worlds with too little room for some of them. After every write every flow is judged as before or as by a compiler
// with the same limits that sees the new world first; at the end as by that, and no table is larger than it may be.
func TestCramped(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := Options{MaxRules: 12, MaxVerdicts: rapid.IntRange(30, 200).Draw(t, "verdicts"), MaxRanges: rapid.IntRange(1, 40).Draw(t, "ranges"), MaxNetworks: rapid.IntRange(6, 12).Draw(t, "networks")}
		j := &judge{t: t, compiler: New(o), tables: datapathtest.New(), all: flows(usualPorts...)}
		j.random = rand.New(rand.NewSource(rapid.Int64().Draw(t, "order")))
		w := newRandomWorld(t)
		j.start(w.world())
		for range rapid.IntRange(1, 3).Draw(t, "worlds") {
			w.edits()
			fresh := &judge{t: t, compiler: New(o), tables: datapathtest.New()}
			freshPlan := fresh.start(w.world())
			j.choose()
			fresh.flows = j.flows
			next := fresh.current()
			plan := j.compiler.Update(w.world())
			j.apply(plan, j.current(), next, false)
			for i, now := range j.current() {
				if now != next[i] {
					j.fail(w.world(), j.flows[i], "got %+v, from scratch %+v", now, next[i])
				}
				got, want := j.tables.Judge(j.flows[i]), fresh.tables.Judge(j.flows[i])
				for _, pair := range [][2]datapath.Verdict{{got.Egress, want.Egress}, {got.Ingress, want.Ingress}} {
					if diff := cmp.Diff(freshPlan.Reasons[pair[1].Rule], plan.Reasons[pair[0].Rule]); diff != "" {
						j.fail(w.world(), j.flows[i], "reason (-from scratch +got):\n%s", diff)
					}
				}
			}
			if rapid.Bool().Draw(t, "sweep") {
				j.sweep()
				if diff := cmp.Diff(sizes(fresh.tables), sizes(j.tables)); diff != "" {
					t.Fatalf("sizes of tables (-fresh +swept):\n%s", diff)
				}
			}
		}
	})
}

// TestShutProfileComesBack: a profile whose clause was shut is measured at every update, and remembered over a sweep; when there is room for it
// again, its verdicts still have their reasons.
func TestShutProfileComesBack(t *testing.T) {
	c := newCrampedTables(t, Options{MaxVerdicts: 150, MaxRules: 12})
	ports := func(p *policy.Policy, n uint16) *policy.Policy {
		for port := range n {
			p.Rules[policy.Ingress][0].Ports = append(p.Rules[policy.Ingress][0].Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + 2*port})
		}
		return p
	}
	modest, greedy, large := c.allow("modest", 80), ports(c.allow("greedy", 80), 100), ports(c.allow("modest", 80), 60)
	large.Rules[policy.Ingress][0].Name = "large"
	c.expect("no room for both", true, false, []string{"NetworkPolicy a/greedy"}, large, greedy)
	for plan := c.compiler.Sweep(); !plan.Empty(); plan = c.compiler.Sweep() {
		if err := c.tables.Apply(&plan.Changes[0]); err != nil {
			t.Fatal(err)
		}
		commit(c.compiler, plan)
	}
	plan := c.compiler.Update(c.world(c.pods, modest, greedy))
	for i := range plan.Changes {
		if err := c.tables.Apply(&plan.Changes[i]); err != nil {
			t.Fatal(err)
		}
	}
	for i, want := range []string{"modest", "greedy"} {
		f := datapathtest.Flow{Source: c.friend.Addresses[0], Destination: c.pods[i].Addresses[0], Protocol: datapath.TCP, Port: 80}
		if got := plan.Reasons[c.tables.Judge(f).Ingress.Rule]; got.Policy.Name != want || got.Action != policy.Accept {
			t.Errorf("to %s: reason %+v", want, got)
		}
	}
}
