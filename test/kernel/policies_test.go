package kernel

import (
	"fmt"
)

// policy returns a random policy of one of the APIs.
func (w *world) policy() object {
	w.made++
	make := pick(w, w.v1, w.v1, w.v1, w.alpha, w.clusterPolicy, w.clusterPolicy, w.adminPolicy, w.baselinePolicy)
	o := make()
	if meta := o["metadata"].(object); meta["name"] == nil {
		meta["name"] = fmt.Sprintf("policy%d", w.made)
	}
	return o
}

// selector is a label selector with any operator; sometimes it selects everything.
func (w *world) selector() object {
	switch w.IntN(10) {
	case 0, 1, 2:
		return object{}
	case 3, 4, 5:
		return object{"matchLabels": object{pick(w, "app", "team"): pick(w, "a", "b", "c")}}
	case 6:
		return object{"matchLabels": object{"app": pick(w, "a", "b")}, "matchExpressions": []object{w.expression()}}
	}
	return object{"matchExpressions": some(w, 1, 2, w.expression)}
}

func (w *world) expression() object {
	e := object{"key": pick(w, "app", "team"), "operator": pick(w, "In", "NotIn", "Exists", "DoesNotExist")}
	if e["operator"] == "In" || e["operator"] == "NotIn" {
		e["values"] = pick(w, []string{"a"}, []string{"b"}, []string{"a", "c"})
	}
	return e
}

// namespaceSelector also selects by the label that every namespace has.
func (w *world) namespaceSelector() object {
	if w.chance(25) {
		return object{"matchLabels": object{"kubernetes.io/metadata.name": w.someNamespace()}}
	}
	return w.selector()
}

// v1 is a networking.k8s.io/v1 NetworkPolicy.
func (w *world) v1() object {
	spec := object{"podSelector": w.selector()}
	if w.chance(80) {
		spec["policyTypes"] = pick(w, []string{"Ingress"}, []string{"Egress"}, []string{"Ingress", "Egress"})
	}
	if w.chance(85) {
		spec["ingress"] = some(w, 0, 3, func() object { return w.v1Rule("from") })
	}
	if w.chance(60) {
		spec["egress"] = some(w, 0, 3, func() object { return w.v1Rule("to") })
	}
	return object{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicy", "metadata": object{"namespace": w.someNamespace()}, "spec": spec}
}

func (w *world) v1Rule(peers string) object {
	rule := object{}
	if w.chance(85) {
		rule[peers] = some(w, 0, 3, w.v1Peer)
	}
	if w.chance(70) {
		rule["ports"] = some(w, 0, 3, w.v1Port)
	}
	return rule
}

func (w *world) v1Peer() object {
	switch w.IntN(6) {
	case 0, 1:
		return object{"podSelector": w.selector()}
	case 2:
		return object{"namespaceSelector": w.namespaceSelector()}
	case 3:
		return object{"namespaceSelector": w.namespaceSelector(), "podSelector": w.selector()}
	}
	return object{"ipBlock": w.block()}
}

// mistaken is what the API server refuses and a cluster may hold all the same. It fails closed.
func (w *world) mistaken() object {
	switch w.IntN(3) {
	case 0:
		return object{"port": 81, "endPort": 80}
	case 1:
		return object{"port": "http", "endPort": 90}
	}
	return object{"endPort": 90}
}

// blocks are CIDRs over pods, nodes and strangers, with what may be cut out of them.
var blocks = map[string][]string{
	"0.0.0.0/0":         {"10.0.0.0/8", "10.1.0.0/24", "203.0.113.0/25", "192.168.7.1/32"},
	"10.1.0.0/16":       {"10.1.0.0/24", "10.1.0.12/30", "10.1.1.11/32"},
	"10.1.0.0/24":       {"10.1.0.10/31", "10.1.0.12/32"},
	"10.1.0.11/32":      nil,
	"203.0.113.0/24":    {"203.0.113.128/25", "203.0.113.7/32"},
	"192.168.7.0/24":    {"192.168.7.2/32"},
	"::/0":              {"fd00::/8", "fd00:1::/64", "2001:db8::/64"},
	"fd00::/8":          {"fd00:1::/64", "fd00:1::10/124", "fd77::1/128"},
	"fd00:1::/64":       {"fd00:1::10/127", "fd00:1::13/128"},
	"2001:db8::/32":     {"2001:db8:1::/48"},
	"fd77::1/128":       nil,
	"198.51.100.0/31":   nil,
	"2001:db8:1::1/128": nil,
}

// someCIDR returns a block of the world's families, mostly: one of the other family matches nothing.
func (w *world) someCIDR() string {
	for {
		cidr := pick(w, sortedBlocks...)
		if isIPv6(cidr) == w.six || isIPv6(cidr) != w.four || w.chance(5) {
			return cidr
		}
	}
}

func (w *world) block() object {
	cidr := w.someCIDR()
	block := object{"cidr": cidr}
	if cuts := blocks[cidr]; len(cuts) > 0 && w.chance(60) {
		block["except"] = some(w, 1, 2, func() string { return pick(w, cuts...) })
	}
	return block
}

func (w *world) v1Port() object {
	port := object{}
	if w.chance(2) {
		return w.mistaken()
	}
	if w.chance(60) {
		port["protocol"] = w.protocol()
	}
	switch w.IntN(8) {
	case 0:
	case 1, 2:
		port["port"] = pick(w, "http", "http", "dns", "nobody")
	case 3, 4:
		port["port"], port["endPort"] = w.span()
	default:
		port["port"] = w.number()
	}
	return port
}

func (w *world) protocol() string { return pick(w, "TCP", "TCP", "UDP", "SCTP") }

func (w *world) number() int { return pick(w, 80, 80, 81, 53, 8080) }

// span is a range of ports.
func (w *world) span() (first, last int) {
	switch w.IntN(4) {
	case 0:
		return 80, 81
	case 1:
		return 81, 9000
	case 2:
		return 1, 65535
	}
	return 53, 80
}

// alpha is a NetworkPolicy of the alpha API.
func (w *world) alpha() object {
	spec := object{}
	if w.chance(80) {
		spec["podSelector"] = w.plain()
	}
	if w.chance(90) {
		allow := object{}
		if w.chance(80) {
			allow["from"] = some(w, 0, 2, w.alphaPeer)
		}
		if w.chance(70) {
			allow["toPorts"] = some(w, 0, 2, w.alphaPort)
		}
		spec["allowIncoming"] = allow
	}
	return object{
		"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy", "metadata": object{"namespace": w.someNamespace()}, "spec": spec,
	}
}

// plain are labels that a selector of the alpha API wants.
func (w *world) plain() object {
	if w.chance(20) {
		return object{}
	}
	return object{pick(w, "app", "team"): pick(w, "a", "b", "c")}
}

func (w *world) alphaPeer() object {
	switch w.IntN(3) {
	case 0:
		return object{"pods": w.plain()}
	case 1:
		return object{"namespaces": w.plain()}
	}
	if w.chance(5) {
		return object{} // matches nothing
	}
	return object{"pods": w.plain(), "namespaces": w.plain()}
}

func (w *world) alphaPort() object {
	port := object{}
	if w.chance(80) {
		port["port"] = pick[any](w, w.number(), w.number(), "http", "dns")
	}
	if w.chance(60) {
		port["protocol"] = pick(w, "TCP", "udp", "SCTP")
	}
	return port
}
