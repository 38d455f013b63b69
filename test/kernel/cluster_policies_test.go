package kernel

import (
	"maps"
	"slices"
)

var sortedBlocks = slices.Sorted(maps.Keys(blocks))

// namespacedPod selects pods of namespaces, in the APIs of the whole cluster.
func (w *world) namespacedPod() object {
	return object{"namespaceSelector": w.namespaceSelector(), "podSelector": w.selector()}
}

// clusterPeer is a peer of either direction: namespaces or pods.
func (w *world) clusterPeer() object {
	if w.chance(50) {
		return object{"namespaces": w.namespaceSelector()}
	}
	return object{"pods": w.namespacedPod()}
}

// clusterEgressPeer may be nodes or networks too, and where names is true, domain names, whose rule fails closed.
func (w *world) clusterEgressPeer(names bool) object {
	switch w.IntN(5) {
	case 0:
		return object{"nodes": w.selector()}
	case 1, 2:
		return object{"networks": some(w, 1, 3, w.someCIDR)}
	case 3:
		if names && w.chance(20) {
			return object{"domainNames": []string{"*.example.com"}}
		}
	}
	return w.clusterPeer()
}

// clusterRules returns the rules of one direction. ports makes what a rule says of ports: a name and a value, or no name.
func (w *world) clusterRules(peers string, actions []string, ports func() (string, any)) []object {
	return some(w, 0, 3, func() object {
		rule := object{"action": pick(w, actions...)}
		if peers == "from" {
			rule[peers] = some(w, 1, 2, w.clusterPeer)
		} else {
			names := slices.Contains(actions, "Pass")
			rule[peers] = some(w, 1, 2, func() object { return w.clusterEgressPeer(names) })
		}
		if name, value := ports(); name != "" {
			rule[name] = value
		}
		return rule
	})
}

func (w *world) clusterSpec(actions []string, ports func() (string, any)) object {
	return object{
		"subject": w.clusterPeer(), "ingress": w.clusterRules("from", actions, ports), "egress": w.clusterRules("to", actions, ports),
	}
}

// clusterPolicy is a ClusterNetworkPolicy of either tier.
func (w *world) clusterPolicy() object {
	spec := w.clusterSpec([]string{"Accept", "Deny", "Pass"}, func() (string, any) {
		if w.chance(35) {
			return "", nil
		}
		return "protocols", some(w, 1, 3, w.clusterProtocol)
	})
	spec["tier"], spec["priority"] = pick(w, "Admin", "Baseline"), w.IntN(1000)
	return object{"apiVersion": "policy.networking.k8s.io/v1alpha2", "kind": "ClusterNetworkPolicy", "metadata": object{}, "spec": spec}
}

func (w *world) clusterProtocol() object {
	if w.chance(20) {
		return object{"destinationNamedPort": pick(w, "http", "dns", "nobody")}
	}
	protocol := object{}
	switch {
	case w.chance(30):
		first, last := w.span()
		protocol["destinationPort"] = object{"range": object{"start": first, "end": last}}
	case w.chance(80):
		protocol["destinationPort"] = object{"number": w.number()}
	}
	return object{pick(w, "tcp", "tcp", "udp", "sctp"): protocol}
}

// adminPolicy is an AdminNetworkPolicy.
func (w *world) adminPolicy() object {
	spec := w.clusterSpec([]string{"Allow", "Deny", "Pass"}, w.adminPorts)
	spec["priority"] = w.IntN(1000)
	return object{"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "AdminNetworkPolicy", "metadata": object{}, "spec": spec}
}

// baselinePolicy is the BaselineAdminNetworkPolicy, of which there is one.
func (w *world) baselinePolicy() object {
	for _, p := range w.policies {
		if p["kind"] == "BaselineAdminNetworkPolicy" {
			return w.adminPolicy()
		}
	}
	return object{
		"apiVersion": "policy.networking.k8s.io/v1alpha1", "kind": "BaselineAdminNetworkPolicy", "metadata": object{"name": "default"},
		"spec": w.clusterSpec([]string{"Allow", "Deny"}, w.adminPorts),
	}
}

func (w *world) adminPorts() (string, any) {
	if w.chance(35) {
		return "", nil
	}
	return "ports", some(w, 1, 3, func() object {
		switch w.IntN(4) {
		case 0:
			return object{"namedPort": pick(w, "http", "dns", "nobody")}
		case 1:
			first, last := w.span()
			return object{"portRange": object{"protocol": w.protocol(), "start": first, "end": last}}
		}
		return object{"portNumber": object{"protocol": w.protocol(), "port": w.number()}}
	})
}
