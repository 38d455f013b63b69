package lint_test

import "testing"

func annotated(name, value string) string {
	return "{apiVersion: v1, kind: Namespace, metadata: {name: " + name + ", annotations: {net.alpha.kubernetes.io/network-isolation: " + value + "}}}"
}

func TestProblems(t *testing.T) {
	run(t, "HR001", []example{
		{"broken selector", netpol("shop/p", "podSelector: {matchExpressions: [{key: app, operator: Inn}]}"), `
shop/p spec.podSelector: NetworkPolicy shop/p: spec.podSelector: convert label selector: "Inn" is not a valid label selector operator; until that is changed the policy allows nothing | correct the field`},
		{"sound", netpol("shop/p", "podSelector: {}"), ""},
	})
	names := func(names string) string {
		return cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{"+names+"}]}]")
	}
	run(t, "HR002", []example{
		{"domain names", names("domainNames: [example.com]"), `
/p spec.egress[0].to[0].domainNames: ClusterNetworkPolicy p: spec.egress[0].to[0].domainNames: domain names are not supported, because addresses are compared, not names; until that is changed the rule matches nothing | say it with another field, or leave it out`},
		{"networks", names("networks: [192.0.2.0/24]"), ""},
	})
}

func TestAlpha(t *testing.T) {
	allow := alpha("shop/p", "allowIncoming: {}")
	run(t, "HR019", []example{
		{"no annotation", objects(namespace("shop", ""), allow), `
shop/p : alpha NetworkPolicy shop/p has no effect: namespace shop is not isolated | give the namespace the annotation net.alpha.kubernetes.io/network-isolation: "on"`},
		{"off", objects(annotated("shop", `"off"`), allow), `
shop/p : alpha NetworkPolicy shop/p has no effect: namespace shop is not isolated | give the namespace the annotation net.alpha.kubernetes.io/network-isolation: "on"`},
		{"on", objects(annotated("shop", `"on"`), allow), ""},
		{"the namespace was not written", allow, ""},
		{"another API", objects(namespace("shop", ""), netpol("shop/p", "podSelector: {}")), ""},
	})
	run(t, "HR020", []example{
		{"neither", annotated("shop", `"yes"`), `
shop/yes metadata.annotations[net.alpha.kubernetes.io/network-isolation]: namespace shop: parse annotation net.alpha.kubernetes.io/network-isolation: value "yes" is neither "on" nor "off"; the namespace is isolated until it is one of them | write "on" or "off", with the quotes`},
		{"on", annotated("shop", `"on"`), ""},
		{"off", annotated("shop", `"off"`), ""},
	})
}

func TestIgnoredRules(t *testing.T) {
	run(t, "HR021", []example{
		{"egress", netpol("shop/p", "podSelector: {}, policyTypes: [Ingress], egress: [{}, {}]"), `
shop/p spec.egress: NetworkPolicy shop/p ignores its 2 rules of spec.egress: policyTypes does not list Egress | add Egress to policyTypes, or remove spec.egress`},
		{"ingress", netpol("shop/p", "podSelector: {}, policyTypes: [Egress], ingress: [{}]"), `
shop/p spec.ingress: NetworkPolicy shop/p ignores its 1 rule of spec.ingress: policyTypes does not list Ingress | add Ingress to policyTypes, or remove spec.ingress`},
		{"listed", netpol("shop/p", "podSelector: {}, policyTypes: [Ingress, Egress], egress: [{}]"), ""},
		{"no policyTypes", netpol("shop/p", "podSelector: {}, egress: [{}]"), ""},
		{"listed without a rule denies all", netpol("shop/p", "podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{}], egress: []"), ""},
		{"not listed and empty", netpol("shop/p", "podSelector: {}, policyTypes: [Ingress], egress: []"), ""},
	})
}

func TestNothingWritten(t *testing.T) {
	run(t, "HR026", []example{
		{"peers and ports", netpol("shop/p", "podSelector: {}, ingress: [{from: null, ports: [{port: 80}]}, {ports: null, from: [{podSelector: {}}]}]"), `
shop/p spec.ingress[0].from: NetworkPolicy shop/p has nothing after spec.ingress[0].from, which means everybody | write what is meant: [] for everybody
shop/p spec.ingress[1].ports: NetworkPolicy shop/p has nothing after spec.ingress[1].ports, which means every port | write what is meant: [] for every port`},
		{"a rule", netpol("shop/p", "podSelector: {}, policyTypes: [Egress], egress: [null]"), `
shop/p spec.egress[0]: NetworkPolicy shop/p has nothing after spec.egress[0], which means everything with everybody | write what is meant: {} for everything with everybody`},
		{"on purpose", netpol("shop/p", "podSelector: {}, ingress: [{from: [], ports: []}, {}]"), ""},
		{"what opens nothing", netpol("shop/p", "podSelector: null, ingress: null, policyTypes: [Ingress]"), ""},
	})
}

func TestWithoutEffect(t *testing.T) {
	run(t, "HR022", []example{
		{"cluster policy without rules", cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}"), `
/p : ClusterNetworkPolicy p has no rule and changes nothing | write rules, or remove it`},
		{"alpha policy that allows nothing", objects(annotated("shop", `"on"`), alpha("shop/p", "podSelector: {}")), `
shop/p : alpha NetworkPolicy shop/p has no rule and changes nothing | remove it: the annotation of the namespace isolates already`},
		{"a default deny isolates", netpol("shop/p", "podSelector: {}"), ""},
		{"not in effect has its own code", objects(namespace("shop", ""), alpha("shop/p", "podSelector: {}")), ""},
		{"with a rule", cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]"), ""},
	})
}
