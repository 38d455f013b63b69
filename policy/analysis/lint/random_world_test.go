package lint_test

import (
	"fmt"
	"strings"

	"pgregory.net/rapid"
)

// randomWorld writes the manifests of a small world whose policies often overlap.
func randomWorld(t *rapid.T) string {
	pick := func(of ...string) string { return rapid.SampledFrom(of).Draw(t, "") }
	var texts []string
	for _, ns := range []string{"one", "two"} {
		texts = append(texts, fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}, annotations: {%s}}}",
			ns, randomLabels(pick), pick("", "net.alpha.kubernetes.io/network-isolation: 'on'", "net.alpha.kubernetes.io/network-isolation: 'of'")))
		for i := range rapid.IntRange(0, 3).Draw(t, "pods") {
			name := fmt.Sprintf("%s/p%d", ns, i)
			texts = append(texts, pod(name, randomLabels(pick), pick("spec: {}", "spec: {hostNetwork: true}", ports("{name: http, containerPort: 8080}"), ports("{containerPort: 80}"))))
		}
	}
	texts = append(texts, service("one/s", randomLabels(pick), "{port: 80, targetPort: 8080}"))
	for i := range rapid.IntRange(1, 5).Draw(t, "policies") {
		texts = append(texts, randomPolicy(t, pick, i))
	}
	return objects(texts...)
}

func randomLabels(pick func(...string) string) string {
	return pick("", "a: b", "a: c", "a: b, d: e", "d: e")
}

func randomSelector(pick func(...string) string) string {
	return "{" + pick("", "matchLabels: {a: b}", "matchLabels: {d: e}", "matchLabels: {a: b, d: e}", "matchExpressions: [{key: a, operator: In, values: [b, c]}]",
		"matchExpressions: [{key: a, operator: Exists}]", "matchExpressions: [{key: a, operator: NotIn, values: [c]}]", "matchExpressions: [{key: a, operator: DoesNotExist}]",
		"matchLabels: {kubernetes.io/metadata.name: one}") + "}"
}

func randomPolicy(t *rapid.T, pick func(...string) string, i int) string {
	name := fmt.Sprintf("%s/p%d", pick("one", "one", "two"), i)
	list := func(most int, item func() string) string {
		var items []string
		for range rapid.IntRange(0, most).Draw(t, "items") {
			items = append(items, item())
		}
		return "[" + strings.Join(items, ", ") + "]"
	}
	network := func() string {
		return pick("{cidr: 192.0.2.0/24}", "{cidr: 192.0.2.0/25}", "{cidr: 192.0.2.0/24, except: [192.0.2.128/25]}", "{cidr: 0.0.0.0/0}", "{cidr: '::/0'}", "{cidr: 10.244.0.0/16}")
	}
	peer := func() string {
		switch pick("pods", "namespaces", "both", "network") {
		case "pods":
			return "{podSelector: " + randomSelector(pick) + "}"
		case "namespaces":
			return "{namespaceSelector: " + randomSelector(pick) + "}"
		case "both":
			return "{namespaceSelector: " + randomSelector(pick) + ", podSelector: " + randomSelector(pick) + "}"
		}
		return "{ipBlock: " + network() + "}"
	}
	port := func() string {
		return pick("{port: 80}", "{port: 80, endPort: 90}", "{port: 85}", "{port: http}", "{protocol: UDP}", "{protocol: TCP}")
	}
	switch pick("v1", "v1", "cluster", "cluster", "alpha") {
	case "v1":
		rule := func(peers string) func() string {
			return func() string { return "{" + peers + ": " + list(2, peer) + ", ports: " + list(2, port) + "}" }
		}
		return netpol(name, fmt.Sprintf("podSelector: %s, policyTypes: [%s], ingress: %s, egress: %s",
			randomSelector(pick), pick("Ingress", "Egress", "Ingress, Egress"), list(2, rule("from")), list(2, rule("to"))))
	case "alpha":
		from := func() string {
			return pick("{pods: {}}", "{pods: {a: b}}", "{namespaces: {}}", "{namespaces: {a: b}, pods: {d: e}}", "{}")
		}
		return alpha(name, fmt.Sprintf("podSelector: {%s}, allowIncoming: {from: %s, toPorts: %s}", randomLabels(pick), list(2, from), list(1, func() string { return pick("{port: 80}", "{protocol: udp}") })))
	}
	clusterPeer := func() string {
		return pick("{namespaces: "+randomSelector(pick)+"}", "{pods: {namespaceSelector: "+randomSelector(pick)+", podSelector: "+randomSelector(pick)+"}}")
	}
	outPeer := func() string {
		return pick(clusterPeer(), "{networks: [192.0.2.0/24, 192.0.2.0/25]}", "{networks: ['::/0']}", "{domainNames: [example.com]}", "{nodes: {}}")
	}
	protocol := func() string {
		return pick("{tcp: {destinationPort: {number: 80}}}", "{tcp: {destinationPort: {range: {start: 80, end: 90}}}}", "{tcp: {destinationPort: {range: {start: 1, end: 65535}}}}", "{udp: {destinationPort: {range: {start: 1, end: 65535}}}}", "{destinationNamedPort: http}")
	}
	rule := func(peers string, peer func() string) func() string {
		return func() string {
			protocols := ""
			if rapid.Bool().Draw(t, "ports") {
				protocols = ", protocols: [" + protocol() + ", " + protocol() + "]"
			}
			return fmt.Sprintf("{action: %s, %s: [%s, %s]%s}", pick("Accept", "Deny", "Pass"), peers, peer(), peer(), protocols)
		}
	}
	return cnp(fmt.Sprintf("p%d", i), fmt.Sprintf("tier: %s, priority: %s, subject: %s, ingress: %s, egress: %s",
		pick("Admin", "Baseline"), pick("1", "2"), clusterPeer(), list(3, rule("from", clusterPeer)), list(3, rule("to", outPeer))))
}
