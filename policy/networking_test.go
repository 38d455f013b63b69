package policy

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// text is a policy in words, for comparison.
func text(p *Policy) string {
	var b strings.Builder
	b.WriteString(p.Ref.String() + ": subjects " + p.Subject.Words())
	for _, d := range Directions {
		if p.Isolates[d] {
			b.WriteString("\n" + d.String() + " is isolated")
		}
		for i := range p.Rules[d] {
			b.WriteString("\n" + d.String() + " " + ruleName(p.Rules[d][i].Index) + ": " + p.Rules[d][i].Words(d))
		}
	}
	if p.Problem() != "" {
		b.WriteString("\nproblem: " + p.Problem())
	}
	return b.String()
}

func TestFromNetworkPolicy(t *testing.T) {
	for _, test := range []struct{ name, spec, want string }{
		{
			"empty: isolates every pod for ingress", `{}`, `
subjects every pod of namespace ns
ingress is isolated`,
		}, {
			"egress by default when there are egress rules", `{podSelector: {}, egress: [{}]}`, `
subjects every pod of namespace ns
ingress is isolated
egress is isolated
egress rule 0: Accept everything to everybody`,
		}, {
			"types win over rules", `{policyTypes: [Ingress], egress: [{}]}`, `
subjects every pod of namespace ns
ingress is isolated`,
		}, {
			"egress alone", `{policyTypes: [Egress], ingress: [{}]}`, `
subjects every pod of namespace ns
egress is isolated`,
		}, {
			"empty lists mean everybody and everything", `{podSelector: {matchLabels: {app: db}}, ingress: [{from: [], ports: []}]}`, `
subjects pods with app=db of namespace ns
ingress is isolated
ingress rule 0: Accept everything from everybody`,
		}, {
			"one dash is and, two are or", `
ingress:
- from:
  - podSelector: {matchLabels: {a: b}}
    namespaceSelector: {matchLabels: {c: d}}
- from:
  - podSelector: {matchLabels: {a: b}}
  - namespaceSelector: {matchLabels: {c: d}}`, `
subjects every pod of namespace ns
ingress is isolated
ingress rule 0: Accept everything from pods with a=b of namespaces with c=d
ingress rule 1: Accept everything from pods with a=b of namespace ns or every pod of namespaces with c=d`,
		}, {
			"empty selectors", `{ingress: [{from: [{podSelector: {}}, {namespaceSelector: {}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
ingress rule 0: Accept everything from every pod of namespace ns or every pod of every namespace`,
		}, {
			"ports", `{ingress: [{ports: [{port: 80}, {protocol: UDP}, {protocol: SCTP, port: 9}, {port: web}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
ingress rule 0: Accept TCP 80 or UDP or SCTP 9 or TCP "web" from everybody`,
		}, {
			"expressions", `{podSelector: {matchExpressions: [{key: b, operator: NotIn, values: [z, x]}, {key: a, operator: Exists}]}}`, `
subjects pods with a,b notin (x,z) of namespace ns
ingress is isolated`,
		}, {
			"ipBlock fails closed", `{egress: [{to: [{podSelector: {}}]}, {to: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
egress is isolated
problem: spec.egress[1].to[0].ipBlock: is not supported yet; until that is changed the policy allows nothing`,
		}, {
			"endPort fails closed", `{ingress: [{ports: [{port: 80, endPort: 90}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].endPort: is not supported yet; until that is changed the policy allows nothing`,
		}, {
			"an empty peer fails closed", `{ingress: [{from: [{}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; until that is changed the policy allows nothing`,
		}, {
			"port 0 fails closed", `{ingress: [{ports: [{port: 0}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].port: "0" is neither a port from 1 to 65535 nor a name; until that is changed the policy allows nothing`,
		}, {
			"an unknown protocol fails closed", `{ingress: [{ports: [{protocol: ICMP}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].protocol: "ICMP" is none of TCP, UDP, SCTP; until that is changed the policy allows nothing`,
		}, {
			"an unknown type closes both directions", `{policyTypes: [Sideways], ingress: [{}]}`, `
subjects every pod of namespace ns
ingress is isolated
egress is isolated
problem: spec.policyTypes[0]: "Sideways" is neither Ingress nor Egress; until that is changed the policy allows nothing`,
		}, {
			"an unknown operator widens the subjects to the namespace",
			`{podSelector: {matchExpressions: [{key: a, operator: Near, values: [b]}]}, ingress: [{}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.podSelector: convert label selector: "Near" is not a valid label selector operator; until that is changed the policy allows nothing`,
		},
	} {
		t.Run(test.name, func(t *testing.T) {
			np := &networkingv1.NetworkPolicy{}
			np.Namespace, np.Name = "ns", "p"
			if err := yaml.UnmarshalStrict([]byte(test.spec), &np.Spec); err != nil {
				t.Fatalf("read the spec: %v", err)
			}
			want := "NetworkPolicy ns/p: " + strings.TrimSpace(test.want)
			if diff := cmp.Diff(want, text(FromNetworkPolicy(np))); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}
