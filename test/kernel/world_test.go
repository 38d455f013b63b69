package kernel

import (
	"bytes"
	"fmt"
	"math/rand/v2"
	"net/netip"

	"sigs.k8s.io/yaml"
)

// object is an API object as it is written in YAML.
type object = map[string]any

// world is a random world as objects, by their names, and the ends that flows go between.
type world struct {
	*rand.Rand
	seed       uint64
	step       int
	namespaces []object
	nodes      []object
	pods       []object
	policies   []object
	four, six  bool     // families
	strangers  []string // addresses outside the cluster
	made       int      // policies so far
}

// newWorld makes the world of a seed.
func newWorld(seed uint64) *world {
	w := &world{Rand: rand.New(rand.NewPCG(seed, 0x6865646765726f77)), seed: seed}
	w.four, w.six = [...]bool{true, false, true}[seed%3], [...]bool{false, true, true}[seed%3]
	for i := range 1 + w.IntN(3) {
		w.namespaces = append(w.namespaces, w.namespace(i))
	}
	for i := range 1 + w.IntN(3) {
		w.nodes = append(w.nodes, w.node(i))
	}
	for i := range 2 + w.IntN(7) {
		w.pods = append(w.pods, w.pod(i))
	}
	w.strangers = w.addresses([]string{"203.0.113.7", "203.0.113.200", "198.51.100.1"}, []string{"2001:db8::7", "2001:db8:1::1", "fd00:77::1"})
	for range w.IntN(10) {
		w.policies = append(w.policies, w.policy())
	}
	return w
}

// addresses returns those of the families of the world.
func (w *world) addresses(four, six []string) []string {
	var all []string
	if w.four {
		all = append(all, four...)
	}
	if w.six {
		all = append(all, six...)
	}
	return all
}

// chance is true in n of 100 cases.
func (w *world) chance(n int) bool { return w.IntN(100) < n }

// pick returns one of the choices.
func pick[T any](w *world, choices ...T) T { return choices[w.IntN(len(choices))] }

// some returns from least to most values that make makes.
func some[T any](w *world, least, most int, make func() T) []T {
	all := []T{}
	for range least + w.IntN(most-least+1) {
		all = append(all, make())
	}
	return all
}

func (w *world) namespace(i int) object {
	meta := object{"name": fmt.Sprintf("ns%d", i), "labels": w.labels()}
	if w.chance(40) {
		meta["annotations"] = object{"net.alpha.kubernetes.io/network-isolation": pick(w, "on", "on", "off")}
	}
	return object{"apiVersion": "v1", "kind": "Namespace", "metadata": meta}
}

// labels returns some labels, of few kinds, so that selectors match often and not always.
func (w *world) labels() object {
	labels := object{}
	for _, key := range []string{"app", "team"} {
		if w.chance(75) {
			labels[key] = pick(w, "a", "b", "c")
		}
	}
	return labels
}

func (w *world) node(i int) object {
	var addresses []object
	for _, a := range w.addresses([]string{fmt.Sprintf("192.168.7.%d", 1+i)}, []string{fmt.Sprintf("fd77::%d", 1+i)}) {
		addresses = append(addresses, object{"type": "InternalIP", "address": a})
	}
	node := object{
		"apiVersion": "v1", "kind": "Node", "metadata": object{"name": fmt.Sprintf("node%d", i), "labels": w.labels()},
		"status": object{"addresses": addresses},
	}
	if i == 0 && w.chance(50) {
		node["spec"] = object{"podCIDRs": w.addresses([]string{"10.1.0.0/24"}, []string{"fd00:1::/64"})}
	}
	return node
}

// nodeNames are the nodes that can have pods: at most two, so that others are left without.
func (w *world) nodeNames() []string {
	var names []string
	for _, n := range w.nodes[:min(2, len(w.nodes))] {
		names = append(names, nameOf(n))
	}
	return names
}

func nameOf(o object) string { return o["metadata"].(object)["name"].(string) }

func (w *world) pod(i int) object {
	name := fmt.Sprintf("pod%d", i)
	spec := object{"containers": []object{{"name": "c", "image": "i", "ports": w.containerPorts()}}}
	status := object{}
	if !w.chance(10) {
		spec["nodeName"] = pick(w, w.nodeNames()...)
	}
	switch {
	case w.chance(10):
		spec["hostNetwork"] = true // it has its node's addresses
		spec["nodeName"] = pick(w, w.nodeNames()...)
	default:
		status["podIPs"] = w.podIPs(i)
	}
	if w.chance(7) && spec["hostNetwork"] == nil {
		status["phase"] = pick(w, "Succeeded", "Failed")
	}
	return object{
		"apiVersion": "v1", "kind": "Pod",
		"metadata": object{"name": name, "namespace": w.someNamespace(), "labels": w.labels()}, "spec": spec, "status": status,
	}
}

// podIPs are of several ranges, none of which belongs to a node alone.
func (w *world) podIPs(i int) []object {
	four := pick(w, "10.1.0.%d", "10.1.1.%d", "172.20.0.%d")
	six := pick(w, "fd00:1::%d", "fd00:2::%d")
	all := w.addresses([]string{fmt.Sprintf(four, 10+i)}, []string{fmt.Sprintf(six, 10+i)})
	if len(all) == 2 && w.chance(20) {
		all = all[:1] // a pod of one family among others of both
	}
	var ips []object
	for _, a := range all {
		ips = append(ips, object{"ip": a})
	}
	return ips
}

func (w *world) containerPorts() []object {
	var ports []object
	if w.chance(70) {
		ports = append(ports, object{"name": "http", "containerPort": pick(w, 80, 8080)})
	}
	if w.chance(40) {
		ports = append(ports, object{"name": "dns", "containerPort": pick(w, 53, 80), "protocol": pick(w, "UDP", "UDP", "SCTP")})
	}
	if w.chance(20) {
		// The same name again, for another protocol or another number.
		ports = append(ports, object{"name": "http", "containerPort": 81, "protocol": pick(w, "UDP", "TCP")})
	}
	return ports
}

func (w *world) someNamespace() string { return nameOf(pick(w, w.namespaces...)) }

// change changes the world a little: what happens in a cluster while it runs.
func (w *world) change() {
	w.step++
	switch w.IntN(6) {
	case 0:
		w.policies = append(w.policies, w.policy())
	case 1:
		if len(w.policies) > 0 {
			i := w.IntN(len(w.policies))
			w.policies = append(append([]object{}, w.policies[:i]...), w.policies[i+1:]...)
		}
	case 2:
		if len(w.policies) > 0 {
			w.policies[w.IntN(len(w.policies))] = w.policy()
		}
	case 3:
		pick(w, w.pods...)["metadata"].(object)["labels"] = w.labels()
	case 4:
		i := w.IntN(len(w.namespaces))
		w.namespaces[i] = w.namespace(i)
	default:
		pick(w, w.nodes...)["metadata"].(object)["labels"] = w.labels()
	}
}

// manifests writes the world as YAML.
func (w *world) manifests() (string, error) {
	var all bytes.Buffer
	for _, list := range [][]object{w.namespaces, w.nodes, w.pods, w.policies} {
		for _, o := range list {
			data, err := yaml.Marshal(o)
			if err != nil {
				return "", fmt.Errorf("write the world of seed %d: %w", w.seed, err)
			}
			all.WriteString("---\n")
			all.Write(data)
		}
	}
	return all.String(), nil
}

// ends are everybody that flows go between: pods by name, the others by address.
func (w *world) ends() []string {
	var all []string
	for _, p := range w.pods {
		all = append(all, p["metadata"].(object)["namespace"].(string)+"/"+nameOf(p))
	}
	for _, n := range w.nodes {
		for _, a := range n["status"].(object)["addresses"].([]object) {
			all = append(all, a["address"].(string))
		}
	}
	// Nobody has the last ones. They lie in the cluster's pod ranges if a node says so, and are unknown pods' then.
	return append(append(all, w.strangers...), w.addresses([]string{"10.1.0.200"}, []string{"fd00:1::200"})...)
}

// isIPv6 tells the family of a CIDR or an address.
func isIPv6(text string) bool {
	p, err := netip.ParsePrefix(text)
	return err == nil && p.Addr().Is6()
}
