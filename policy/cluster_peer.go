package policy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// clusterPeer is a peer of any of the APIs for the whole cluster, as it was written. Exactly one field must be set.
type clusterPeer struct {
	namespaces  *metav1.LabelSelector
	pods        *namespacedPods
	nodes       *metav1.LabelSelector
	networks    []string
	domainNames bool
}

// namespacedPods are pods by their labels and those of their namespaces.
type namespacedPods struct{ namespaces, pods metav1.LabelSelector }

func (p clusterPeer) isAddresses() bool {
	return p.nodes != nil || len(p.networks) > 0 || p.domainNames
}

// clusterPeers converts the list of peers, which is never nil: an empty one matches nothing.
func clusterPeers(path *field.Path, action Action, peers []clusterPeer, found *problems) []Peer {
	converted := []Peer{}
	for i := range peers {
		converted = append(converted, peers[i].convert(path.Index(i), action, found)...)
	}
	return converted
}

// convert converts one peer, which may stand for several networks.
func (p *clusterPeer) convert(path *field.Path, action Action, found *problems) []Peer {
	set := count(p.namespaces != nil, p.pods != nil, p.nodes != nil, len(p.networks) > 0, p.domainNames)
	if !oneOf(path, set, "namespaces, pods, nodes, networks, domainNames", found) {
		return nil
	}
	switch {
	case p.namespaces != nil:
		return []Peer{{Pods: &PodSelector{Namespaces: selector(path.Child("namespaces"), p.namespaces, found), Pods: Everything()}, Field: path.String()}}
	case p.pods != nil:
		at := path.Child("pods")
		return []Peer{{Pods: &PodSelector{
			Namespaces: selector(at.Child("namespaceSelector"), &p.pods.namespaces, found),
			Pods:       selector(at.Child("podSelector"), &p.pods.pods, found),
		}, Field: path.String()}}
	case p.nodes != nil:
		nodes := selector(path.Child("nodes"), p.nodes, found)
		return []Peer{{Nodes: &nodes, Field: path.String()}}
	case p.domainNames:
		noDomainNames(path.Child("domainNames"), action, found)
		return nil
	}
	return networks(path.Child("networks"), p.networks, found)
}

func networks(path *field.Path, cidrs []string, found *problems) []Peer {
	var converted []Peer
	for i, text := range cidrs {
		at := path.Index(i)
		cidr, err := parseCIDR(text)
		if err != nil {
			found.add(at, err)
			continue
		}
		converted = append(converted, Peer{Network: &Network{CIDR: cidr}, Field: at.String()})
	}
	return converted
}

// noDomainNames: the names are an experimental field, which an implementation need not support. "DomainNames is only supported for Accept rules."
func noDomainNames(path *field.Path, action Action, found *problems) {
	if action == Accept {
		found.unsupported(path, "domain names are not supported, because addresses are compared, not names")
		return
	}
	found.unsupported(path, "domain names are not supported, and by the API never in rules that do not accept")
}

func selector(path *field.Path, s *metav1.LabelSelector, found *problems) Selector {
	converted, err := NewSelector(s)
	if err != nil {
		found.add(path, err)
	}
	return converted
}

// subject converts whom the policy is about. Where that is broken, the policy is about everybody whom it may mean: what is sound of its selectors still
// narrows it. Host-network pods are not included, which PodSelector.Matches sees to.
func (c *clusterConverter) subject(namespaces *metav1.LabelSelector, pods *namespacedPods) PodSelector {
	path := field.NewPath("spec", "subject")
	var found problems
	subject := PodSelector{Namespaces: Everything(), Pods: Everything()}
	if oneOf(path, count(namespaces != nil, pods != nil), "namespaces, pods", &found) {
		if namespaces != nil {
			subject.Namespaces = widestSelector(path.Child("namespaces"), namespaces, &found)
		} else {
			at := path.Child("pods")
			subject.Namespaces = widestSelector(at.Child("namespaceSelector"), &pods.namespaces, &found)
			subject.Pods = widestSelector(at.Child("podSelector"), &pods.pods, &found)
		}
	}
	c.notClear(found)
	return subject
}

// notClear notes that the policy as a whole is not clear, if anything was found.
func (c *clusterConverter) notClear(found problems) {
	if len(found) > 0 {
		c.unclear = true
		c.problems = append(c.problems,
			found.followedBy("until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing")...)
	}
}

// widestSelector converts a selector; a broken one selects what its sound requirements select, which is everything that it may mean.
func widestSelector(path *field.Path, s *metav1.LabelSelector, found *problems) Selector {
	converted, err := NewSelector(s)
	if err == nil {
		return converted
	}
	found.add(path, err)
	sound := &metav1.LabelSelector{MatchLabels: map[string]string{}}
	for key, value := range s.MatchLabels {
		if _, err := NewSelector(&metav1.LabelSelector{MatchLabels: map[string]string{key: value}}); err == nil {
			sound.MatchLabels[key] = value
		}
	}
	for _, e := range s.MatchExpressions {
		if _, err := NewSelector(&metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{e}}); err == nil {
			sound.MatchExpressions = append(sound.MatchExpressions, e)
		}
	}
	if converted, err = NewSelector(sound); err != nil {
		return Everything()
	}
	return converted
}
