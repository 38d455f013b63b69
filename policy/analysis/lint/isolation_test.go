package lint_test

import "testing"

func TestDoubleIsolation(t *testing.T) {
	const every, web = "podSelector: {}", "podSelector: {matchLabels: {app: web}}"
	run(t, "HR025", []example{
		{"all pods are isolated", objects(netpol("shop/a", every), netpol("shop/b", web)), `
shop/b : NetworkPolicy shop/b only isolates pods with app=web of namespace shop, and NetworkPolicy shop/a isolates them anyway | remove it`},
		{"whatever the order", objects(netpol("shop/b", every), netpol("shop/a", web)), `
shop/a : NetworkPolicy shop/a only isolates pods with app=web of namespace shop, and NetworkPolicy shop/b isolates them anyway | remove it`},
		{"the second of two that are equal", objects(netpol("shop/a", every), netpol("shop/b", every)), `
shop/b : NetworkPolicy shop/b only isolates every pod of namespace shop, and NetworkPolicy shop/a isolates them anyway | remove it`},
		{"a policy with rules isolates as well", objects(netpol("shop/a", web+", ingress: [{}]"), netpol("shop/b", web)), `
shop/b : NetworkPolicy shop/b only isolates pods with app=web of namespace shop, and NetworkPolicy shop/a isolates them anyway | remove it`},
		{"other direction", objects(netpol("shop/a", every+", policyTypes: [Egress]"), netpol("shop/b", web)), ""},
		{"both directions", objects(netpol("shop/a", every), netpol("shop/b", web+", policyTypes: [Ingress, Egress]")), ""},
		{"it has rules", objects(netpol("shop/a", every), netpol("shop/b", web+", ingress: [{}]")), ""},
		{"other pods", objects(netpol("shop/a", web), netpol("shop/b", "podSelector: {matchLabels: {app: db}}")), ""},
		{"other namespace", objects(netpol("shop/a", every), netpol("ops/b", web)), ""},
	})
}
