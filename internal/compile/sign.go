package compile

import (
	"maps"
	"slices"
)

// sign gives every pod its signature for the distinctions in use, networks aside: those belong to addresses. Only what changed is matched: new
// pods, and pods of relabelled namespaces, with every selector; others with the selectors that came into use, and only in namespaces that these,
// or those that went out of use, can select.
func (c *Compiler) sign(u *uses) {
	before := c.pods.uses
	c.pods.uses = u
	all, added, removed := newNarrowed(c.selectorsIn(u.pods, nil)), newNarrowed(c.selectorsIn(u.pods, before.pods)), newNarrowed(c.selectorsIn(before.pods, u.pods))
	names := !maps.Equal(u.names, before.names)
	for _, ns := range c.pods.namespaces {
		if !ns.changed && !names && len(added.of(ns))+len(removed.of(ns)) == 0 {
			continue
		}
		ns.changed = false
		for s := range ns.pods {
			c.signPod(s, u, all, added)
		}
	}
}

func (c *Compiler) signPod(s *podState, u *uses, all, added *narrowed) {
	switch {
	case !s.hasAddresses():
		return
	case s.stale:
		s.peers, s.stale = s.peers[:0], false
		s.match(all)
	default:
		s.peers = slices.DeleteFunc(s.peers, func(id selectorID) bool { return !u.pods[id] })
		s.match(added)
	}
	if now := c.signatures.of(podKind, c.distinctions(s, u)); now != s.signature {
		s.signature = now
		c.pods.signed++
	}
}

// narrowed are selectors, arranged by the namespaces whose pods they can select, so that namespaces are matched once and not for
// every pod.
type narrowed struct {
	selectors   []*selector
	byNamespace map[*namespaceState][]*selector
}

func newNarrowed(selectors []*selector) *narrowed {
	return &narrowed{selectors, map[*namespaceState][]*selector{}}
}

func (n *narrowed) of(ns *namespaceState) []*selector {
	found, known := n.byNamespace[ns]
	if !known {
		for _, sel := range n.selectors {
			if sel.pods.MatchesNamespace(ns.namespace) {
				found = append(found, sel)
			}
		}
		n.byNamespace[ns] = found
	}
	return found
}

// selectorsIn returns the known selectors of these that are not among the others.
func (c *Compiler) selectorsIn(these, others map[selectorID]bool) []*selector {
	var list []*selector
	for id := range these {
		if sel := c.selectors.byID[id]; sel != nil && !others[id] {
			list = append(list, sel)
		}
	}
	return list
}

// hasAddresses reports whether the pod can be an end of a flow: it is known, alive and in a network of its own.
func (s *podState) hasAddresses() bool {
	return s.namespace != nil && !s.pod.HostNetwork && !s.pod.Terminated
}

// match adds those of the selectors that select the pod.
func (s *podState) match(selectors *narrowed) {
	for _, sel := range selectors.of(s.namespace) {
		if sel.pods.Pods.Matches(s.pod.Labels) {
			s.peers = append(s.peers, sel.id)
		}
	}
}

// distinctions are the pod's peer selectors and what it calls its ports, as far as anybody asks; sorted.
func (c *Compiler) distinctions(s *podState, u *uses) []selectorID {
	ids := slices.Clone(s.peers)
	for _, port := range s.pod.Ports {
		if name := (portName{port.Protocol, port.Name}); u.names[name] {
			ids = append(ids, c.selectors.port(name, port.Number).id)
		}
	}
	slices.Sort(ids)
	return slices.Compact(ids)
}
