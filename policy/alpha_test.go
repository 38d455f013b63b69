package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/yaml"
)

func TestFromAlphaObject(t *testing.T) {
	for _, test := range []struct{ name, spec, want string }{
		{
			"the example of 2016",
			`{allowIncoming: {from: [{pods: {segment: frontend}}], toPorts: [{port: 80, protocol: TCP}]}, podSelector: {segment: backend}}`, `
subjects pods with segment=backend of namespace ns
ingress rule 0: Accept TCP 80 from pods with segment=frontend of namespace ns`,
		},
		{"no allowIncoming allows nothing", `{}`, `subjects every pod of namespace ns`},
		{"an empty allowIncoming allows everything", `{allowIncoming: {}}`, `
subjects every pod of namespace ns
ingress rule 0: Accept everything from everybody`},
		{"empty lists", `{allowIncoming: {from: [], toPorts: []}}`, `
subjects every pod of namespace ns
ingress rule 0: Accept everything from everybody`},
		{"peers", `{allowIncoming: {from: [{pods: {}}, {namespaces: {}}, {namespaces: {team: x}}, {pods: {a: b}, namespaces: {team: x}}]}}`, `
subjects every pod of namespace ns
ingress rule 0: Accept everything from every pod of namespace ns or every pod of every namespace or every pod of namespaces with team=x or ` +
			`pods with a=b of namespaces with team=x`},
		{"ports", `{allowIncoming: {toPorts: [{port: 80}, {protocol: udp}, {port: web, protocol: sctp}]}}`, `
subjects every pod of namespace ns
ingress rule 0: Accept TCP 80 or UDP or SCTP "web" from everybody`},
		{"an entry with neither matches nothing", `{allowIncoming: {from: [{}, {pods: {a: b}}]}}`, `
subjects every pod of namespace ns
ingress rule 0: Accept everything from nobody or pods with a=b of namespace ns
problem: spec.allowIncoming.from[0]: Required value: needs pods, namespaces or both; an empty map {} selects all of its kind; that entry matches nothing`},
		{"an unknown field allows nothing", `{allowIncoming: {form: [{pods: {a: b}}]}, podSelector: {a: b}}`, `
subjects pods with a=b of namespace ns
problem: spec.allowIncoming.form: Forbidden: unknown field; the fields here are from, toPorts; until that is changed the policy allows nothing`},
		{"a bad port allows nothing", `{allowIncoming: {toPorts: [{port: 80}, {port: 70000}]}}`, `
subjects every pod of namespace ns
problem: spec.allowIncoming.toPorts[1].port: Invalid value: 70000: must be between 1 and 65535, inclusive; until that is changed the policy allows nothing`},
		{"a bad label allows nothing", `{allowIncoming: {from: [{pods: {"-": b}}]}}`, `
subjects every pod of namespace ns
problem: spec.allowIncoming.from[0].pods[-]: Invalid value: "-": label key name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]'); until that is changed the policy allows nothing`},
	} {
		t.Run(test.name, func(t *testing.T) {
			object := map[string]any{}
			if err := yaml.Unmarshal([]byte("metadata: {namespace: ns, name: p}\nspec: "+test.spec), &object); err != nil {
				t.Fatalf("read the object: %v", err)
			}
			p := FromAlphaObject(object)
			if !p.WhenIsolated || p.Isolates != [2]bool{} {
				t.Errorf("WhenIsolated %t, Isolates %v: an alpha policy only takes part in an isolation", p.WhenIsolated, p.Isolates)
			}
			want, got := "alpha NetworkPolicy ns/p: "+strings.TrimSpace(test.want), text(p)
			if diff := cmp.Diff(want, got); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromAlphaObjectRemembersFields(t *testing.T) {
	p := alphaPolicy(t, "ns", "p", `{allowIncoming: {from: [{pods: {}}, {}], toPorts: [{port: 80}]}}`)
	want := "spec.allowIncoming\nspec.allowIncoming.from[0]\nspec.allowIncoming.from[1]\nspec.allowIncoming.toPorts[0]\n"
	if diff := cmp.Diff(want, fields(p)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	p = alphaPolicy(t, "ns", "p", `{allowIncoming: {from: [{}], toPorts: [{port: 0}, {port: 80, protocol: X}]}}`)
	var got []string
	for _, problem := range p.Problems {
		got = append(got, problem.Field)
	}
	wantProblems := []string{"spec.allowIncoming.from[0]", "spec.allowIncoming.toPorts[0].port", "spec.allowIncoming.toPorts[1].protocol"}
	if diff := cmp.Diff(wantProblems, got); diff != "" || len(p.Rules[Ingress]) > 0 {
		t.Errorf("rules %v, fields of problems (-want +got):\n%s", p.Rules[Ingress], diff)
	}
}
