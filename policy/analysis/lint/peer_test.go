package lint_test

import "testing"

// from is a policy of namespace shop with these peers.
func from(peers string) string {
	return netpol("shop/p", "podSelector: {}, ingress: [{from: ["+peers+"]}]")
}

func TestEmptyPeers(t *testing.T) {
	shop := objects(namespace("shop", "team: a"), namespace("ops", "team: ops"), namespace("empty", "team: none"),
		pod("shop/web", "app: frontend"), pod("ops/prometheus", "app: prometheus"))
	run(t, "HR004", []example{
		{"misspelt pod label", objects(shop, from("{podSelector: {matchLabels: {app: frontned}}}")), `
shop/p spec.ingress[0].from[0]: the peer (pods with app=frontned of namespace shop) selects nothing: no pod of namespace shop has app=frontned | did you mean app=frontend?`},
		{"pods of another namespace", objects(shop, from("{podSelector: {matchLabels: {app: prometheus}}}")), `
shop/p spec.ingress[0].from[0]: the peer (pods with app=prometheus of namespace shop) selects nothing: no pod of namespace shop has app=prometheus | look at the namespace: the selector would match 1 pod in namespace ops`},
		{"misspelt namespace label", objects(shop, from("{namespaceSelector: {matchLabels: {team: opps}}}")), `
shop/p spec.ingress[0].from[0]: the peer (every pod of namespaces with team=opps) selects nothing: no namespace has team=opps | did you mean team=ops?`},
		{"no node", objects(shop, "{apiVersion: v1, kind: Node, metadata: {name: node1, labels: {role: worker}}}",
			cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{nodes: {matchLabels: {role: workr}}}]}]")), `
/p spec.egress[0].to[0]: the peer (nodes with role=workr) selects nothing: no node has role=workr | did you mean role=worker?`},
		{"selects a pod", objects(shop, from("{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {app: prometheus}}}")), ""},
		{"namespace without pods in the manifests", objects(shop, from("{namespaceSelector: {matchLabels: {team: none}}, podSelector: {matchLabels: {app: other}}}")), ""},
		{"namespace without pods, alone", objects(shop, from("{namespaceSelector: {matchLabels: {team: none}}}")), ""},
		{"misspelt, though there is a namespace without pods", objects(shop, from("{namespaceSelector: {}, podSelector: {matchLabels: {app: promteheus}}}")), `
shop/p spec.ingress[0].from[0]: the peer (pods with app=promteheus of every namespace) selects nothing: no pod has app=promteheus | did you mean app=prometheus?`},
		{"not misspelt, and there is a namespace without pods", objects(shop, from("{namespaceSelector: {}, podSelector: {matchLabels: {app: billing}}}")), ""},
		{"DNS of the cluster", objects(shop, from("{namespaceSelector: {}, podSelector: {matchLabels: {k8s-app: kube-dns}}}")), ""},
		{"system namespace by name", objects(shop, from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}, podSelector: {matchLabels: {app: x}}}")), ""},
		{"system namespace by another label", objects(shop, from("{namespaceSelector: {matchLabels: {name: kube-system}}}")), ""},
		{"unknown namespace has its own code", objects(shop, from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: opps}}}")), ""},
		{"labels of namespaces not known", objects(pod("shop/web", ""), from("{namespaceSelector: {matchLabels: {team: b}}}")), ""},
		{"no workloads", objects(namespace("shop", ""), from("{podSelector: {matchLabels: {app: x}}}")), ""},
		{"everybody", objects(shop, netpol("shop/p", "podSelector: {}, ingress: [{}]")), ""},
	})
}

func TestHostNetworkPeers(t *testing.T) {
	node, web := pod("shop/node", "app: x", "spec: {hostNetwork: true}"), pod("shop/web", "app: web")
	run(t, "HR014", []example{
		{"only such a pod", objects(node, web, from("{podSelector: {matchLabels: {app: x}}}")), `
shop/p spec.ingress[0].from[0]: the peer (pods with app=x of namespace shop) selects only hostNetwork pods, such as shop/node, which no pod selector matches | use an ipBlock with the addresses of their nodes`},
		{"of a cluster policy, egress", objects(node, web, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: x}}}}]}]")), `
/p spec.egress[0].to[0]: the peer (pods with app=x of every namespace) selects only hostNetwork pods, such as shop/node, which no pod selector matches | use nodes, or networks with the addresses of their nodes`},
		{"of a cluster policy, ingress", objects(node, web, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: x}}}}]}]")), `
/p spec.ingress[0].from[0]: the peer (pods with app=x of every namespace) selects only hostNetwork pods, such as shop/node, which no pod selector matches | ingress rules of this API cannot name nodes: take the peer out`},
		{"also another pod", objects(node, web, from("{podSelector: {}}")), ""},
		{"none", objects(node, web, from("{podSelector: {matchLabels: {app: z}}}")), ""},
	})
}

func TestUnknownNamespaces(t *testing.T) {
	named := func(name string) string {
		return from("{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: " + name + "}}}")
	}
	written := objects(namespace("shop", ""), namespace("monitoring", ""))
	run(t, "HR005", []example{
		{"misspelt", objects(written, named("monitorng")), `
shop/p spec.ingress[0].from[0]: NetworkPolicy shop/p has a peer in namespace monitorng, which is not in the manifests | did you mean monitoring?`},
		{"unlike any", objects(written, named("billing")), `
shop/p spec.ingress[0].from[0]: NetworkPolicy shop/p has a peer in namespace billing, which is not in the manifests | correct the name, or add its Namespace to the manifests`},
		{"of the policy", objects(written, netpol("shpo/p", "podSelector: {}")), `
shpo/p metadata.namespace: NetworkPolicy shpo/p lies in namespace shpo, which is not in the manifests | did you mean shop?`},
		{"of a subject", objects(written, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: shpo}}}")), `
/p spec.subject: ClusterNetworkPolicy p is about namespace shpo, which is not in the manifests | did you mean shop?`},
		{"misspelt, known from its pods", objects(pod("monitoring/a", ""), named("monitorng")), `
shop/p spec.ingress[0].from[0]: NetworkPolicy shop/p has a peer in namespace monitorng, which is not in the manifests | did you mean monitoring?`},
		{"written", objects(written, named("monitoring")), ""},
		{"known from its pods", objects(written, pod("billing/a", ""), named("billing")), ""},
		{"in every cluster", objects(written, named("kube-system")), ""},
		{"no Namespace was written", objects(pod("shop/a", ""), named("billing")), ""},
		{"excluded by name", objects(written, from("{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: NotIn, values: [billing]}]}}")), ""},
	})
}
