package compile

import "slices"

// sign gives every pod its signature for the distinctions in use, networks aside: those belong to addresses. Only what changed is matched: new
// pods, and pods of relabelled namespaces, with every selector; all others with the selectors that came into use.
func (c *Compiler) sign(u *uses) {
	allPeers, addedPeers := c.peersIn(u)
	all, added := newNarrowed(allPeers), newNarrowed(addedPeers)
	changed := !u.podsEqual(c.pods.uses)
	c.pods.uses = u
	for _, s := range c.pods.byPod {
		switch {
		case !s.hasAddresses():
			continue
		case s.signature == nil || s.labels != s.namespace.labels:
			s.peers = s.peers[:0]
			s.match(all)
		case changed:
			s.peers = slices.DeleteFunc(s.peers, func(id selectorID) bool { return !u.pods[id] })
			s.match(added)
		default:
			continue
		}
		s.labels = s.namespace.labels
		if now := c.signatures.of(podKind, c.distinctions(s, u)); now != s.signature {
			s.signature = now
			c.pods.signed++
		}
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

// peersIn returns the selectors of pods in use, and those among them that were not when signatures were last computed.
func (c *Compiler) peersIn(u *uses) (all, added []*selector) {
	for id := range u.pods {
		sel := c.selectors.byID[id]
		all = append(all, sel)
		if !c.pods.uses.pods[id] {
			added = append(added, sel)
		}
	}
	return all, added
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
