package compile

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// subjects finds the policies that select a pod.
type subjects struct {
	c           *Compiler
	byNamespace map[string][]*policy.Policy // those with subjects in one namespace
	wide        []*policy.Policy
}

// index arranges the policies in effect by the namespace of their subjects.
func (c *Compiler) index(w *World) *subjects {
	s := &subjects{c: c, byNamespace: map[string][]*policy.Policy{}}
	c.policies = make(map[*policy.Policy]bool, len(w.Policies))
	for _, ns := range w.Namespaces {
		if ns.Isolation != nil {
			s.add(ns.Isolation)
		}
	}
	for _, p := range w.Policies {
		var own *policy.Namespace
		if state := c.pods.namespaces[p.Ref.Namespace]; state != nil {
			own = state.namespace
		}
		if p.InEffect(own) {
			s.add(p)
		}
	}
	return s
}

func (s *subjects) add(p *policy.Policy) {
	s.c.policies[p] = true
	if p.Subject.Namespace == "" {
		s.wide = append(s.wide, p)
		return
	}
	s.byNamespace[p.Subject.Namespace] = append(s.byNamespace[p.Subject.Namespace], p)
}

// selecting returns the clauses about a pod, by direction, in the order of evaluation.
func (s *subjects) selecting(pod *podState) [2][]*clause {
	var selecting []*policy.Policy
	for _, candidates := range [...][]*policy.Policy{s.byNamespace[pod.pod.Namespace], s.wide} {
		for _, p := range candidates {
			if p.Subject.Matches(pod.namespace.namespace, pod.pod) {
				selecting = append(selecting, p)
			}
		}
	}
	slices.SortFunc(selecting, policy.Compare)
	var clauses [2][]*clause
	for _, p := range selecting {
		pair := s.c.clausesOf(p)
		for _, d := range policy.Directions {
			if pair[d] != nil {
				clauses[d] = append(clauses[d], pair[d])
			}
		}
	}
	return clauses
}
