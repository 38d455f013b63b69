package lint_test

import (
	"fmt"
	"testing"
)

// admin is a cluster policy about everybody with these rules for ingress.
func admin(name string, priority, rules string) string {
	return cnp(name, "tier: Admin, priority: "+priority+", subject: {namespaces: {}}, ingress: ["+rules+"]")
}

func TestShadowed(t *testing.T) {
	shop := objects(namespace("shop", "team: a"), pod("shop/web", "app: web"))
	const fromOps, denyAll = "{action: Accept, from: [{namespaces: {matchLabels: {team: ops}}}]}", "{action: Deny, from: [{namespaces: {}}]}"
	run(t, "HR011", []example{
		{"by an earlier rule", objects(shop, admin("p", "1", denyAll+", "+fromOps)), `
/p spec.ingress[1]: the rule (Accept everything from every pod of namespaces with team=ops) never decides: spec.ingress[0] of ClusterNetworkPolicy p ` +
			`(Deny everything from every pod of every namespace) matches all of it before | remove the rule, or move it before the other`},
		{"by a policy of lower priority number", objects(shop, admin("p", "2", fromOps), admin("q", "1", denyAll)), `
/p spec.ingress[0]: the rule (Accept everything from every pod of namespaces with team=ops) never decides: spec.ingress[0] of ClusterNetworkPolicy q ` +
			`(Deny everything from every pod of every namespace) matches all of it before | remove the rule, or move it before the other`},
		{"by an earlier tier", objects(shop, admin("q", "1", denyAll), netpol("shop/p", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]")), `
shop/p spec.ingress[0]: the rule (Accept everything from every pod of namespace shop) never decides: spec.ingress[0] of ClusterNetworkPolicy q ` +
			`(Deny everything from every pod of every namespace) matches all of it before | remove the rule, or move it before the other`},
		{"the exception comes first", objects(shop, admin("p", "1", fromOps+", "+denyAll)), ""},
		{"an earlier tier passes some of it", objects(shop, admin("q", "1", "{action: Pass, from: [{namespaces: {matchLabels: {team: a}}}]}, "+denyAll), netpol("shop/p", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]")), ""},
		{"an earlier tier passes", objects(shop, admin("q", "1", "{action: Pass, from: [{namespaces: {}}]}"), netpol("shop/p", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]")), ""},
		{"the rule also lets in what is outside", objects(shop, admin("q", "1", denyAll), netpol("shop/p", "podSelector: {}, ingress: [{}]")), ""},
		{"other subject", objects(shop, cnp("q", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: b}}}, ingress: ["+denyAll+"]"), netpol("shop/p", "podSelector: {}, ingress: [{from: [{podSelector: {}}]}]")), ""},
		{"same priority has its own code", objects(shop, admin("p", "1", denyAll), admin("q", "1", fromOps)), ""},
		{"one port only", objects(shop, admin("p", "1", "{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}, "+fromOps)), ""},
		{"same action is redundant instead", objects(shop, admin("p", "1", denyAll+", {action: Deny, from: [{namespaces: {matchLabels: {team: ops}}}]}")), ""},
	})
}

func TestRedundant(t *testing.T) {
	in := func(name, rules string) string { return netpol(name, "podSelector: {}, ingress: ["+rules+"]") }
	const wide, narrow = "{from: [{podSelector: {}}]}", "{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 80}]}"
	const wide5 = "(Accept everything from every pod of namespace shop)"
	const want = `the rule (Accept TCP 80 from pods with app=web of namespace shop) is redundant: spec.ingress[%s] of NetworkPolicy shop/%s ` + wide5 + ` does the same | remove the rule`
	run(t, "HR012", []example{
		{"within a policy", in("shop/p", wide+", "+narrow), "shop/p spec.ingress[1]: " + fmt.Sprintf(want, "0", "p")},
		{"whatever the order", in("shop/p", narrow+", "+wide), "shop/p spec.ingress[0]: " + fmt.Sprintf(want, "1", "p")},
		{"between policies", objects(in("shop/p", narrow), in("shop/q", wide)), "shop/p spec.ingress[0]: " + fmt.Sprintf(want, "0", "q")},
		{"the second of two that are equal", objects(in("shop/p", wide), in("shop/q", wide)), `
shop/q spec.ingress[0]: the rule ` + wide5 + ` is redundant: spec.ingress[0] of NetworkPolicy shop/p ` + wide5 + ` does the same | remove the rule`},
		{"a peer within the rule", in("shop/p", "{from: [{podSelector: {matchLabels: {app: web}}}, {podSelector: {}}]}"), `
shop/p spec.ingress[0].from[0]: the peer (pods with app=web of namespace shop) is redundant: another peer of the rule (every pod of namespace shop) contains it | remove the peer`},
		{"a network within the rule", in("shop/p", "{from: [{ipBlock: {cidr: 10.0.0.0/8}}, {ipBlock: {cidr: 10.1.0.0/16}}]}"), `
shop/p spec.ingress[0].from[1]: the peer (10.1.0.0/16) is redundant: another peer of the rule (10.0.0.0/8) contains it | remove the peer`},
		{"a port within the rule", in("shop/p", "{ports: [{port: 80, endPort: 90}, {port: 85}]}"), `
shop/p spec.ingress[0].ports[1]: the port (TCP 85) is redundant: another port of the rule (TCP 80-90) contains it | remove the port`},
		{"other port", in("shop/p", "{from: [{podSelector: {}}], ports: [{port: 443}]}, "+narrow), ""},
		{"other subject", objects(netpol("shop/q", "podSelector: {matchLabels: {app: db}}, ingress: ["+wide+"]"), in("shop/p", narrow)), ""},
		{"other namespace", objects(in("shop/p", wide), in("ops/p", wide)), ""},
		{"except leaves a hole", in("shop/p", "{from: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.2.0/24]}}, {ipBlock: {cidr: 10.1.0.0/16}}]}"), ""},
		{"all of TCP is not everything", in("shop/p", "{ports: [{protocol: TCP}]}, {from: [{podSelector: {}}]}"), ""},
		{"a default deny has no rule", objects(netpol("shop/p", "podSelector: {}"), in("shop/q", wide)), ""},
	})
}

func TestEqualPriorities(t *testing.T) {
	const accept, deny = "{action: Accept, from: [{namespaces: {matchLabels: {team: ops}}}]}", "{action: Deny, from: [{namespaces: {}}]}"
	run(t, "HR013", []example{
		{"overlap", objects(admin("a", "1", accept), admin("b", "1", deny)), `
/b spec.ingress[0]: ClusterNetworkPolicy b and ClusterNetworkPolicy a have the same tier and priority (1), and different actions for the same traffic: ` +
			`Deny here, Accept in spec.ingress[0] | give them different priorities`},
		{"different priorities", objects(admin("a", "1", accept), admin("b", "2", deny)), ""},
		{"same action", objects(admin("a", "1", deny), admin("b", "1", deny)), ""},
		{"other direction", objects(admin("a", "1", accept), cnp("b", "tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}]")), ""},
		{"other ports", objects(admin("a", "1", "{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}]}"),
			admin("b", "1", "{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 81, end: 90}}}}]}")), ""},
		{"other pods", objects(admin("a", "1", accept), admin("b", "1", "{action: Deny, from: [{namespaces: {matchLabels: {team: dev}}}]}")), ""},
		{"other tier", objects(admin("a", "1", accept), cnp("b", "tier: Baseline, priority: 1, subject: {namespaces: {}}, ingress: ["+deny+"]")), ""},
	})
}
