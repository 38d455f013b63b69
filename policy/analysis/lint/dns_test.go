package lint_test

import "testing"

func TestWithoutDNS(t *testing.T) {
	shop := objects(pod("shop/web", "app: web"), pod("shop/db", "app: db"))
	out := func(rules string) string {
		return netpol("shop/p", "podSelector: {matchLabels: {app: web}}, policyTypes: [Egress], egress: ["+rules+"]")
	}
	const toDB = "{to: [{podSelector: {matchLabels: {app: db}}}], ports: [{port: 5432}]}"
	const want = `
shop/p spec.egress: shop/web is isolated for egress, and no rule allows DNS (port 53), so it finds no Service by its name | allow UDP and TCP 53 to pods with k8s-app=kube-dns of namespace kube-system`
	run(t, "HR010", []example{
		{"pods only", objects(shop, out(toDB)), want},
		{"everything of the own namespace", objects(shop, out("{to: [{podSelector: {}}]}")), want},
		{"one port to everywhere", objects(shop, out("{ports: [{port: 443}]}")), want},
		{"no workloads", out(toDB), `
shop/p spec.egress: NetworkPolicy shop/p isolates its pods for egress, and no rule allows DNS (port 53), so it finds no Service by its name | allow UDP and TCP 53 to pods with k8s-app=kube-dns of namespace kube-system`},
		{"port 53 without protocol", objects(shop, out(toDB+", {to: [{namespaceSelector: {}}], ports: [{port: 53}]}")), `
shop/p spec.egress: shop/web is isolated for egress, and the rules allow DNS (port 53) by TCP only, so it finds no Service by its name | allow UDP, too: a port without protocol means TCP`},
		{"port 53 to every pod", objects(shop, out(toDB+", {to: [{namespaceSelector: {}}], ports: [{port: 53, protocol: UDP}]}")), ""},
		{"port 53 to anybody", objects(shop, out(toDB+", {ports: [{port: 53, protocol: UDP}]}")), ""},
		{"all of kube-system", objects(shop, out(toDB+", {to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]}")), ""},
		{"every pod of every namespace", objects(shop, out("{to: [{namespaceSelector: {}}]}")), ""},
		{"a DNS server by address", objects(shop, out(toDB+", {to: [{ipBlock: {cidr: 10.96.0.10/32}}]}")), ""},
		{"another policy allows it", objects(shop, out(toDB), netpol("shop/dns", "podSelector: {}, policyTypes: [Egress], egress: [{ports: [{port: 53, protocol: UDP}]}]")), ""},
		{"own DNS behind a Service", objects(shop, pod("infra/resolver", "app: r"), service("infra/dns", "app: r", "{port: 53, protocol: UDP, targetPort: 5300}"),
			namespace("infra", "dns: here"), out(toDB+", {to: [{namespaceSelector: {matchLabels: {dns: here}}}]}")), ""},
		{"denies all egress", objects(shop, netpol("shop/p", "podSelector: {}, policyTypes: [Egress]")), ""},
		{"addresses only", objects(shop, out("{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}")), ""},
		{"not isolated for egress", objects(shop, netpol("shop/p", "podSelector: {}")), ""},
	})
}

func TestAdminDNS(t *testing.T) {
	shop := objects(namespace("shop", "tenant: shop"), pod("shop/web", "app: web"))
	admin := func(name, priority, rules string) string {
		return cnp(name, "tier: Admin, priority: "+priority+", subject: {namespaces: {matchLabels: {tenant: shop}}}, egress: ["+rules+"]")
	}
	const denyOthers = "{action: Deny, to: [{namespaces: {matchExpressions: [{key: tenant, operator: NotIn, values: [shop]}]}}]}"
	const acceptDNS = "{action: Accept, to: [{namespaces: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], protocols: [{udp: {destinationPort: {number: 53}}}]}"
	const want = `
/p spec.egress[0]: ClusterNetworkPolicy p denies pods such as shop/web the cluster's DNS (kube-system/kube-dns), and no policy of a lower tier can allow it | accept UDP and TCP 53 to namespace kube-system in an earlier rule`
	run(t, "HR023", []example{
		{"denies all other namespaces", objects(shop, admin("p", "10", denyOthers)), want},
		{"accepts too late", objects(shop, admin("p", "10", denyOthers), admin("q", "20", acceptDNS)), want},
		{"denies every address", objects(shop, admin("p", "10", "{action: Deny, to: [{networks: [0.0.0.0/0]}]}")), want},
		{"denies private addresses", objects(shop, admin("p", "10", "{action: Deny, to: [{networks: [10.0.0.0/8]}]}")), ""},
		{"accepts before", objects(shop, admin("p", "10", acceptDNS+", "+denyOthers)), ""},
		{"passes before", objects(shop, admin("p", "10", "{action: Pass, to: [{namespaces: {}}]}, "+denyOthers)), ""},
		{"another policy accepts before", objects(shop, admin("p", "10", denyOthers), admin("a", "5", acceptDNS)), ""},
		{"denies only TCP", objects(shop, admin("p", "10", "{action: Deny, to: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}]}")), ""},
		{"quarantine", objects(shop, admin("p", "10", "{action: Deny, to: [{namespaces: {}}]}")), ""},
		{"tier Baseline", objects(shop, cnp("p", "tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: ["+denyOthers+"]")), ""},
	})
}

func TestAdminEverything(t *testing.T) {
	everybody := func(tier, rules string) string {
		return cnp("p", "tier: "+tier+", priority: 10, subject: {namespaces: {}}, ingress: ["+rules+"]")
	}
	const deny = "{action: Deny, from: [{namespaces: {}}]}"
	run(t, "HR024", []example{
		{"denies all", everybody("Admin", deny), `
/p spec.ingress[0]: ClusterNetworkPolicy p denies all ingress of every pod of the cluster, and no policy of a lower tier can allow any | use tier Baseline, or accept or pass what is needed in an earlier rule`},
		{"accepts something before", everybody("Admin", "{action: Accept, from: [{namespaces: {matchLabels: {team: ops}}}]}, "+deny), ""},
		{"tier Baseline", everybody("Baseline", deny), ""},
		{"one port", everybody("Admin", "{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 22}}}]}"), ""},
		{"quarantine", cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {quarantine: really}}}, ingress: ["+deny+"]"), ""},
	})
}
