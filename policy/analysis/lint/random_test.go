package lint_test

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"

	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// TestRandomWorlds: whatever the world, lint does not panic, what it finds is well formed, and what it calls superfluous is: without it no verdict changes.
func TestRandomWorlds(t *testing.T) {
	removed := 0
	rapid.Check(t, func(t *rapid.T) {
		text := randomWorld(t)
		w := readWorld(t, text)
		before := sync.OnceValue(func() []string { return verdicts(w) })
		for _, f := range lint.Check(w) {
			checkForm(t, w, f)
			if f.Code != "HR011" && f.Code != "HR012" && f.Code != "HR022" && f.Code != "HR025" {
				continue
			}
			removed++
			without := *w
			without.Policies = remove(t, w.Policies, f)
			if a, b := before(), verdicts(&without); !slices.Equal(a, b) {
				t.Fatalf("%s %s: %s\nbut without it verdicts change:\n%s\nworld:\n%s", f.Ref, f.Field, f.Message, changed(a, b), text)
			}
		}
	})
	if removed < 100 {
		t.Errorf("only %d rules were found superfluous: the worlds test little", removed)
	}
}

func checkForm(t *rapid.T, w *lint.World, f lint.Finding) {
	kind, known := lint.KindOf(f.Code)
	if !known || kind.Title == "" || f.Message == "" || f.Advice == "" || strings.Contains(f.Message+f.Advice, "%!") {
		t.Fatalf("malformed finding: %+v", f)
	}
	there := slices.ContainsFunc(w.Policies, func(p *policy.Policy) bool { return p.Ref == f.Ref })
	if !there && f.Ref.Kind != policy.KindNamespaceIsolation {
		t.Fatalf("finding about an object that there is not: %+v", f)
	}
}

// remove takes the rule, peer or port of the finding out of its policy, or the policy away.
func remove(t *rapid.T, policies []*policy.Policy, f lint.Finding) []*policy.Policy {
	var all []*policy.Policy
	found := false
	for _, p := range policies {
		if p.Ref == f.Ref && f.Field == "" {
			found = true
			continue
		}
		if p.Ref == f.Ref {
			clone := *p
			for d := range clone.Rules {
				clone.Rules[d] = removeFrom(p.Rules[d], f.Field, &found)
			}
			p = &clone
		}
		all = append(all, p)
	}
	if !found {
		t.Fatalf("no rule, peer or port has the field of %+v", f)
	}
	return all
}

func removeFrom(rules []policy.Rule, field string, found *bool) []policy.Rule {
	var all []policy.Rule
	for _, r := range rules {
		if r.Field == field {
			*found = true
			continue
		}
		r.Peers = without(r.Peers, func(p policy.Peer) bool { return p.Field == field }, found)
		r.Ports = without(r.Ports, func(p policy.Port) bool { return p.Field == field }, found)
		all = append(all, r)
	}
	return all
}

func without[T any](all []T, is func(T) bool, found *bool) []T {
	if slices.ContainsFunc(all, is) {
		*found = true
		return slices.DeleteFunc(slices.Clone(all), is)
	}
	return all
}

// verdicts says what becomes of the flows between all pods, nodes and some addresses outside.
func verdicts(w *lint.World) []string {
	var ends []policy.End
	for _, pod := range w.Pods {
		ends = append(ends, policy.PodEnd(pod))
	}
	for _, text := range []string{"192.0.2.1", "192.0.2.130", "198.51.100.1", "2001:db8::1"} {
		ends = append(ends, policy.OutsideEnd(netip.MustParseAddr(text)))
	}
	set := w.Set()
	var all []string
	for _, from := range ends {
		for _, to := range ends {
			for _, f := range []policy.Flow{
				{Protocol: policy.TCP, Port: 80}, {Protocol: policy.TCP, Port: 85}, {Protocol: policy.TCP, Port: 8080}, {Protocol: policy.UDP, Port: 80}, {},
			} {
				f.Source, f.Destination = from, to
				all = append(all, fmt.Sprintf("%s: %s", f, policy.Evaluate(set, f).Action()))
			}
		}
	}
	return all
}

func changed(a, b []string) string {
	var lines []string
	for i := range a {
		if a[i] != b[i] && len(lines) < 5 {
			lines = append(lines, a[i]+" became "+b[i])
		}
	}
	return strings.Join(lines, "\n")
}
