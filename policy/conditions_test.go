package policy

import (
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestConditions(t *testing.T) {
	const head = `{tier: Admin, priority: 1, subject: {namespaces: {}}, `
	const nothing = "; until that is changed the rule matches nothing"
	for _, test := range []struct{ name, spec, accepted, partially string }{
		{"sound", head + `ingress: [{action: Deny, from: [{namespaces: {}}]}]}`,
			"True Accepted The policy takes part in every decision about its subjects.", "False AllRulesValid Every rule is enforced as it is written."},
		{"domain names", head + `egress: [{action: Accept, to: [{domainNames: [a.b]}]}, {action: Deny, to: [{nodes: {}}]}, {action: Accept, to: [{domainNames: [c.d]}]}]}`,
			"True Accepted The policy takes part in every decision about its subjects.",
			"True UnsupportedDomainNames spec.egress[0].to[0].domainNames: domain names are not supported, because addresses are compared, not names" + nothing +
				"; spec.egress[2].to[0].domainNames: domain names are not supported, because addresses are compared, not names" + nothing},
		{"domain names and a fault", head + `egress: [{action: Accept, to: [{domainNames: [a.b]}]}, {action: Deny, to: [{}]}]}`,
			"True Accepted The policy takes part in every decision about its subjects.",
			"True InvalidRules spec.egress[0].to[0].domainNames: domain names are not supported, because addresses are compared, not names" + nothing +
				"; spec.egress[1].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything"},
		{"no subject", `{tier: Admin, priority: 1, subject: {}}`,
			"False Invalid spec.subject: has none of the fields namespaces, pods that are known here; until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing",
			"True InvalidRules spec.subject: has none of the fields namespaces, pods that are known here; until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing"},
	} {
		t.Run(test.name, func(t *testing.T) {
			got := Conditions(clusterPolicy(t, "p", test.spec), 3, metav1.Time{}, nil)
			if len(got) != 2 || got[0].Type != ConditionAccepted || got[1].Type != ConditionPartiallyInvalid {
				t.Fatalf("got %+v", got)
			}
			for i, want := range []string{test.accepted, test.partially} {
				if diff := cmp.Diff(want, string(got[i].Status)+" "+got[i].Reason+" "+got[i].Message); diff != "" {
					t.Errorf("%s (-want +got):\n%s", got[i].Type, diff)
				}
				if got[i].ObservedGeneration != 3 {
					t.Errorf("%s: observedGeneration %d", got[i].Type, got[i].ObservedGeneration)
				}
			}
		})
	}
}

// The time of a transition moves with the status only, and what others wrote stays.
func TestConditionsOverTime(t *testing.T) {
	sound := clusterPolicy(t, "p", `{tier: Admin, priority: 1, subject: {namespaces: {}}}`)
	broken := clusterPolicy(t, "p", `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{}]}]}`)
	at := func(hour int) metav1.Time { return metav1.NewTime(time.Date(2026, 1, 1, hour, 0, 0, 0, time.UTC)) }
	foreign := metav1.Condition{Type: "Foreign", Status: metav1.ConditionUnknown, LastTransitionTime: at(0)}
	old := []metav1.Condition{foreign}

	first := Conditions(sound, 1, at(1), old)
	if diff := cmp.Diff(foreign, first[0]); diff != "" || len(first) != 3 || len(old) != 1 {
		t.Fatalf("another's condition (-want +got):\n%s\nall: %+v", diff, first)
	}
	again := Conditions(sound, 1, at(2), first)
	if diff := cmp.Diff(first, again); diff != "" {
		t.Errorf("nothing has changed, and yet (-before +after):\n%s", diff)
	}
	second := Conditions(broken, 2, at(3), again)
	accepted, partially := second[1], second[2]
	if accepted.LastTransitionTime != at(1) || accepted.ObservedGeneration != 2 {
		t.Errorf("the unchanged status: %+v", accepted)
	}
	if partially.LastTransitionTime != at(3) || partially.Status != metav1.ConditionTrue {
		t.Errorf("the changed status: %+v", partially)
	}
	if again[2].Status != metav1.ConditionFalse {
		t.Errorf("the old conditions were changed: %+v", again)
	}
}

func TestConditionMessagesFit(t *testing.T) {
	p := &Policy{}
	for range 100 {
		p.Problems = append(p.Problems, Problem{Field: "spec.egress[0]", Message: strings.Repeat("ü", 1000)})
	}
	got := Conditions(p, 1, metav1.Time{}, nil)[1].Message
	if len(got) > maxConditionMessage || len(got) < maxConditionMessage-10 || !strings.HasSuffix(got, "ü …") {
		t.Errorf("%d bytes, ending in %q", len(got), got[len(got)-10:])
	}
}
