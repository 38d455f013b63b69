package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// emptyPeers finds peers that select nothing, for all that the world tells.
func (v *view) emptyPeers() []Finding {
	var found []Finding
	for r := range v.rules() {
		confused := v.confused(r)
		for i, peer := range r.Peers {
			if confused[i] {
				continue // the finding about the two peers says it
			}
			if m, otherwise, ok := v.whyPeerEmpty(peer); ok {
				message := fmt.Sprintf("the peer (%s) selects nothing: %s", peer.Words(), m.why)
				found = append(found, r.finding(peer.Field, message, m.advice(otherwise)))
			}
		}
	}
	return found
}

func (v *view) whyPeerEmpty(peer policy.Peer) (m mismatch, otherwise string, ok bool) {
	switch {
	case peer.Nodes != nil:
		return v.whyNoNode(*peer.Nodes)
	case peer.Pods == nil || !v.HasWorkloads():
		return m, "", false
	case len(v.selected(peer.Pods)) > 0 || len(v.inHostNetwork(peer.Pods)) > 0 || v.mayBeDNS(peer.Pods):
		return m, "", false
	}
	return v.whyEmpty(peer.Pods)
}

// whyNoNode: without any Node in the manifests nothing is known of their labels.
func (v *view) whyNoNode(s policy.Selector) (m mismatch, otherwise string, ok bool) {
	var sets []map[string]string
	for _, n := range v.Nodes {
		if s.Matches(n.Labels) {
			return m, "", false
		}
		sets = append(sets, n.Labels)
	}
	return explain(s, "node", sets), "correct the labels", len(sets) > 0
}
