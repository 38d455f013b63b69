package compile

import (
	"strings"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// TestBudget: a policy that needs more of the verdict table than there is closes its own pods, and only these.
func TestBudget(t *testing.T) {
	s := small{t}
	modest, greedy := s.allow("modest", 80), s.allow("greedy", 80)
	for port := range uint16(100) {
		greedy.Rules[policy.Ingress][0].Ports = append(greedy.Rules[policy.Ingress][0].Ports, policy.Port{Protocol: policy.TCP, Number: 1000 + port})
	}
	friend := s.pod("10.244.1.1", "k", "x")
	pods := []*policy.Pod{s.pod("10.244.0.1", "app", "modest"), s.pod("10.244.0.2", "app", "greedy"), friend}
	tables, c := datapathtest.New(), New(Options{MaxVerdicts: 50})
	expect := func(when string, plan *Plan, toGreedy bool, problems int) {
		t.Helper()
		for i := range plan.Changes {
			if err := tables.Apply(&plan.Changes[i]); err != nil {
				t.Fatalf("%s: apply: %v", when, err)
			}
		}
		c.Commit(len(plan.Changes))
		for i, want := range []bool{true, toGreedy} {
			f := datapathtest.Flow{Source: friend.Addresses[0], Destination: pods[i].Addresses[0], Protocol: datapath.TCP, Port: 80}
			if got := tables.Judge(f).Accepts(); got != want {
				t.Errorf("%s: to %s: got %t, want %t", when, pods[i].Labels["app"], got, want)
			}
		}
		if len(plan.Problems) != problems {
			t.Errorf("%s: problems %+v, want %d", when, plan.Problems, problems)
		}
	}
	plan := c.Update(s.world(pods, modest, greedy))
	expect("greedy", plan, false, 1)
	if p := plan.Problems; len(p) == 1 && (len(p[0].Pods) != 1 || p[0].Pods[0] != "a/10.244.0.2" || !strings.Contains(p[0].Message, "entries of the verdict table")) {
		t.Errorf("problem %+v", p[0])
	}
	if again := c.Update(s.world(pods, modest, greedy)); !again.Empty() {
		t.Errorf("the same world again changes something: %+v", again.Changes)
	}
	greedy = s.allow("greedy", 80)
	expect("content with less", c.Update(s.world(pods, modest, greedy)), true, 0)
}
