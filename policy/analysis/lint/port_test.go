package lint_test

import "testing"

func allow(port string) string {
	return netpol("shop/p", "podSelector: {matchLabels: {app: web}}, ingress: [{ports: ["+port+"]}]")
}

func allowOut(port string) string {
	return netpol("shop/p", "podSelector: {matchLabels: {app: client}}, egress: [{to: [{podSelector: {matchLabels: {app: web}}}], ports: ["+port+"]}]")
}

func TestServicePorts(t *testing.T) {
	web, silent := pod("shop/web", "app: web", ports("{containerPort: 8080}")), pod("shop/web", "app: web")
	front := service("shop/front", "app: web", "{port: 80, targetPort: 8080}")
	run(t, "HR007", []example{
		{"port of the Service", objects(web, front, allow("{port: 80}")), `
shop/p spec.ingress[0].ports[0]: TCP 80 is the port of Service shop/front, and its pods listen on TCP 8080 | use the pods' port: TCP 8080`},
		{"the pod declares nothing", objects(silent, front, allow("{port: 80}")), `
shop/p spec.ingress[0].ports[0]: TCP 80 is the port of Service shop/front, and its pods listen on TCP 8080 | use the pods' port: TCP 8080`},
		{"egress", objects(web, front, pod("shop/client", "app: client"), allowOut("{port: 80}")), `
shop/p spec.egress[0].ports[0]: TCP 80 is the port of Service shop/front, and its pods listen on TCP 8080 | use the pods' port: TCP 8080`},
		{"named target", objects(web, service("shop/front", "app: web", "{port: 80, targetPort: http}"), allow("{port: 80}")), `
shop/p spec.ingress[0].ports[0]: TCP 80 is the port of Service shop/front, and its pods listen on TCP "http" | use the pods' port: TCP "http"`},
		{"port of the pod", objects(web, front, allow("{port: 8080}")), ""},
		{"both ports", objects(web, front, allow("{port: 80}, {port: 8080}")), ""},
		{"a range with both", objects(web, front, allow("{port: 80, endPort: 9000}")), ""},
		{"the pod declares that port", objects(pod("shop/web", "app: web", ports("{containerPort: 80}, {containerPort: 8080}")), front, allow("{port: 80}")), ""},
		{"another Service leads there", objects(web, front, service("shop/back", "app: web", "{port: 80}"), allow("{port: 80}")), ""},
		{"other protocol", objects(web, front, allow("{port: 80, protocol: UDP}")), ""},
		{"Service of other pods", objects(web, service("shop/front", "app: other", "{port: 80, targetPort: 8080}"), allow("{port: 80}")), ""},
		{"also outside the cluster", objects(web, front, pod("shop/client", "app: client"), netpol("shop/p", "podSelector: {matchLabels: {app: client}}, egress: [{ports: [{port: 80}]}]")), ""},
	})
}

func TestUndeclaredPorts(t *testing.T) {
	web := pod("shop/web", "app: web", ports("{containerPort: 8080}"))
	run(t, "HR008", []example{
		{"no pod declares it", objects(web, allow("{port: 9090}")), `
shop/p spec.ingress[0].ports[0]: none of the pods (shop/web) declares TCP 9090 | correct the port, or declare it as a containerPort`},
		{"other protocol", objects(web, allow("{port: 8080, protocol: UDP}")), `
shop/p spec.ingress[0].ports[0]: none of the pods (shop/web) declares UDP 8080 | correct the port, or declare it as a containerPort`},
		{"declared", objects(web, allow("{port: 8080}")), ""},
		{"in the range", objects(web, allow("{port: 8000, endPort: 8100}")), ""},
		{"a Service leads there", objects(web, service("shop/s", "app: web", "{port: 80, targetPort: 9090}"), allow("{port: 9090}")), ""},
		{"one pod declares nothing", objects(web, pod("shop/web2", "app: web"), allow("{port: 9090}")), ""},
		{"another pod declares it", objects(web, pod("shop/web2", "app: web", ports("{containerPort: 9090}")), allow("{port: 9090}")), ""},
		{"Service port has its own code", objects(web, service("shop/s", "app: web", "{port: 80, targetPort: 8080}"), allow("{port: 80}")), ""},
		{"all ports", objects(web, allow("{protocol: TCP}")), ""},
	})
}

func TestNamedPorts(t *testing.T) {
	web := pod("shop/web", "app: web", ports("{name: http, containerPort: 8080}"))
	cluster := func(name string) string {
		return cnp("p", "tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{destinationNamedPort: "+name+"}]}]")
	}
	run(t, "HR009", []example{
		{"misspelt", objects(web, allow("{port: htpp}")), `
shop/p spec.ingress[0].ports[0]: none of the pods (shop/web) has a port named "htpp" of protocol TCP | did you mean "http"?`},
		{"other protocol", objects(web, allow("{port: http, protocol: UDP}")), `
shop/p spec.ingress[0].ports[0]: none of the pods (shop/web) has a port named "http" of protocol UDP | shop/web has it as TCP: say protocol: TCP`},
		{"unlike any", objects(web, allow("{port: metrics}")), `
shop/p spec.ingress[0].ports[0]: none of the pods (shop/web) has a port named "metrics" of protocol TCP | give the container port that name, or use its number`},
		{"cluster policy", objects(web, cluster("htpp")), `
/p spec.ingress[0].protocols[0]: none of the pods (shop/web) has a port named "htpp" | did you mean "http"?`},
		{"cluster policy, one of the protocols", objects(web, cluster("http")), ""},
		{"the pod has it", objects(web, allow("{port: http}")), ""},
		{"one of two pods has it", objects(web, pod("shop/web2", "app: web"), allow("{port: http}")), ""},
		{"no pod is selected", objects(pod("shop/db", "app: db"), allow("{port: http}")), ""},
		{"a number", objects(web, allow("{port: 1}")), ""},
	})
}
