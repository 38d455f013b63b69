package policy

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"
)

// read decodes YAML into an object, or fails the test.
func read(t *testing.T, text string, into any) {
	t.Helper()
	if err := yaml.UnmarshalStrict([]byte(text), into); err != nil {
		t.Fatalf("read %s: %v", text, err)
	}
}

func clusterPolicy(t *testing.T, name, spec string) *Policy {
	t.Helper()
	cnp := &v1alpha2.ClusterNetworkPolicy{}
	cnp.Name = name
	read(t, spec, &cnp.Spec)
	return FromClusterNetworkPolicy(cnp)
}

func adminPolicy(t *testing.T, name, spec string) *Policy {
	t.Helper()
	anp := &v1alpha1.AdminNetworkPolicy{}
	anp.Name = name
	read(t, spec, &anp.Spec)
	return FromAdminNetworkPolicy(anp)
}

func baselinePolicy(t *testing.T, name, spec string) *Policy {
	t.Helper()
	banp := &v1alpha1.BaselineAdminNetworkPolicy{}
	banp.Name = name
	read(t, spec, &banp.Spec)
	return FromBaselineAdminNetworkPolicy(banp)
}

// clusterText is a policy for the whole cluster in words, without its name.
func clusterText(p *Policy) string {
	_, words, _ := strings.Cut(text(p), ": ")
	return fmt.Sprintf("tier %s priority %d\n%s", p.Tier, p.Priority, words)
}

func TestFromClusterNetworkPolicy(t *testing.T) {
	const subject = `{tier: Admin, priority: 5, subject: {namespaces: {}}, `
	const head = "tier Admin priority 5\nsubjects every pod of every namespace\n"
	const nothing, everything = "; until that is changed the rule matches nothing", "; until that is changed the rule denies everything"
	for _, test := range []struct{ name, spec, want string }{
		{"no rules", `{tier: Baseline, priority: 1000, subject: {pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: {matchLabels: {c: d}}}}}`,
			"tier Baseline priority 1000\nsubjects pods with c=d of namespaces with a=b"},
		{"the actions, in order", subject + `ingress: [{action: Pass, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {}}]}, {action: Accept, from: [{namespaces: {}}]}]}`, head + `
ingress rule 0: Pass everything from every pod of every namespace
ingress rule 1: Deny everything from every pod of every namespace
ingress rule 2: Accept everything from every pod of every namespace`},
		{"the peers of ingress", subject + `ingress: [{action: Accept, from: [{namespaces: {matchLabels: {a: b}}}, {pods: {namespaceSelector: {}, podSelector: {matchLabels: {c: d}}}}]}]}`, head + `
ingress rule 0: Accept everything from every pod of namespaces with a=b or pods with c=d of every namespace`},
		{"the peers of egress", subject + `egress: [{action: Deny, to: [{namespaces: {matchLabels: {a: b}}}, {pods: {namespaceSelector: {}, podSelector: {}}}, {nodes: {}},
			{nodes: {matchExpressions: [{key: role, operator: Exists}]}}, {networks: [10.0.0.0/8, "FD00::1/8"]}]}]}`, head + `
egress rule 0: Deny everything to every pod of namespaces with a=b or every pod of every namespace or every node or nodes with role or 10.0.0.0/8 or fd00::/8`},
		{"protocols and ports", subject + `ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}, {udp: {destinationPort: {range: {start: 5, end: 9}}}},
			{sctp: {destinationPort: {range: {start: 1, end: 65535}}}}, {destinationNamedPort: web}]}]}`, head + `
ingress rule 0: Accept TCP 80 or UDP 5-9 or SCTP 1-65535 or TCP "web" or UDP "web" or SCTP "web" from every pod of every namespace`},
		{"an accept rule with a domain name matches nothing, the others hold", subject + `egress: [{action: Accept, to: [{namespaces: {}}, {domainNames: [example.org]}]}, {action: Deny, to: [{namespaces: {}}]}]}`, head + `
egress rule 0: Accept everything to nobody
egress rule 1: Deny everything to every pod of every namespace
problem: spec.egress[0].to[1].domainNames: domain names are not supported, because addresses are compared, not names` + nothing},
		{"a deny rule with a domain name denies all", subject + `egress: [{action: Deny, to: [{domainNames: [example.org]}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}, {action: Accept, to: [{nodes: {}}]}]}`, head + `
egress rule 0: Deny everything to everybody
egress rule 1: Accept everything to every node
problem: spec.egress[0].to[0].domainNames: domain names are not supported, and by the API never in rules that do not accept` + everything},
		{"a pass rule with a domain name denies all", subject + `egress: [{action: Pass, to: [{domainNames: [example.org]}]}]}`, head + `
egress rule 0: Deny everything to everybody
problem: spec.egress[0].to[0].domainNames: domain names are not supported, and by the API never in rules that do not accept` + everything},
		{"a peer with no field, accept", subject + `ingress: [{action: Accept, from: [{namespaces: {}}, {}]}]}`, head + `
ingress rule 0: Accept everything from nobody
problem: spec.ingress[0].from[1]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here` + nothing},
		{"a peer with no field, deny", subject + `ingress: [{action: Deny, from: [{}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}]}`, head + `
ingress rule 0: Deny everything from everybody
problem: spec.ingress[0].from[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here` + everything},
		{"a peer with no field, pass", subject + `egress: [{action: Pass, to: [{networks: []}]}]}`, head + `
egress rule 0: Deny everything to everybody
problem: spec.egress[0].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here` + everything},
		{"a peer with two fields", subject + `egress: [{action: Accept, to: [{namespaces: {}, nodes: {}}]}]}`, head + `
egress rule 0: Accept everything to nobody
problem: spec.egress[0].to[0]: has more than one of the fields namespaces, pods, nodes, networks, domainNames` + nothing},
		{"no peers", subject + `ingress: [{action: Deny, from: []}], egress: [{action: Accept}]}`, head + `
ingress rule 0: Deny everything from everybody
egress rule 0: Accept everything to nobody
problem: spec.ingress[0].from: needs at least one item` + everything + `; spec.egress[0].to: needs at least one item` + nothing},
		{"no peers, and broken otherwise", subject + `ingress: [{action: Deny, from: [], protocols: [{}]}]}`, head + `
ingress rule 0: Deny everything from everybody
problem: spec.ingress[0].protocols[0]: has none of the fields tcp, udp, sctp, destinationNamedPort that are known here` + everything +
			`; spec.ingress[0].from: needs at least one item` + everything},
		{"a broken selector", subject + `ingress: [{action: Accept, from: [{pods: {namespaceSelector: {}, podSelector: {matchExpressions: [{key: a, operator: Near}]}}}]},
			{action: Deny, from: [{namespaces: {matchExpressions: [{key: a, operator: Near}]}}]}]}`, head + `
ingress rule 0: Accept everything from nobody
ingress rule 1: Deny everything from everybody
problem: spec.ingress[0].from[0].pods.podSelector: convert label selector: "Near" is not a valid label selector operator` + nothing +
			`; spec.ingress[1].from[0].namespaces: convert label selector: "Near" is not a valid label selector operator` + everything},
		{"a broken network", subject + `egress: [{action: Accept, to: [{networks: [10.0.0.0/8, 10.0.0.0/33]}]}, {action: Pass, to: [{networks: ["::ffff:10.0.0.0/104"]}]}]}`, head + `
egress rule 0: Accept everything to nobody
egress rule 1: Deny everything to everybody
problem: spec.egress[0].to[0].networks[1]: "10.0.0.0/33" is no CIDR such as 10.0.0.0/8 or fd00::/8` + nothing +
			`; spec.egress[1].to[0].networks[0]: "::ffff:10.0.0.0/104" is an IPv4-mapped IPv6 CIDR: write it as IPv4` + everything},
		{"a protocol with no field", subject + `ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{udp: {}}]}, {action: Deny, from: [{namespaces: {}}], protocols: [{sctp: {}}]}]}`, head + `
ingress rule 0: Accept everything from nobody
ingress rule 1: Deny everything from everybody
problem: spec.ingress[0].protocols[0].udp: has no destinationPort, which is the only field known here (every port is the range from 1 to 65535)` + nothing +
			`; spec.ingress[1].protocols[0].sctp: has no destinationPort, which is the only field known here (every port is the range from 1 to 65535)` + everything},
		{"broken ports", subject + `ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{}, {tcp: {}, udp: {}}, {tcp: {destinationPort: {}}}, {tcp: {destinationPort: {number: 70000}}},
			{tcp: {destinationPort: {number: 1, range: {start: 1, end: 2}}}}, {tcp: {destinationPort: {range: {start: 2, end: 2}}}}, {tcp: {destinationPort: {range: {start: 0, end: 65536}}}}]}]}`, head + `
ingress rule 0: Accept everything from nobody
problem: spec.ingress[0].protocols[0]: has none of the fields tcp, udp, sctp, destinationNamedPort that are known here` + nothing +
			`; spec.ingress[0].protocols[1]: has more than one of the fields tcp, udp, sctp, destinationNamedPort` + nothing +
			`; spec.ingress[0].protocols[2].tcp.destinationPort.number: 0 is no port from 1 to 65535` + nothing +
			`; spec.ingress[0].protocols[3].tcp.destinationPort.number: 70000 is no port from 1 to 65535` + nothing +
			`; spec.ingress[0].protocols[4].tcp.destinationPort: has both number and range` + nothing +
			`; spec.ingress[0].protocols[5].tcp.destinationPort.range: the start, 2, is not less than the end, 2` + nothing +
			`; spec.ingress[0].protocols[6].tcp.destinationPort.range.start: 0 is no port from 1 to 65535` + nothing +
			`; spec.ingress[0].protocols[6].tcp.destinationPort.range.end: 65536 is no port from 1 to 65535` + nothing},
		{"an empty list of protocols", subject + `ingress: [{action: Accept, from: [{namespaces: {}}], protocols: []}]}`, head + `
ingress rule 0: Accept everything from nobody
problem: spec.ingress[0].protocols: needs at least one item: leave it out to mean every port and protocol` + nothing},
		{"a named port beside addresses", subject + `egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}, {destinationNamedPort: web}]}]}`, head + `
egress rule 0: Deny everything to everybody
problem: spec.egress[0].protocols[1]: the name "web" cannot stand beside peers that are networks, nodes or domainNames, which name no ports` + everything},
		{"an unknown action denies all", subject + `ingress: [{action: Allow, from: [{namespaces: {matchLabels: {a: b}}}]}]}`, head + `
ingress rule 0: Deny everything from everybody
problem: spec.ingress[0].action: "Allow" is none of Accept, Deny, Pass` + everything},
	} {
		t.Run(test.name, func(t *testing.T) {
			want := strings.ReplaceAll(test.want, "\n\n", "\n")
			if diff := cmp.Diff(want, clusterText(clusterPolicy(t, "p", test.spec))); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

// A policy whose subject or tier is broken lets nothing through that it was written to forbid, and opens nothing.
func TestFromClusterNetworkPolicyUnclear(t *testing.T) {
	const rules = `ingress: [{action: Accept, from: [{namespaces: {}}]}, {action: Pass, from: [{namespaces: {}}]}, {action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}]}`
	const after = `
ingress rule 0: Accept everything from nobody
ingress rule 1: Deny everything from every pod of every namespace
ingress rule 2: Deny TCP 1-65535 from every pod of every namespace
problem: `
	const consequence = "; until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing"
	for _, test := range []struct{ name, spec, want string }{
		{"no subject", `{tier: Baseline, priority: 5, subject: {}, `, "tier Baseline priority 5\nsubjects every pod of every namespace" + after +
			"spec.subject: has none of the fields namespaces, pods that are known here" + consequence},
		{"two subjects", `{tier: Admin, priority: 5, subject: {namespaces: {}, pods: {namespaceSelector: {}, podSelector: {}}}, `,
			"tier Admin priority 5\nsubjects every pod of every namespace" + after + "spec.subject: has more than one of the fields namespaces, pods" + consequence},
		{"what is sound of a subject narrows it", `{tier: Admin, priority: 5, subject: {pods: {namespaceSelector: {matchLabels: {a: b, "-": x}, matchExpressions: [{key: c, operator: Exists}]},
			podSelector: {matchExpressions: [{key: d, operator: In, values: []}, {key: e, operator: Exists}]}}}, `,
			"tier Admin priority 5\nsubjects pods with e of namespaces with a=b,c" + after +
				`spec.subject.pods.namespaceSelector: convert label selector: key: Invalid value: "-": name part must consist of alphanumeric characters, '-', '_' or '.', and must start and end with an alphanumeric character (e.g. 'MyName',  or 'my.name',  or '123-abc', regex used for validation is '([A-Za-z0-9][-A-Za-z0-9_.]*)?[A-Za-z0-9]')` + consequence +
				"; spec.subject.pods.podSelector: convert label selector: values: Invalid value: null: for 'in', 'notin' operators, values set can't be empty" + consequence},
		{"an unknown tier is Admin", `{tier: Middle, priority: 5, subject: {namespaces: {}}, `, "tier Admin priority 5\nsubjects every pod of every namespace" + after +
			`spec.tier: "Middle" is none of Admin, Baseline, and counts as Admin` + consequence},
	} {
		t.Run(test.name, func(t *testing.T) {
			if diff := cmp.Diff(test.want, clusterText(clusterPolicy(t, "p", test.spec+rules))); diff != "" {
				t.Errorf("policy (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromAdminNetworkPolicy(t *testing.T) {
	const nothing, everything = "; until that is changed the rule matches nothing", "; until that is changed the rule denies everything"
	got := clusterText(adminPolicy(t, "p", `
priority: 7
subject: {pods: {namespaceSelector: {matchLabels: {a: b}}, podSelector: {}}}
ingress:
- {name: first, action: Allow, from: [{namespaces: {}}, {pods: {namespaceSelector: {}, podSelector: {matchLabels: {c: d}}}}],
   ports: [{portNumber: {protocol: UDP, port: 53}}, {portNumber: {port: 80}}, {portRange: {start: 5, end: 9}}, {namedPort: web}]}
- {action: Pass, from: [{namespaces: {}}], ports: []}
- {action: Accept, from: [{namespaces: {}}]}
- {action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {protocol: ICMP, port: 0}}, {namedPort: ""}, {portRange: {start: 9, end: 5}}, {}]}
egress:
- {action: Deny, to: [{nodes: {matchLabels: {role: x}}}, {networks: [0.0.0.0/0]}, {namespaces: {matchLabels: {e: f}}}, {pods: {namespaceSelector: {}, podSelector: {}}}]}
- {action: Allow, to: [{domainNames: [example.org]}]}
- {action: Deny, to: [{domainNames: [example.org]}]}`))
	want := `tier Admin priority 7
subjects every pod of namespaces with a=b
ingress rule 0: Accept UDP 53 or TCP 80 or TCP 5-9 or TCP "web" or UDP "web" or SCTP "web" from every pod of every namespace or pods with c=d of every namespace
ingress rule 1: Deny everything from everybody
ingress rule 2: Deny everything from everybody
ingress rule 3: Accept everything from nobody
egress rule 0: Deny everything to nodes with role=x or 0.0.0.0/0 or every pod of namespaces with e=f or every pod of every namespace
egress rule 1: Accept everything to nobody
egress rule 2: Deny everything to everybody
problem: spec.ingress[1].ports: needs at least one item: leave it out to mean every port and protocol` + everything +
		`; spec.ingress[2].action: "Accept" is none of Allow, Deny, Pass` + everything +
		`; spec.ingress[3].ports[0].portNumber.port: 0 is no port from 1 to 65535` + nothing +
		`; spec.ingress[3].ports[0].portNumber.protocol: "ICMP" is none of TCP, UDP, SCTP` + nothing +
		`; spec.ingress[3].ports[1].namedPort: is empty` + nothing +
		`; spec.ingress[3].ports[2].portRange: the start, 9, is not less than the end, 5` + nothing +
		`; spec.ingress[3].ports[3]: has none of the fields portNumber, namedPort, portRange that are known here` + nothing +
		`; spec.egress[1].to[0].domainNames: domain names are not supported, because addresses are compared, not names` + nothing +
		`; spec.egress[2].to[0].domainNames: domain names are not supported, and by the API never in rules that do not accept` + everything
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestFromBaselineAdminNetworkPolicy(t *testing.T) {
	p := baselinePolicy(t, "default", `
subject: {namespaces: {matchLabels: {a: b}}}
ingress: [{action: Deny, from: [{namespaces: {}}]}, {action: Pass, from: [{namespaces: {}}]}]
egress: [{action: Allow, to: [{nodes: {}}, {networks: [10.0.0.0/8]}, {namespaces: {}}, {pods: {namespaceSelector: {}, podSelector: {}}}], ports: [{portNumber: {port: 80}}]}, {action: Allow, to: [{}]}]`)
	want := `tier Baseline priority 0
subjects every pod of namespaces with a=b
ingress rule 0: Deny everything from every pod of every namespace
ingress rule 1: Deny everything from everybody
egress rule 0: Accept TCP 80 to every node or 10.0.0.0/8 or every pod of every namespace or every pod of every namespace
egress rule 1: Accept everything to nobody
problem: spec.ingress[1].action: "Pass" is none of Allow, Deny; until that is changed the rule denies everything; ` +
		`spec.egress[1].to[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule matches nothing`
	if diff := cmp.Diff(want, clusterText(p)); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

func TestClusterPoliciesRememberFieldsAndNames(t *testing.T) {
	p := clusterPolicy(t, "p", `
tier: Admin
priority: 1
subject: {namespaces: {}}
ingress:
- {name: one, action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}, {destinationNamedPort: web}]}
egress:
- {name: two, action: Accept, to: [{nodes: {}}, {networks: [10.0.0.0/8, 11.0.0.0/8]}], protocols: [{udp: {destinationPort: {number: 53}}}]}
- {name: broken, action: Pass, to: [{}]}`)
	want := `spec.ingress[0]
spec.ingress[0].from[0]
spec.ingress[0].protocols[0]
spec.ingress[0].protocols[1]
spec.ingress[0].protocols[1]
spec.ingress[0].protocols[1]
spec.egress[0]
spec.egress[0].to[0]
spec.egress[0].to[1].networks[0]
spec.egress[0].to[1].networks[1]
spec.egress[0].protocols[0]
spec.egress[1]
`
	if diff := cmp.Diff(want, fields(p)); diff != "" {
		t.Errorf("fields (-want +got):\n%s", diff)
	}
	if got := p.Rules[Ingress][0].Name + " " + p.Rules[Egress][0].Name + " " + p.Rules[Egress][1].Name; got != "one two broken" {
		t.Errorf("names: got %q", got)
	}
}

// Of a rule that matches nothing the list of peers must be empty and not nil, which is everybody; domain names are told apart from faults.
func TestClosedRulesAreClosed(t *testing.T) {
	p := clusterPolicy(t, "p", `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{domainNames: [a.b]}]}, {action: Deny, to: []}, {action: Pass, to: [{}]}]}`)
	rules := p.Rules[Egress]
	if rules[0].Peers == nil || len(rules[0].Peers) > 0 || rules[1].Peers != nil || rules[2].Peers != nil || rules[2].Ports != nil {
		t.Errorf("rules %+v", rules)
	}
	unsupported := map[string]bool{}
	for _, problem := range p.Problems {
		unsupported[problem.Field] = problem.Unsupported
	}
	want := map[string]bool{"spec.egress[0].to[0].domainNames": true, "spec.egress[1].to": false, "spec.egress[2].to[0]": false}
	if diff := cmp.Diff(want, unsupported); diff != "" {
		t.Errorf("problems that are only unsupported (-want +got):\n%s", diff)
	}
}

// What is kept of a policy that is wrong everywhere is bounded.
func TestProblemsAreBounded(t *testing.T) {
	rules := strings.Repeat(`{action: Accept, from: [{}, {}, {}]}, `, 60)
	p := clusterPolicy(t, "p", `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [`+rules+`]}`)
	if got := p.Problems[len(p.Problems)-1].Message; len(p.Problems) != maxProblems+1 || got != "80 more problems are not listed" {
		t.Errorf("%d problems, the last is %q", len(p.Problems), got)
	}
	long := v1Policy(t, "ns", "p", `{ingress: [{ports: [{protocol: `+strings.Repeat("x", 5000)+`}]}]}`)
	if got := len(long.Problem()); got > maxProblemMessage+200 {
		t.Errorf("a problem of %d bytes", got)
	}
	for i := range p.Rules[Ingress] {
		if rule := &p.Rules[Ingress][i]; rule.Peers == nil || len(rule.Peers) > 0 {
			t.Errorf("%s is open: %s", rule.Field, rule.Words(Ingress))
		}
	}
}
