package policy

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
)

// HowToAllow says in one line what has to be written where so that the flow is accepted: "add to NetworkPolicy shop/backend: spec.ingress[+]: from pods
// with app=web, port TCP 80". Where both directions deny it, both steps are said, joined by "; and ". The set is the one that the decision was made by.
// Empty: the flow is accepted.
func (d Decision) HowToAllow(s *Set) string {
	var steps []string
	for _, j := range [...]Judgement{d.Egress, d.Ingress} {
		if j.Action == Accept {
			continue
		}
		steps = append(steps, s.remedy(&j, d.Flow))
		if j.Cause == CauseClosed || j.Cause == CauseFamilies {
			break
		}
	}
	return strings.Join(steps, "; and ")
}

// remedy is the step for one direction.
func (s *Set) remedy(j *Judgement, f Flow) string {
	subject, peer := f.Destination, f.Source
	if j.Direction == Egress {
		subject, peer = f.Source, f.Destination
	}
	switch j.Cause {
	case CauseClosed:
		return "no policy can allow it: one end is an address that no pod rightfully has"
	case CauseFamilies:
		return "no policy can allow it: give both ends addresses of one family"
	}
	what := s.wanted(j.Direction, subject, peer, f)
	switch {
	case j.Cause == CauseIsolated:
		return s.remedyForIsolation(j, subject, what)
	case j.Fault != "":
		return fmt.Sprintf("mend %s: %s", j.Policy, j.Fault)
	case j.Tier == Baseline:
		return fmt.Sprintf("override %s with a NetworkPolicy of namespace %s that selects %s and has %sin spec.%s: %s (what it does not name, it denies)",
			j.Policy, subject.Pod.Namespace, podWords(subject.Pod), policyTypes[j.Direction], j.Direction, what)
	}
	return s.remedyForAdmin(j, what)
}

// policyTypes is what a new policy must say besides its rules: one with egress rules isolates for ingress too unless it says otherwise.
var policyTypes = [2]string{Egress: "policyTypes [Egress] and "}

// remedyForIsolation: one NetworkPolicy that isolates the pod is as good as another, since they add up; the one with the nearest miss goes first. A broken
// one must be mended. An isolated namespace takes a new policy, because an alpha policy has one rule only.
func (s *Set) remedyForIsolation(j *Judgement, subject End, what string) string {
	var broken *Policy
	refs := j.Isolating
	if slices.Contains(refs, j.MissRef) {
		refs = append([]Ref{j.MissRef}, refs...)
	}
	for _, ref := range refs {
		p := s.policy(ref)
		switch {
		case ref.Kind == KindNetworkPolicy && len(p.Problems) == 0:
			return fmt.Sprintf("add to %s: spec.%s[+]: %s", ref, j.Direction, what)
		case len(p.Problems) > 0 && broken == nil && ref.Kind == KindNetworkPolicy:
			broken = p
		}
	}
	if broken != nil {
		return fmt.Sprintf("mend %s, which fails closed: %s", broken.Ref, broken.Problems[0])
	}
	return fmt.Sprintf("add to namespace %s a NetworkPolicy that selects %s and has in spec.%s: %s", subject.Pod.Namespace, podWords(subject.Pod), j.Direction, what)
}

// remedyForAdmin: a denial of tier Admin can only be forestalled, by a rule that is evaluated before it.
func (s *Set) remedyForAdmin(j *Judgement, what string) string {
	action, priority := Accept.String(), s.policy(j.Policy).Priority
	if j.Policy.Kind == KindAdminNetworkPolicy {
		action = "Allow"
	}
	before := fmt.Sprintf("above %s of %s", ruleName(j.Rule, j.RuleName), j.Policy)
	if priority > 0 {
		before += fmt.Sprintf(", or in an Admin policy with a priority below %d", priority)
	}
	return fmt.Sprintf("only an Admin rule that comes first can allow it: add %s: action %s, %s", before, action, what)
}

// policy returns the policy of the set that was made from the object. Nobody else has its ref.
func (s *Set) policy(ref Ref) *Policy {
	for _, p := range s.policies {
		if p.Ref == ref {
			return p
		}
	}
	return &Policy{Ref: ref}
}

// wanted says peer and port as a rule would have to.
func (s *Set) wanted(d Direction, subject, peer End, f Flow) string {
	if peer.Place == Unknown {
		return "a rule without peers (nothing is known of " + peer.String() + "), " + portField(f)
	}
	return fmt.Sprintf("%s %s, %s", d.preposition(), s.peerField(subject, peer), portField(f))
}

func portField(f Flow) string {
	if f.Protocol == OtherProtocols {
		return "no ports (a rule that names ports is about TCP, UDP and SCTP only)"
	}
	return "port " + portWords(f.Protocol, f.Port)
}

// peerField says the peer as a selector, or as a block of addresses.
func (s *Set) peerField(subject, peer End) string {
	switch {
	case peer.Place == InPod && peer.Pod.Namespace == subject.Pod.Namespace:
		return podWords(peer.Pod)
	case peer.Place == InPod:
		return fmt.Sprintf("%s of namespaces with %s=%s", podWords(peer.Pod), corev1.LabelMetadataName, peer.Pod.Namespace)
	case peer.Address.IsValid():
		return fmt.Sprintf("ipBlock %s", netip.PrefixFrom(peer.Address, peer.Address.BitLen()))
	}
	return "an ipBlock with the address of its node" // only ends in the network of a node lack one
}

// volatileLabels differ between the pods of one workload, or from one of its versions to the next.
var volatileLabels = map[string]bool{
	"pod-template-hash": true, "controller-revision-hash": true, "pod-template-generation": true, "statefulset.kubernetes.io/pod-name": true,
	"apps.kubernetes.io/pod-index": true, "controller-uid": true, "job-name": true, "batch.kubernetes.io/controller-uid": true,
	"batch.kubernetes.io/job-name": true, "batch.kubernetes.io/job-completion-index": true,
}

// podWords says the pod as a selector by its stable labels.
func podWords(pod *Pod) string {
	stable := maps.Clone(pod.Labels)
	maps.DeleteFunc(stable, func(key, _ string) bool { return volatileLabels[key] })
	if len(stable) == 0 {
		return "every pod"
	}
	return "pods with " + labelWords(stable)
}
