package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// withoutDNS finds pods that are isolated for egress and may reach pods or anything at all, but nothing that could resolve their names. A policy that
// allows no egress, or addresses only, needs no DNS.
func (v *view) withoutDNS() []Finding {
	var found []Finding
	reported := map[*policy.Policy]bool{}
	for _, p := range v.policies {
		if p.Tier != policy.NetworkPolicy || !p.Isolates[policy.Egress] || !v.wantsDNS(p) {
			continue
		}
		pods := v.selected(&p.Subject)
		for _, pod := range pods {
			selecting := v.set.Selecting(pod, policy.Egress)
			if !v.isDNS(pod) && !v.resolves(selecting, policy.UDP) && v.firstWanting(pod) == p && !reported[p] {
				reported[p] = true
				found = append(found, v.noDNS(p, fmt.Sprintf("%s is isolated for egress", pod), selecting))
			}
		}
		if near := v.near(p); len(pods) == 0 && !v.resolves(near, policy.UDP) {
			found = append(found, v.noDNS(p, p.Ref.String()+" isolates its pods for egress", near))
		}
	}
	return found
}

// noDNS is the finding. Resolvers ask by UDP; TCP alone, which a port without protocol means, is for answers that are too long.
func (v *view) noDNS(p *policy.Policy, who string, policies []*policy.Policy) Finding {
	f := Finding{Ref: p.Ref, Field: "spec.egress", Message: who + ", and no rule allows DNS (port 53), so it finds no Service by its name",
		Advice: "allow UDP and TCP 53 to pods with k8s-app=kube-dns of namespace kube-system"}
	if v.resolves(policies, policy.TCP) {
		f.Message = who + ", and the rules allow DNS (port 53) by TCP only, so it finds no Service by its name"
		f.Advice = "allow UDP, too: a port without protocol means TCP"
	}
	return f
}

// wantsDNS reports whether the policy allows egress to what is usually called by name.
func (v *view) wantsDNS(p *policy.Policy) bool {
	return slices.ContainsFunc(p.Rules[policy.Egress], func(r policy.Rule) bool {
		return r.Action == policy.Accept && (r.Peers == nil || slices.ContainsFunc(r.Peers, func(peer policy.Peer) bool { return peer.Pods != nil }))
	})
}

// firstWanting returns the first of the pod's policies that wants DNS, so that one mistake is one finding.
func (v *view) firstWanting(pod *policy.Pod) *policy.Policy {
	for _, p := range v.set.Selecting(pod, policy.Egress) {
		if p.Tier == policy.NetworkPolicy && v.wantsDNS(p) {
			return p
		}
	}
	return nil
}

// near returns the policies that may be about the same pods as p, whose pods are not in the manifests.
func (v *view) near(p *policy.Policy) []*policy.Policy {
	return slices.DeleteFunc(slices.Clone(v.policies), func(o *policy.Policy) bool {
		return o.Subject.Namespace != "" && o.Subject.Namespace != p.Subject.Namespace
	})
}

// resolves reports whether any of the policies allows DNS by the protocol.
func (v *view) resolves(policies []*policy.Policy, protocol policy.Protocol) bool {
	for _, p := range policies {
		for i := range p.Rules[policy.Egress] {
			if v.allowsDNS(rule{policy: p, direction: policy.Egress, Rule: &p.Rules[policy.Egress][i]}, protocol) {
				return true
			}
		}
	}
	return false
}
