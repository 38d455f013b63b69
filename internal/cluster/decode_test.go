package cluster

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy"
)

// words is a policy as text: its subject, its rules and its problems.
func words(p *policy.Policy) string {
	lines := []string{p.Tier.String() + ", subjects " + p.Subject.Words()}
	for _, d := range policy.Directions {
		for i := range p.Rules[d] {
			lines = append(lines, d.String()+": "+p.Rules[d][i].Words(d))
		}
	}
	for _, problem := range p.Problems {
		lines = append(lines, "problem: "+problem.String())
	}
	return strings.Join(lines, "\n")
}

// TestDecodeClusterPolicies: what is not understood makes no rule wider. The objects are such as an API server with definitions of another version
// may store.
func TestDecodeClusterPolicies(t *testing.T) {
	const team = `namespaces: {matchLabels: {team: x}}`
	for _, test := range []struct{ name, kind, spec, want string }{
		{"sound", "ClusterNetworkPolicy",
			`{tier: Admin, priority: 1, subject: {` + team + `}, ingress: [{action: Accept, from: [{` + team + `}], protocols: [{tcp: {destinationPort: {number: 80}}}]}]}`,
			`Admin, subjects every pod of namespaces with team=x
ingress: Accept TCP 80 from every pod of namespaces with team=x`},
		{"unknown peers", "ClusterNetworkPolicy",
			`{tier: Baseline, priority: 1, subject: {` + team + `}, egress: [{action: Accept, to: [{zones: [a]}, {namespaces: {}}]}, {action: Deny, to: [{zones: [a]}]}, {action: Accept, to: [{namespaces: {}}]}]}`,
			`Baseline, subjects every pod of namespaces with team=x
egress: Accept everything to nobody
egress: Deny everything to everybody
egress: Accept everything to every pod of every namespace
problem: spec.egress[0]: unknown field "to[0].zones"
problem: spec.egress[1]: unknown field "to[0].zones"
problem: spec.egress[0].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule matches nothing
problem: spec.egress[1].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything`},
		{"unknown beside known", "AdminNetworkPolicy",
			`{priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], schedule: night}]}`,
			`Admin, subjects every pod of every namespace
ingress: Accept everything from nobody
problem: spec.ingress[0]: unknown field "schedule"
problem: spec.ingress[0].from[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule matches nothing`},
		{"unknown port", "BaselineAdminNetworkPolicy",
			`{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{` + team + `}], ports: [{service: web}]}]}`,
			`Baseline, subjects every pod of every namespace
ingress: Deny everything from everybody
problem: spec.ingress[0]: unknown field "ports[0].service"
problem: spec.ingress[0].from[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything`},
		{"a rule of another type", "AdminNetworkPolicy",
			`{priority: 1, subject: {namespaces: {}}, egress: [everything]}`,
			`Admin, subjects every pod of every namespace
egress: Deny everything to everybody
problem: spec.egress[0]: not an object
problem: spec.egress[0].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything`},
		{"rules of another type", "AdminNetworkPolicy",
			`{priority: 1, subject: {namespaces: {}}, egress: {action: Allow}}`,
			`Admin, subjects every pod of every namespace
egress: Deny everything to everybody
problem: spec.egress: not a list
problem: spec.egress[0].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything`},
		{"unknown beside the rules", "AdminNetworkPolicy",
			`{priority: 1, enforcement: audit, subject: {namespaces: {}}, egress: [{action: Allow, to: [{namespaces: {}}]}, {action: Deny, to: [{` + team + `}]}]}`,
			`Admin, subjects every pod of every namespace
egress: Accept everything to nobody
egress: Deny everything to every pod of namespaces with team=x
problem: spec.enforcement: unknown field "spec.enforcement"; until that is changed the policy's Deny rules hold, its Pass rules deny, and its other rules match nothing
problem: spec.egress[0].to: needs at least one item; until that is changed the rule matches nothing`},
		{"no spec", "BaselineAdminNetworkPolicy", `[]`,
			`Baseline, subjects every pod of every namespace
problem: spec: not an object; until that is changed the policy's Deny rules hold, its Pass rules deny, and its other rules match nothing
problem: spec.subject: has none of the fields namespaces, pods that are known here; until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			for _, api := range ClusterAPIs() {
				if api.ObjectKind != test.kind {
					continue
				}
				o := object(t, `{metadata: {name: p}, spec: `+test.spec+`}`)
				before := o.DeepCopy()
				p := api.Convert(o)
				if diff := cmp.Diff(test.want, words(p)); diff != "" {
					t.Errorf("policy (-want +got):\n%s", diff)
				}
				if want := (policy.Ref{Kind: api.Kind, Name: "p"}); p.Ref != want {
					t.Errorf("ref is %v, want %v", p.Ref, want)
				}
				if diff := cmp.Diff(before, o); diff != "" {
					t.Errorf("the object was changed (-before +after):\n%s", diff)
				}
				return
			}
			t.Fatalf("no API of kind %s", test.kind)
		})
	}
}
