package lint_test

import "testing"

func block(text string) string {
	return netpol("shop/p", "podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: "+text+"}]}]")
}

func TestPodRanges(t *testing.T) {
	web := pod("shop/web", "app: web", "status: {podIPs: [{ip: 10.244.1.7}]}")
	run(t, "HR016", []example{
		{"contains a pod", objects(web, block("{cidr: 10.0.0.0/8}")), `
shop/p spec.egress[0].to[0]: ipBlock 10.0.0.0/8 contains the address 10.244.1.7 of pod shop/web: it matches pods too, and addresses of pods change | ` +
			`select pods with podSelector and namespaceSelector, or cut the pods' range out with except`},
		{"cut out", objects(web, block("{cidr: 10.0.0.0/8, except: [10.244.0.0/16]}")), ""},
		{"beside it", objects(web, block("{cidr: 10.245.0.0/16}")), ""},
		{"every address", objects(web, block("{cidr: 0.0.0.0/0}")), ""},
		{"nobody wrote the address", objects(pod("shop/web", "app: web"), block("{cidr: 10.0.0.0/8}")), ""},
		{"address of a node", objects(pod("shop/web", "app: web", "spec: {hostNetwork: true}", "status: {podIPs: [{ip: 10.244.1.7}]}"), block("{cidr: 10.0.0.0/8}")), ""},
	})
}

func TestEmptyBlocks(t *testing.T) {
	run(t, "HR017", []example{
		{"halves", block("{cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/9]}"), `
shop/p spec.egress[0].to[0]: ipBlock 10.0.0.0/8 except 10.0.0.0/9, 10.128.0.0/9 matches nothing: except leaves no address of it | cut less out, or remove the peer`},
		{"IPv6", block("{cidr: 2001:db8::/126, except: [2001:db8::/127, 2001:db8::2/128, 2001:db8::3/128]}"), `
shop/p spec.egress[0].to[0]: ipBlock 2001:db8::/126 except 2001:db8::/127, 2001:db8::2/128, 2001:db8::3/128 matches nothing: except leaves no address of it | cut less out, or remove the peer`},
		{"something is left", block("{cidr: 10.0.0.0/8, except: [10.0.0.0/9, 10.128.0.0/10]}"), ""},
		{"no except", block("{cidr: 10.0.0.0/8}"), ""},
	})
}

func TestOneFamily(t *testing.T) {
	dual := pod("shop/web", "app: web", "status: {podIPs: [{ip: 10.244.1.7}, {ip: 'fd00::7'}]}")
	run(t, "HR018", []example{
		{"IPv4 only", objects(dual, block("{cidr: 0.0.0.0/0}")), `
shop/p spec.egress[0].to[0]: 0.0.0.0/0 is every IPv4 address and no IPv6 address, but pods have both | add a peer with ::/0`},
		{"both", objects(dual, netpol("shop/p", "podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}, {ipBlock: {cidr: '::/0'}}]}]")), ""},
		{"in another rule", objects(dual, netpol("shop/p", "podSelector: {}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}, {to: [{ipBlock: {cidr: '::/0'}}]}]")), ""},
		{"one network", objects(dual, block("{cidr: 192.0.2.0/24}")), ""},
		{"pods of one family", objects(pod("shop/web", "", "status: {podIPs: [{ip: 10.244.1.7}]}"), block("{cidr: 0.0.0.0/0}")), ""},
		{"nobody wrote addresses", objects(pod("shop/web", ""), block("{cidr: 0.0.0.0/0}")), ""},
	})
}
