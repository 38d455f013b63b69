package policy

import (
	"net/netip"
	"slices"
)

// Set is everything that Evaluate needs besides the flow: namespaces and policies. It is not changed after it was made.
type Set struct {
	namespaces map[string]*Namespace
	policies   []*Policy // in effect, in the order of evaluation
}

// NewSet returns the set of these namespaces, their isolations, and these policies.
func NewSet(namespaces []*Namespace, policies []*Policy) *Set {
	s := &Set{namespaces: make(map[string]*Namespace, len(namespaces))}
	for _, ns := range namespaces {
		s.namespaces[ns.Name] = ns
		if ns.Isolation != nil {
			s.policies = append(s.policies, ns.Isolation)
		}
	}
	for _, p := range policies {
		if p.InEffect(s.namespaces[p.Ref.Namespace]) {
			s.policies = append(s.policies, p)
		}
	}
	Sort(s.policies)
	return s
}

// Selecting returns the policies in effect that say anything about the pod in the direction, in the order of evaluation.
func (s *Set) Selecting(pod *Pod, d Direction) []*Policy {
	ns := s.namespaces[pod.Namespace]
	if ns == nil {
		return nil
	}
	var selecting []*Policy
	for _, p := range s.policies {
		if p.Concerns(d) && p.Subject.Matches(ns, pod) {
			selecting = append(selecting, p)
		}
	}
	return selecting
}

// settle returns the end as policies see it: a pod in its node's network is the node or an address outside, and a pod that is
// over, or whose namespace is not in the set, is unknown.
func (s *Set) settle(e, other End) End {
	if e.Place != InPod {
		return e
	}
	switch {
	case e.Pod.HostNetwork && other.Place == InPod && e.Pod.Node != "" && e.Pod.Node == other.Pod.Node:
		return End{Place: OnNode, Address: e.Address}
	case e.Pod.HostNetwork:
		return End{Place: Outside, Address: e.firstAddress()}
	case e.Pod.Terminated || s.namespaces[e.Pod.Namespace] == nil:
		return End{Place: Unknown, Address: e.firstAddress()}
	}
	return e
}

func (e End) firstAddress() netip.Addr {
	if e.Address.IsValid() || len(e.Pod.Addresses) == 0 {
		return e.Address
	}
	return e.Pod.Addresses[0]
}

// isolating returns the refs of the policies that isolate.
func isolating(policies []*Policy, d Direction) []Ref {
	var refs []Ref
	for _, p := range policies {
		if p.Tier == NetworkPolicy && p.Isolates[d] {
			refs = append(refs, p.Ref)
		}
	}
	return slices.Clip(refs)
}
