package lint

import (
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// covers reports whether one rule matches, for the same pods, every flow that the other does. It looks at
// selectors, not at the pods of today, so that the answer stays true when pods come.
func (v *view) covers(by, r rule) bool {
	return by.direction == r.direction && v.coversSelector(&by.policy.Subject, &r.policy.Subject) &&
		v.coversPeers(by.Peers, r.Peers) && coversPorts(by.Ports, r.Ports)
}

// coversPeers: nil is every peer, also outside the cluster.
func (v *view) coversPeers(by, peers []policy.Peer) bool {
	if by == nil {
		return true
	}
	return peers != nil && !slices.ContainsFunc(peers, func(p policy.Peer) bool {
		return !slices.ContainsFunc(by, func(b policy.Peer) bool { return v.coversPeer(b, p) })
	})
}

func (v *view) coversPeer(by, p policy.Peer) bool {
	switch {
	case p.Pods != nil:
		return by.Pods != nil && v.coversSelector(by.Pods, p.Pods)
	case p.Network != nil:
		return by.Network != nil && coversNetwork(by.Network, p.Network)
	case p.Nodes != nil:
		return by.Nodes != nil && implies(*p.Nodes, *by.Nodes)
	}
	return true
}

func (v *view) coversSelector(by, s *policy.PodSelector) bool {
	return v.coversNamespaces(by, s) && v.implies(s.Pods, by.Pods)
}

// implies remembers what the function of that name found.
func (v *view) implies(a, b policy.Selector) bool {
	if a.IsEverything() || b.IsEverything() || a.IsNothing() || b.IsNothing() {
		return implies(a, b)
	}
	key := [2]string{a.String(), b.String()}
	implied, known := v.implied[key]
	if !known {
		implied = implies(a, b)
		v.implied[key] = implied
	}
	return implied
}

// coversNamespaces compares the namespaces of two selectors. A namespace that is named has the labels of today.
func (v *view) coversNamespaces(by, s *policy.PodSelector) bool {
	switch {
	case s.Namespace != "" && by.Namespace != "":
		return s.Namespace == by.Namespace
	case s.Namespace != "":
		ns := v.namespaces[s.Namespace]
		return ns != nil && by.Namespaces.Matches(ns.Labels) || by.Namespaces.IsEverything()
	case by.Namespace != "":
		return v.implies(s.Namespaces, namedNamespace(by.Namespace))
	}
	return v.implies(s.Namespaces, by.Namespaces)
}

// namedNamespace selects the namespace by the label that every namespace has (KEP-2161).
func namedNamespace(name string) policy.Selector {
	s, err := policy.NewSelector(&metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: name}})
	if err != nil {
		return policy.Selector{}
	}
	return s
}

// coversNetwork: what is cut out of by must be cut out of n too, or lie beside it.
func coversNetwork(by, n *policy.Network) bool {
	if !containsPrefix(by.CIDR, n.CIDR) {
		return false
	}
	return !slices.ContainsFunc(by.Except, func(hole netip.Prefix) bool {
		return hole.Overlaps(n.CIDR) && !slices.ContainsFunc(n.Except, func(e netip.Prefix) bool { return containsPrefix(e, hole) || containsPrefix(e, n.CIDR) })
	})
}

// containsPrefix reports whether a contains all of b.
func containsPrefix(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

// coversPorts: nil is every port and protocol.
func coversPorts(by, ports []policy.Port) bool {
	if by == nil {
		return true
	}
	return ports != nil && !slices.ContainsFunc(ports, func(p policy.Port) bool {
		return !slices.ContainsFunc(by, func(b policy.Port) bool { return coversPort(b, p) })
	})
}

func coversPort(by, p policy.Port) bool {
	switch {
	case by.Protocol != p.Protocol:
		return false
	case by.Name != "" || p.Name != "":
		return by.Name == p.Name || by.Name == "" && by.Number == 0
	case by.Number == 0:
		return true
	}
	return p.Number != 0 && by.Number <= p.Number && last(p) <= last(by)
}

func last(p policy.Port) uint16 { return max(p.Number, p.End) }
