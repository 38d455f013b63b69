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
			b.WriteString("\n" + d.String() + " " + ruleName(p.Rules[d][i].Index, "") + ": " + p.Rules[d][i].Words(d))
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
			"blocks of addresses, masked as the API server understands them", `
egress:
- to:
  - ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16, 10.1.0.1/16]}
  - ipBlock: {cidr: 010.011.012.013/08}
  - ipBlock: {cidr: "FD00:0:0::1/8"}
  - ipBlock: {cidr: "::/0", except: ["fd00::/8"]}`, `
subjects every pod of namespace ns
ingress is isolated
egress is isolated
egress rule 0: Accept everything to 10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16 or 10.0.0.0/8 or fd00::/8 or ::/0 except fd00::/8`,
		}, {
			"a CIDR that is none fails closed", `{egress: [{to: [{podSelector: {}}]}, {to: [{ipBlock: {cidr: 10.0.0.0}}, {ipBlock: {cidr: ""}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
egress is isolated
problem: spec.egress[1].to[0].ipBlock.cidr: "10.0.0.0" is no CIDR such as 10.0.0.0/8 or fd00::/8; until that is changed the policy allows nothing; ` +
				`spec.egress[1].to[1].ipBlock.cidr: "" is no CIDR such as 10.0.0.0/8 or fd00::/8; until that is changed the policy allows nothing`,
		}, {
			"an IPv4-mapped CIDR fails closed", `{ingress: [{from: [{ipBlock: {cidr: "::ffff:10.0.0.0/104"}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].ipBlock.cidr: "::ffff:10.0.0.0/104" is an IPv4-mapped IPv6 CIDR: write it as IPv4; until that is changed the policy allows nothing`,
		}, {
			"an exception outside fails closed", `{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16, 11.0.0.0/16]}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].ipBlock.except[1]: 11.0.0.0/16 is not a part of 10.0.0.0/8; until that is changed the policy allows nothing`,
		}, {
			"an exception as large as the block fails closed", `{ingress: [{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.0.0.0/8]}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].ipBlock.except[0]: 10.0.0.0/8 is not a part of 10.0.0.0/8; until that is changed the policy allows nothing`,
		}, {
			"an exception of the other family fails closed", `{ingress: [{from: [{ipBlock: {cidr: 0.0.0.0/0, except: ["fd00::/8"]}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].ipBlock.except[0]: fd00::/8 is not a part of 0.0.0.0/0; until that is changed the policy allows nothing`,
		}, {
			"a block beside a selector fails closed", `{ingress: [{from: [{podSelector: {}, ipBlock: {cidr: 10.0.0.0/8}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].ipBlock: stands beside a selector, where it must stand alone (make it a peer of its own); ` +
				`until that is changed the policy allows nothing`,
		}, {
			"broken selectors of peers fail closed", `{ingress: [{from: [{podSelector: {matchExpressions: [{key: a, operator: Near}]}, namespaceSelector: {matchExpressions: [{key: a, operator: Far}]}}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0].podSelector: convert label selector: "Near" is not a valid label selector operator; until that is changed the policy allows nothing; ` +
				`spec.ingress[0].from[0].namespaceSelector: convert label selector: "Far" is not a valid label selector operator; until that is changed the policy allows nothing`,
		}, {
			"ranges", `{ingress: [{ports: [{port: 80, endPort: 90}, {protocol: UDP, port: 5, endPort: 5}, {protocol: SCTP, port: 1, endPort: 65535}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
ingress rule 0: Accept TCP 80-90 or UDP 5 or SCTP 1-65535 from everybody`,
		}, {
			"a range that ends before it begins fails closed", `{ingress: [{ports: [{port: 80, endPort: 79}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].endPort: 79 is less than port, which is 80; until that is changed the policy allows nothing`,
		}, {
			"a range of names fails closed", `{ingress: [{ports: [{port: web, endPort: 90}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].endPort: needs a number in port, where the range begins, and not the name "web"; until that is changed the policy allows nothing`,
		}, {
			"a range without a beginning fails closed", `{ingress: [{ports: [{endPort: 90}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].endPort: needs port, where the range begins; until that is changed the policy allows nothing`,
		}, {
			"a range beyond the ports fails closed", `{ingress: [{ports: [{port: 80, endPort: 65536}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].endPort: 65536 is no port from 1 to 65535; until that is changed the policy allows nothing`,
		}, {
			"a number in quotes is a name, and no valid one", `{ingress: [{ports: [{port: "80"}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].port: "80" is no name of a port: it must contain at least one letter (a-z); until that is changed the policy allows nothing`,
		}, {
			"every fault is told", `{podSelector: {matchExpressions: [{key: a, operator: Near}]}, ingress: [{from: [{}], ports: [{protocol: ""}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.podSelector: convert label selector: "Near" is not a valid label selector operator; until that is changed the policy allows nothing; ` +
				`spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; until that is changed the policy allows nothing; ` +
				`spec.ingress[0].ports[0].protocol: "" is none of TCP, UDP, SCTP; until that is changed the policy allows nothing`,
		}, {
			"an empty peer fails closed", `{ingress: [{from: [{}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; until that is changed the policy allows nothing`,
		}, {
			"port 0 fails closed", `{ingress: [{ports: [{port: 0}]}]}`, `
subjects every pod of namespace ns
ingress is isolated
problem: spec.ingress[0].ports[0].port: 0 is no port from 1 to 65535; until that is changed the policy allows nothing`,
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

func TestFromNetworkPolicyRemembersFields(t *testing.T) {
	p := v1Policy(t, "ns", "p", `
policyTypes: [Ingress, Egress]
ingress:
- {}
- from: [{podSelector: {}}, {ipBlock: {cidr: 10.0.0.0/8}}]
  ports: [{port: 80}, {port: web}]
egress:
- {to: [{namespaceSelector: {}}], ports: [{port: 1, endPort: 2}]}`)
	want := "spec.ingress[0]\nspec.ingress[1]\nspec.ingress[1].from[0]\nspec.ingress[1].from[1]\nspec.ingress[1].ports[0]\nspec.ingress[1].ports[1]\n" +
		"spec.egress[0]\nspec.egress[0].to[0]\nspec.egress[0].ports[0]\n"
	if diff := cmp.Diff(want, fields(p)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
}

// fields are the places of everything in a policy, one in a line.
func fields(p *Policy) string {
	var b strings.Builder
	for _, d := range Directions {
		for _, rule := range p.Rules[d] {
			b.WriteString(rule.Field + "\n")
			for _, peer := range rule.Peers {
				b.WriteString(peer.Field + "\n")
			}
			for _, port := range rule.Ports {
				b.WriteString(port.Field + "\n")
			}
		}
	}
	return b.String()
}
