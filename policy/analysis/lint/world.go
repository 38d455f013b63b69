package lint

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// World is what is looked at: an analysis.World, and what its model leaves out because no verdict depends on it. It is not changed.
type World struct {
	analysis.World
	// Written names the namespaces that have an object of their own. Of others only the name is known, not the labels.
	Written map[string]bool
	// Declared are the container ports of the pods, with and without names; see DeclaredPorts. A pod that is missing: not known.
	Declared map[*policy.Pod][]policy.Port
	// Invented are the pods whose addresses were given to them by whoever made the world, so that they mean nothing.
	Invented map[*policy.Pod]bool
	// PodRanges are the ranges that nodes take the addresses of their pods from, as far as they are known.
	PodRanges []netip.Prefix
	// NetworkPolicies are the policies of networking.k8s.io/v1 as they were written.
	NetworkPolicies []*networkingv1.NetworkPolicy
	// Nulls are the paths of the fields of NetworkPolicies that were written with nothing in them, which to their types are absent.
	Nulls map[*networkingv1.NetworkPolicy][]string
}

// DeclaredPorts returns the container ports of a pod, also those without a name. What is no port is left out.
func DeclaredPorts(spec *corev1.PodSpec) []policy.Port {
	var ports []policy.Port
	for _, containers := range [][]corev1.Container{spec.InitContainers, spec.Containers} {
		for _, c := range containers {
			for _, p := range c.Ports {
				protocol, ok := policy.ProtocolOf(p.Protocol)
				if !ok || p.ContainerPort < 1 || p.ContainerPort > 65535 {
					continue
				}
				ports = append(ports, policy.Port{Protocol: protocol, Number: uint16(p.ContainerPort), Name: p.Name})
			}
		}
	}
	return ports
}

// HasWorkloads reports whether there is anything that selectors can be compared with. Without, what selects nothing is not looked for.
func (w *World) HasWorkloads() bool { return len(w.Pods) > 0 }
