package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// equalPriorities finds cluster policies of one tier and priority that do different things to the same flows. Which of them wins the API leaves open
// (spec.priority: "the behavior is undefined"); Hedgerow takes the first by name.
func (v *view) equalPriorities() []Finding {
	var found []Finding
	rules := slices.DeleteFunc(slices.Collect(v.rules()), func(r rule) bool { return r.policy.Tier == policy.NetworkPolicy })
	for i, r := range rules {
		for _, other := range rules[:i] {
			if v.conflict(other, r) {
				message := fmt.Sprintf("%s and %s have the same tier and priority (%d), and different actions for the same traffic: %s here, %s in %s",
					r.policy.Ref, other.policy.Ref, r.policy.Priority, r.Action, other.Action, other.Field)
				found = append(found, r.finding(r.Field, message, "give them different priorities"))
				break
			}
		}
	}
	return found
}

func (v *view) conflict(a, b rule) bool {
	return a.direction == b.direction && a.policy != b.policy && a.Action != b.Action &&
		a.policy.Tier == b.policy.Tier && a.policy.Priority == b.policy.Priority &&
		v.overlap(&a.policy.Subject, &b.policy.Subject) && v.peersOverlap(a.Peers, b.Peers) && portsOverlap(a.Ports, b.Ports)
}

// overlap reports whether two selectors share a pod of the world, or one contains the other.
func (v *view) overlap(a, b *policy.PodSelector) bool {
	if v.coversSelector(a, b) || v.coversSelector(b, a) {
		return true
	}
	pods := v.selected(a)
	return slices.ContainsFunc(v.selected(b), func(pod *policy.Pod) bool { return slices.Contains(pods, pod) })
}

func (v *view) peersOverlap(a, b []policy.Peer) bool {
	if a == nil || b == nil {
		return (a == nil || len(a) > 0) && (b == nil || len(b) > 0)
	}
	return slices.ContainsFunc(a, func(x policy.Peer) bool {
		return slices.ContainsFunc(b, func(y policy.Peer) bool { return v.peerOverlaps(x, y) })
	})
}

func (v *view) peerOverlaps(a, b policy.Peer) bool {
	switch {
	case a.Pods != nil && b.Pods != nil:
		return v.overlap(a.Pods, b.Pods)
	case a.Network != nil && b.Network != nil:
		return networksOverlap(a.Network, b.Network)
	case a.Nodes != nil && b.Nodes != nil:
		return implies(*a.Nodes, *b.Nodes) || implies(*b.Nodes, *a.Nodes)
	}
	return false
}

// networksOverlap: the smaller of two overlapping prefixes lies in the other, so only what is cut out of either can part them.
func networksOverlap(a, b *policy.Network) bool {
	if !a.CIDR.Overlaps(b.CIDR) {
		return false
	}
	smaller := a.CIDR
	if b.CIDR.Bits() > a.CIDR.Bits() {
		smaller = b.CIDR
	}
	common := policy.Network{CIDR: smaller, Except: slices.Concat(a.Except, b.Except)}
	return len(common.Prefixes()) > 0
}

func portsOverlap(a, b []policy.Port) bool {
	if a == nil || b == nil {
		return (a == nil || len(a) > 0) && (b == nil || len(b) > 0)
	}
	return slices.ContainsFunc(a, func(x policy.Port) bool {
		return slices.ContainsFunc(b, func(y policy.Port) bool { return portOverlaps(x, y) })
	})
}

// portOverlaps: which numbers a name stands for differs from pod to pod, so it overlaps itself only, and every port.
func portOverlaps(x, y policy.Port) bool {
	switch {
	case x.Protocol != y.Protocol:
		return false
	case x.Name != "" || y.Name != "":
		return coversPort(x, y) || coversPort(y, x)
	case x.Number == 0 || y.Number == 0:
		return true
	}
	return x.Number <= last(y) && y.Number <= last(x)
}
