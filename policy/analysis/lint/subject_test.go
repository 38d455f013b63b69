package lint_test

import "testing"

func TestEmptySubjects(t *testing.T) {
	shop := objects(namespace("shop", "team: a"), pod("shop/web", "app: frontend, tier: web"), pod("shop/db", "app: backend"))
	run(t, "HR003", []example{
		{"misspelt value", objects(shop, netpol("shop/p", "podSelector: {matchLabels: {app: bakcend}}")), `
shop/p spec.podSelector: NetworkPolicy shop/p selects no pod: no pod of namespace shop has app=bakcend | did you mean app=backend?`},
		{"misspelt key", objects(shop, netpol("shop/p", "podSelector: {matchLabels: {appp: backend}}")), `
shop/p spec.podSelector: NetworkPolicy shop/p selects no pod: no pod of namespace shop has appp=backend | did you mean app=backend?`},
		{"other value", objects(shop, netpol("shop/p", "podSelector: {matchLabels: {app: cache}}")), `
shop/p spec.podSelector: NetworkPolicy shop/p selects no pod: no pod of namespace shop has app=cache | correct the labels, or remove it (there is app=backend, app=frontend)`},
		{"no pod has all", objects(shop, netpol("shop/p", "podSelector: {matchLabels: {app: backend, tier: web}}")), `
shop/p spec.podSelector: NetworkPolicy shop/p selects no pod: no pod of namespace shop has all of app=backend,tier=web | correct the labels, or remove it`},
		{"in another namespace", objects(shop, netpol("default/p", "podSelector: {matchLabels: {app: backend}}")), `
default/p spec.podSelector: NetworkPolicy default/p selects no pod: no pod of namespace default has app=backend | look at the namespace: the selector would match 1 pod in namespace shop`},
		{"cluster policy", objects(shop, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: b}}}")), `
/p spec.subject: ClusterNetworkPolicy p selects no pod: no namespace has team=b | correct the labels, or give them to a namespace (there is team=a)`},
		{"namespace by the label name", objects(shop, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {name: shop}}}")), `
/p spec.subject: ClusterNetworkPolicy p selects no pod: no namespace has name=shop | did you mean kubernetes.io/metadata.name=shop?`},
		{"selects a pod", objects(shop, netpol("shop/p", "podSelector: {matchLabels: {app: backend}}")), ""},
		{"every pod of an empty namespace", objects(shop, namespace("empty", ""), netpol("empty/p", "podSelector: {}")), ""},
		{"no workloads", objects(namespace("shop", ""), netpol("shop/p", "podSelector: {matchLabels: {app: bakcend}}")), ""},
		{"labels of namespaces not known", objects(pod("shop/web", ""), cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {team: b}}}")), ""},
		{"only a hostNetwork pod has its own code", objects(pod("shop/node", "app: x", "spec: {hostNetwork: true}"), netpol("shop/p", "podSelector: {matchLabels: {app: x}}")), ""},
		{"the pods of the namespace are not in the manifests", objects(shop, netpol("other/p", "podSelector: {matchLabels: {app: billing}}")), ""},
		{"labels of a namespace not known", objects(shop, pod("ops/a", ""), cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {zone: b}}}")), ""},
		{"system namespace", objects(shop, cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}")), ""},
	})
}

func TestHostNetworkSubjects(t *testing.T) {
	node, web := pod("shop/node", "app: x", "spec: {hostNetwork: true}"), pod("shop/web", "app: web")
	run(t, "HR015", []example{
		{"only such a pod", objects(node, web, netpol("shop/p", "podSelector: {matchLabels: {app: x}}")), `
shop/p spec.podSelector: NetworkPolicy shop/p selects only hostNetwork pods, such as shop/node, and no policy applies to them | take the pod out of the host's network, or guard it with the node's firewall`},
		{"also another pod", objects(node, web, netpol("shop/p", "podSelector: {}")), ""},
		{"no pod at all", objects(node, web, netpol("shop/p", "podSelector: {matchLabels: {app: z}}")), ""},
	})
}
