package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// dashes finds two neighbouring peers, one of namespaces and one of pods, that were probably meant as one: "- podSelector" with a dash of its own adds
// peers (OR), without it narrows the namespaceSelector (AND). Two peers are common and right, so it needs a sign: that the pods alone add nothing.
func (v *view) dashes() []Finding {
	var found []Finding
	for r := range v.rules() {
		confused := v.confused(r)
		for i := 0; i+1 < len(r.Peers); i++ {
			namespaces, pods, ok := pair(r, i)
			if !ok || !confused[i] && !confused[i+1] {
				continue
			}
			message := fmt.Sprintf("two peers (two dashes) let in %s, and besides that %s, which %s",
				namespaces.Words(), pods.Words(), v.uselessness(namespaces.Pods, pods.Pods))
			advice := fmt.Sprintf("did you mean one peer, pods with %s of those namespaces? Then write podSelector and namespaceSelector under one dash", pods.Pods.Pods)
			found = append(found, r.finding(r.Peers[i+1].Field, message, advice))
		}
	}
	return found
}

// pair returns the peers i and i+1 if one selects whole namespaces by label and the other pods of the policy's own namespace.
func pair(r rule, i int) (namespaces, pods policy.Peer, ok bool) {
	namespaces, pods = r.Peers[i], r.Peers[i+1]
	if namespaces.Pods != nil && namespaces.Pods.Namespace != "" {
		namespaces, pods = pods, namespaces
	}
	ok = r.policy.Ref.Namespace != "" && namespaces.Pods != nil && pods.Pods != nil &&
		namespaces.Pods.Namespace == "" && namespaces.Pods.Pods.IsEverything() && pods.Pods.Namespace != "" && !pods.Pods.Pods.IsEverything()
	return namespaces, pods, ok
}

// confused returns the places of the peers that add nothing beside their neighbour and would narrow it.
func (v *view) confused(r rule) map[int]bool {
	confused := map[int]bool{}
	for i := 0; i+1 < len(r.Peers); i++ {
		if namespaces, pods, ok := pair(r, i); ok && v.uselessness(namespaces.Pods, pods.Pods) != "" {
			place := i
			if r.Peers[i+1].Pods == pods.Pods {
				place = i + 1
			}
			confused[place] = true
		}
	}
	return confused
}

// uselessness says why the pods add nothing beside the namespaces; empty: they may well add something.
func (v *view) uselessness(namespaces, pods *policy.PodSelector) string {
	if own := v.namespaces[pods.Namespace]; namespaces.Namespaces.IsEverything() || own != nil && v.Written[own.Name] && namespaces.Namespaces.Matches(own.Labels) {
		return "are among them anyway"
	}
	both := policy.PodSelector{Namespaces: namespaces.Namespaces, Pods: pods.Pods}
	if len(v.selected(pods)) == 0 && len(v.inHostNetwork(pods)) == 0 && len(v.selected(&both)) > 0 {
		return fmt.Sprintf("are no pods at all, while those namespaces have %s", plural(len(v.selected(&both)), "such pod"))
	}
	return ""
}
