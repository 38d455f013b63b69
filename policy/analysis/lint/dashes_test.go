package lint_test

import "testing"

func TestDashes(t *testing.T) {
	world := objects(namespace("shop", "team: a"), namespace("ops", "team: ops"),
		pod("shop/web", "app: frontend"), pod("ops/prometheus", "app: prometheus"))
	run(t, "HR006", []example{
		{"the pods are of the other namespaces", objects(world, from("{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {app: prometheus}}}")), `
shop/p spec.ingress[0].from[1]: two peers (two dashes) let in every pod of namespaces with team=ops, and besides that pods with app=prometheus of namespace shop, ` +
			`which are no pods at all, while those namespaces have 1 such pod | did you mean one peer, pods with app=prometheus of those namespaces? Then write podSelector and namespaceSelector under one dash`},
		{"the namespaces contain the pods", objects(world, from("{podSelector: {matchLabels: {app: frontend}}}, {namespaceSelector: {}}")), `
shop/p spec.ingress[0].from[1]: two peers (two dashes) let in every pod of every namespace, and besides that pods with app=frontend of namespace shop, ` +
			`which are among them anyway | did you mean one peer, pods with app=frontend of those namespaces? Then write podSelector and namespaceSelector under one dash`},
		{"alpha", objects(`{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {net.alpha.kubernetes.io/network-isolation: "on"}}}`,
			alpha("shop/p", "allowIncoming: {from: [{namespaces: {}}, {pods: {app: x}}]}")), `
shop/p spec.allowIncoming.from[1]: two peers (two dashes) let in every pod of every namespace, and besides that pods with app=x of namespace shop, ` +
			`which are among them anyway | did you mean one peer, pods with app=x of those namespaces? Then write podSelector and namespaceSelector under one dash`},
		{"one peer", objects(world, from("{namespaceSelector: {matchLabels: {team: ops}}, podSelector: {matchLabels: {app: prometheus}}}")), ""},
		{"two that both add pods", objects(world, from("{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {app: frontend}}}")), ""},
		{"pods that are nowhere", objects(world, from("{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {app: cache}}}")), ""},
		{"every pod of the own namespace", objects(world, from("{namespaceSelector: {}}, {podSelector: {}}")), ""},
		{"no workloads", objects(from("{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {app: prometheus}}}")), ""},
	})
	run(t, "HR004", []example{
		{"is not said twice", objects(world, from("{namespaceSelector: {matchLabels: {team: ops}}}, {podSelector: {matchLabels: {app: prometheus}}}")), ""},
	})
}
