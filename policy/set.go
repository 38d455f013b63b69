package policy

import "slices"

// Set is everything that Evaluate needs besides the flow: namespaces, nodes and policies. It is not changed after it was made.
type Set struct {
	namespaces map[string]*Namespace
	nodes      []*Node
	policies   []*Policy // in effect, in the order of evaluation
}

// NewSet returns the set of these namespaces, their isolations, these nodes, and these policies.
func NewSet(namespaces []*Namespace, nodes []*Node, policies []*Policy) *Set {
	s := &Set{namespaces: make(map[string]*Namespace, len(namespaces)), nodes: nodes}
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

// Isolating returns those of the policies that isolate in the direction.
func Isolating(policies []*Policy, d Direction) []Ref {
	var refs []Ref
	for _, p := range policies {
		if p.Tier == NetworkPolicy && p.Isolates[d] {
			refs = append(refs, p.Ref)
		}
	}
	return slices.Clip(refs)
}
