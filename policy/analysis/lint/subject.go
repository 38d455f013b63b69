package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// emptySubjects finds policies in effect that are about no pod. A policy for every pod of a namespace may wait for its pods.
func (v *view) emptySubjects() []Finding {
	var found []Finding
	for _, p := range v.policies {
		s := &p.Subject
		if !v.HasWorkloads() || s.Pods.IsEverything() && s.Namespace != "" || len(v.selected(s)) > 0 || len(v.inHostNetwork(s)) > 0 {
			continue
		}
		if m, otherwise, ok := v.whyEmpty(s); ok {
			found = append(found, Finding{Ref: p.Ref, Field: subjectField(p), Message: fmt.Sprintf("%s selects no pod: %s", p.Ref, m.why), Advice: m.advice(otherwise)})
		}
	}
	return found
}

// subjectField is where the kind keeps its subject.
func subjectField(p *policy.Policy) string {
	switch p.Ref.Kind {
	case policy.KindNetworkPolicy, policy.KindAlphaNetworkPolicy:
		return "spec.podSelector"
	}
	return "spec.subject"
}

// whyEmpty says why a selector selects no pod; not ok: the world does not tell that it is a mistake.
func (v *view) whyEmpty(s *policy.PodSelector) (m mismatch, otherwise string, ok bool) {
	inside := v.inNamespaces(s)
	if inside == nil && s.Namespace == "" {
		return v.whyNoNamespace(s)
	}
	var pods []*policy.Pod
	unwritten := false // a namespace of which no pod was written
	for _, ns := range inside {
		pods = append(pods, v.pods[ns.Name]...)
		unwritten = unwritten || len(v.pods[ns.Name]) == 0
	}
	if s.Pods.IsEverything() {
		return m, "", false
	}
	noun := "pod"
	switch {
	case s.Namespace != "":
		noun = "pod of namespace " + s.Namespace
	case !s.Namespaces.IsEverything():
		noun = "pod of those namespaces"
	}
	m = explain(s.Pods, noun, podLabels(pods))
	if elsewhere := v.anywhere(s.Pods); len(elsewhere) > 0 && (!unwritten || s.Namespace != "") {
		return mismatch{why: m.why}, "look at the namespace: the selector would match " + counted(elsewhere), true
	}
	return m, "correct the labels, or remove it", m.near != "" || !unwritten
}

// inNamespaces returns the namespaces of the selector.
func (v *view) inNamespaces(s *policy.PodSelector) []*policy.Namespace {
	var inside []*policy.Namespace
	for _, ns := range v.Namespaces {
		if s.MatchesNamespace(ns) {
			inside = append(inside, ns)
		}
	}
	return inside
}

// whyNoNamespace explains a namespace selector that matches none. Where no Namespace was written, labels of namespaces are not known; and namespaces
// that are in every cluster are rarely written. A name that no namespace has is a finding of its own.
func (v *view) whyNoNamespace(s *policy.PodSelector) (m mismatch, otherwise string, ok bool) {
	if len(v.Written) == 0 || s.Namespaces.IsNothing() || v.mayBeSystem(s.Namespaces) || len(v.unknownNames(s.Namespaces)) > 0 {
		return m, "", false
	}
	m = explain(s.Namespaces, "namespace", v.namespaceLabels())
	if name := v.nameUnderOtherKey(s.Namespaces); name != "" {
		m.near = name
	}
	return m, "correct the labels, or give them to a namespace", m.near != "" || v.knowsLabels()
}

// knowsLabels reports whether the labels of all namespaces are known that are not in every cluster anyway.
func (v *view) knowsLabels() bool {
	return !slices.ContainsFunc(v.names(), func(name string) bool { return !v.Written[name] && !isSystem(name) })
}
