package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// hostNetworkPeers finds peers whose pods are all in their node's network. Policies see such pods as nodes: no pod selector selects them.
func (v *view) hostNetworkPeers() []Finding {
	var found []Finding
	for r := range v.rules() {
		for _, peer := range r.Peers {
			if peer.Pods == nil || len(v.selected(peer.Pods)) > 0 || v.mayBeDNS(peer.Pods) {
				continue
			}
			if pods := v.inHostNetwork(peer.Pods); len(pods) > 0 {
				message := fmt.Sprintf("the peer (%s) selects only hostNetwork pods, such as %s, which no pod selector matches", peer.Words(), pods[0])
				found = append(found, r.finding(peer.Field, message, hostNetworkAdvice(r.policy.Ref.Kind, r.direction)))
			}
		}
	}
	return found
}

// hostNetworkSubjects finds policies about nobody but pods in their node's network, which no policy applies to.
func (v *view) hostNetworkSubjects() []Finding {
	var found []Finding
	for _, p := range v.policies {
		if len(v.selected(&p.Subject)) > 0 {
			continue
		}
		if pods := v.inHostNetwork(&p.Subject); len(pods) > 0 {
			message := fmt.Sprintf("%s selects only hostNetwork pods, such as %s, and no policy applies to them", p.Ref, pods[0])
			found = append(found, Finding{Ref: p.Ref, Field: subjectField(p), Message: message, Advice: "take the pod out of the host's network, or guard it with the node's firewall"})
		}
	}
	return found
}

// hostNetworkAdvice says how the API of a policy can name nodes. Ingress rules of cluster policies have only pods as peers.
func hostNetworkAdvice(kind policy.Kind, d policy.Direction) string {
	switch {
	case kind == policy.KindNetworkPolicy:
		return "use an ipBlock with the addresses of their nodes"
	case kind == policy.KindAlphaNetworkPolicy:
		return "this API cannot name nodes: use a NetworkPolicy of networking.k8s.io/v1 with an ipBlock of their addresses"
	case d == policy.Egress:
		return "use nodes, or networks with the addresses of their nodes"
	}
	return "ingress rules of this API cannot name nodes: take the peer out"
}
