package policy

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// The laws compare decisions of two sets of policies that must not differ, or only in one way, over the same pods.

// decide is every flow's decision by the policies.
func (o *randomObjects) decide(policies []*Policy) []Decision {
	set := o.set(policies)
	var decisions []Decision
	for _, f := range o.flows() {
		decisions = append(decisions, Evaluate(set, f))
	}
	return decisions
}

func describe(t *rapid.T, policies []*Policy) {
	for _, p := range policies {
		t.Logf("%s priority %d %s", p.Tier, p.Priority, text(p))
	}
}

// sameActions fails unless both accept the same flows.
func sameActions(t *rapid.T, before, after []Decision, policies ...*Policy) {
	for i := range before {
		if before[i].Egress.Action != after[i].Egress.Action || before[i].Ingress.Action != after[i].Ingress.Action {
			describe(t, policies)
			t.Fatalf("before: %s\nafter: %s", before[i], after[i])
		}
	}
}

func TestOrderOfPoliciesDoesNotMatter(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		policies := o.policies()
		before, after := o.decide(policies), o.decide(rapid.Permutation(policies).Draw(t, "order"))
		for i := range before {
			if before[i].String() != after[i].String() {
				t.Fatalf("before: %s\nafter: %s", before[i], after[i])
			}
		}
	})
}

// An Accept rule more, wherever it is put, denies nothing that was accepted.
func TestAcceptingMoreDeniesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		policies, before := o.policies(), []Decision(nil)
		if len(policies) == 0 {
			return
		}
		before = o.decide(policies)
		p := *rapid.SampledFrom(policies).Draw(t, "policy")
		d := rapid.SampledFrom(Directions[:]).Draw(t, "direction")
		if p.Tier == NetworkPolicy && !p.Isolates[d] {
			return // its rules of that direction do not count
		}
		accept := drawRule(t, d)
		at := rapid.IntRange(0, len(p.Rules[d])).Draw(t, "place")
		p.Rules[d] = slices.Insert(slices.Clone(p.Rules[d]), at, accept)
		changed := replaced(policies, &p)
		for i, after := range o.decide(changed) {
			if before[i].Action() == Accept && after.Action() == Deny {
				describe(t, changed)
				t.Fatalf("one more %s: before: %s\nafter: %s", accept.Words(d), before[i], after)
			}
		}
	})
}

// drawRule draws a sound Accept rule by drawing policies until one has some.
func drawRule(t *rapid.T, d Direction) Rule {
	for i := range 20 {
		p := FromNetworkPolicy(drawV1(t, "more"))
		if i%2 == 0 {
			p = FromClusterNetworkPolicy(drawCNP(t, "more"))
		}
		for _, rule := range p.Rules[d] {
			if rule.Action == Accept {
				return rule
			}
		}
	}
	return Rule{Action: Accept}
}

// replaced returns the policies with the one of that name replaced.
func replaced(policies []*Policy, by *Policy) []*Policy {
	var all []*Policy
	for _, p := range policies {
		if p.Ref == by.Ref {
			p = by
		}
		all = append(all, p)
	}
	return all
}

// A policy of networking.k8s.io/v1 is the sum of its rules.
func TestSplittingAPolicyChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		whole := o.policies()
		var split []*networkingv1.NetworkPolicy
		for _, np := range o.v1 {
			split = append(split, halves(np)...)
		}
		o.v1 = split
		sameActions(t, o.decide(whole), o.decide(o.policies()), whole...)
	})
}

// halves deals the rules out to two policies with the subject and types of the one.
func halves(np *networkingv1.NetworkPolicy) []*networkingv1.NetworkPolicy {
	a, b := np.DeepCopy(), np.DeepCopy()
	b.Name += "-b"
	a.Spec.Ingress, a.Spec.Egress = np.Spec.Ingress[:len(np.Spec.Ingress)/2], np.Spec.Egress[:len(np.Spec.Egress)/2]
	b.Spec.Ingress, b.Spec.Egress = np.Spec.Ingress[len(np.Spec.Ingress)/2:], np.Spec.Egress[len(np.Spec.Egress)/2:]
	return []*networkingv1.NetworkPolicy{a, b}
}

// A rule is the sum of its peers, and of its ports, whatever its action.
func TestSplittingARuleChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		whole := o.policies()
		var split []*Policy
		for _, p := range whole {
			fine := *p
			for _, d := range Directions {
				fine.Rules[d] = nil
				for _, rule := range p.Rules[d] {
					fine.Rules[d] = append(fine.Rules[d], crumbs(rule)...)
				}
			}
			split = append(split, &fine)
		}
		sameActions(t, o.decide(whole), o.decide(split), whole...)
	})
}

// crumbs are rules of one peer and one port each.
func crumbs(rule Rule) []Rule {
	var byPeer []Rule
	for _, peer := range rule.Peers {
		one := rule
		one.Peers = []Peer{peer}
		byPeer = append(byPeer, one)
	}
	if rule.Peers == nil {
		byPeer = []Rule{rule}
	}
	var all []Rule
	for _, r := range byPeer {
		if r.Ports == nil {
			all = append(all, r)
		}
		for _, port := range r.Ports {
			one := r
			one.Ports = []Port{port}
			all = append(all, one)
		}
	}
	return all
}

// Labels are only compared: other keys and values in all places give the same decisions for the same reasons.
func TestRenamingLabelsChangesNothing(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		before := o.decide(o.policies())
		o.rename()
		after := o.decide(o.policies())
		for i := range before {
			b, a := [2]Reason{before[i].Egress.Reason, before[i].Ingress.Reason}, [2]Reason{after[i].Egress.Reason, after[i].Ingress.Reason}
			if diff := cmp.Diff(b, a); diff != "" {
				t.Fatalf("%s (-before +after):\n%s", before[i].Flow, diff)
			}
		}
	})
}

func (o *randomObjects) rename() {
	for _, ns := range o.namespaces {
		ns.Labels = renamed(ns.Labels)
	}
	for _, node := range o.nodes {
		node.Labels = renamed(node.Labels)
	}
	for _, pod := range o.pods {
		pod.Labels = renamed(pod.Labels)
	}
	for _, np := range o.v1 {
		renameSelector(&np.Spec.PodSelector)
		for i := range np.Spec.Ingress {
			renameV1Peers(np.Spec.Ingress[i].From)
		}
		for i := range np.Spec.Egress {
			renameV1Peers(np.Spec.Egress[i].To)
		}
	}
	for _, cnp := range o.cluster {
		renamePods(cnp.Spec.Subject.Pods)
		for i := range cnp.Spec.Ingress {
			for j := range cnp.Spec.Ingress[i].From {
				peer := &cnp.Spec.Ingress[i].From[j]
				renameSelector(peer.Namespaces)
				renamePods(peer.Pods)
			}
		}
		for i := range cnp.Spec.Egress {
			for j := range cnp.Spec.Egress[i].To {
				peer := &cnp.Spec.Egress[i].To[j]
				renameSelector(peer.Namespaces)
				renameSelector(peer.Nodes)
				renamePods(peer.Pods)
			}
		}
	}
}

func renameV1Peers(peers []networkingv1.NetworkPolicyPeer) {
	for i := range peers {
		renameSelector(peers[i].PodSelector)
		renameSelector(peers[i].NamespaceSelector)
	}
}

func renamePods(pods *v1alpha2.NamespacedPod) {
	if pods != nil {
		renameSelector(&pods.NamespaceSelector)
		renameSelector(&pods.PodSelector)
	}
}

// The keys change places with each other in the order of the alphabet too.
var newNames = map[string]string{"app": "z.example.org/app", "tier": "a", "x": "y", "y": "Z-1"}

func renamed(labels map[string]string) map[string]string {
	all := map[string]string{}
	for key, value := range labels {
		if key == corev1.LabelMetadataName {
			all[key] = value
			continue
		}
		all[newNames[key]] = newNames[value]
	}
	return all
}

func renameSelector(s *metav1.LabelSelector) {
	if s == nil {
		return
	}
	s.MatchLabels = renamed(s.MatchLabels)
	for i := range s.MatchExpressions {
		e := &s.MatchExpressions[i]
		e.Key = newNames[e.Key]
		for j := range e.Values {
			e.Values[j] = newNames[e.Values[j]]
		}
	}
}

// HowToAllow says something about every denial, and about nothing else. Who does what it says, in a policy of tier NetworkPolicy or Admin, has the
// direction accepted.
func TestEveryDenialHasARemedy(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		o := drawObjects(t)
		policies := o.policies()
		set := o.set(policies)
		for _, f := range o.flows() {
			d := Evaluate(set, f)
			how := d.HowToAllow(set)
			if (how == "") != (d.Action() == Accept) {
				t.Fatalf("%s\nhow to allow it: %q", d, how)
			}
			for _, j := range []Judgement{d.Egress, d.Ingress} {
				if mended := remedied(policies, &j, d.Flow, how); mended != nil {
					after := Decide(o.set(mended), f)
					if got := [2]Reason{Ingress: after.Ingress.Reason, Egress: after.Egress.Reason}[j.Direction]; got.Action == Deny {
						t.Fatalf("%s\n%s does not help: %v", d, how, got)
					}
				}
			}
		}
	})
}

// remedied does what HowToAllow says for one direction; nil: it is no matter of adding a rule to a policy that there is.
func remedied(policies []*Policy, j *Judgement, f Flow, how string) []*Policy {
	for _, p := range policies {
		at := len(p.Rules[j.Direction])
		switch {
		case j.Action == Accept || j.Fault != "":
			continue
		case j.Cause == CauseIsolated && strings.Contains(how, fmt.Sprintf("add to %s: spec.%s[+]: ", p.Ref, j.Direction)):
		case j.Cause == CauseRule && j.Tier == Admin && p.Ref == j.Policy && strings.Contains(how, fmt.Sprintf("add above rule %d of %s", j.Rule, p.Ref)):
			at = j.Rule
		default:
			continue
		}
		changed := *p
		changed.Rules[j.Direction] = slices.Insert(slices.Clone(p.Rules[j.Direction]), at, wantedRule(j.Direction, f))
		return replaced(policies, &changed)
	}
	return nil
}

// wantedRule is the rule that HowToAllow puts into words.
func wantedRule(d Direction, f Flow) Rule {
	rule, peer := Rule{Action: Accept}, f.Source
	if d == Egress {
		peer = f.Destination
	}
	if f.Protocol != OtherProtocols {
		rule.Ports = []Port{{Protocol: f.Protocol, Number: f.Port}}
	}
	switch {
	case peer.Place == Unknown:
	case peer.Place == InPod:
		labels, _ := SelectLabels(peer.Pod.Labels)
		rule.Peers = []Peer{{Pods: &PodSelector{Namespace: peer.Pod.Namespace, Pods: labels}}}
	default:
		rule.Peers = []Peer{{Network: &Network{CIDR: netip.PrefixFrom(peer.Address, peer.Address.BitLen())}}}
	}
	return rule
}
