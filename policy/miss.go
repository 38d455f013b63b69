package policy

import (
	"fmt"
	"slices"
	"strings"
)

// What one thing that a rule lacks to accept a flow weighs. The rule that lacks the least is the nearest miss; a port is written wrong sooner than a
// label, and a label sooner than a whole peer. Every further requirement of a selector weighs one more.
const (
	weighPort     = 10 // peer and protocol fit
	weighProtocol = 12
	weighLabels   = 20 // the peer's labels, or those of its namespace
	weighSubject  = 30 // the rule is about other pods of the namespace
	weighAddress  = 35 // an address in another network
	weighPeer     = 40 // another kind of peer, or a pod of another name and other labels
)

// gap is what a rule lacks to accept a flow. The zero gap: nothing.
type gap struct {
	weight int
	words  []string
}

func (g *gap) add(weight int, words string) {
	g.weight += weight
	g.words = append(g.words, words)
}

// nearestMiss finds the rule that came closest to accepting the flow, and says what it lacked.
func (s *Set) nearestMiss(j *Judgement, pod *Pod, peer End, f Flow) {
	best, d := 0, j.Direction
	for _, p := range s.policies {
		if p.Tier != NetworkPolicy || p.Subject.Namespace != "" && p.Subject.Namespace != pod.Namespace {
			continue
		}
		selected := p.Subject.Matches(s.namespaces[pod.Namespace], pod)
		if len(p.Problems) > 0 && len(p.Rules[d]) == 0 && selected && p.concernsIfSound(d) && best == 0 && j.Miss == "" {
			j.MissRef, j.MissField = p.Ref, p.Problems[0].Field
			j.Miss = fmt.Sprintf("%s fails closed: %s", p.Ref, p.Problem())
		}
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			g, ok := s.gapOf(p, rule, selected, pod, peer, f)
			if ok && (best == 0 || g.weight < best) {
				best, j.MissRef, j.MissField = g.weight, p.Ref, rule.Field
				j.Miss = fmt.Sprintf("%s %s accepts %s %s %s, but %s",
					p.Ref, ruleName(rule.Index, rule.Name), rule.portWords(), d.preposition(), rule.peerWords(), strings.Join(g.words, ", and "))
			}
		}
	}
}

// concernsIfSound reports whether a policy that fails closed might have had rules for the direction.
func (p *Policy) concernsIfSound(d Direction) bool {
	return p.Isolates[d] || p.WhenIsolated && d == Ingress
}

// gapOf says what the rule lacks; not ok: it is no rule to speak of here.
func (s *Set) gapOf(p *Policy, rule *Rule, selected bool, pod *Pod, peer End, f Flow) (gap, bool) {
	var g gap
	if rule.Action != Accept {
		return g, false
	}
	if !s.matchesPeer(rule, peer) {
		nearest := s.peerGap(rule, peer)
		g.add(nearest.weight, strings.Join(nearest.words, ", and "))
	}
	if !matchesPort(rule, f) {
		g.add(portGap(rule, f))
	}
	if selected {
		return g, g.weight > 0
	}
	if g.weight > 0 {
		return g, false
	}
	l := p.Subject.Pods.lacks(pod.Labels)
	g.add(weighSubject+len(l.needs), fmt.Sprintf("it is about other pods: %s %s", pod, l.words()))
	return g, true
}

// portGap says why no port of the rule fits.
func portGap(rule *Rule, f Flow) (int, string) {
	was := "this was " + portWords(f.Protocol, f.Port)
	fits := slices.IndexFunc(rule.Ports, func(p Port) bool { return p.Protocol == f.Protocol })
	if fits < 0 {
		return weighProtocol, was
	}
	if p := rule.Ports[fits]; p.Name != "" {
		was += fmt.Sprintf(", and %s", nameWords(p, f.Destination))
	}
	return weighPort, was
}

// nameWords says what a named port is at the destination.
func nameWords(p Port, destination End) string {
	if destination.Place != InPod {
		return fmt.Sprintf("%s has no named ports", destination)
	}
	for _, named := range destination.Pod.Ports {
		if named.Name == p.Name && named.Protocol == p.Protocol {
			return fmt.Sprintf("%q of %s is %d", p.Name, destination, named.Number)
		}
	}
	return fmt.Sprintf("%s has no %s port named %q", destination, p.Protocol, p.Name)
}

// peerGap says what the other end lacks to be the peer of the rule that it comes closest to.
func (s *Set) peerGap(rule *Rule, peer End) gap {
	best := gap{weight: weighPeer + weighSubject, words: []string{"the rule has no peer"}}
	for i := range rule.Peers {
		if g := s.gapTo(&rule.Peers[i], peer); g.weight < best.weight {
			best = g
		}
	}
	return best
}

func (s *Set) gapTo(p *Peer, peer End) gap {
	var g gap
	switch {
	case p.Network != nil:
		g.add(weighAddress, networkGap(p.Network, peer))
	case p.Nodes != nil && peer.Node != nil:
		l := p.Nodes.lacks(peer.Node.Labels)
		g.add(weighLabels+len(l.needs), fmt.Sprintf("node %s %s", peer.Node.Name, l.words()))
	case p.Nodes != nil:
		g.add(weighPeer, fmt.Sprintf("%s is no node", peer))
	case p.Pods != nil && peer.Place == InPod:
		s.podGap(&g, p.Pods, peer.Pod)
	case p.Pods != nil:
		g.add(weighPeer, notAPod(peer))
	default:
		g.add(weighPeer+1, "this peer is nobody")
	}
	return g
}

// podGap compares the namespace and the pod with the selector.
func (s *Set) podGap(g *gap, selector *PodSelector, pod *Pod) {
	own := s.namespaces[pod.Namespace]
	switch l := selector.Namespaces.lacks(own.Labels); {
	case selector.Namespace != "" && selector.Namespace != own.Name:
		g.add(weighLabels, fmt.Sprintf("%s is not in namespace %s", pod, selector.Namespace))
	case selector.Namespace == "" && !l.none():
		g.add(weighLabels+len(l.needs), fmt.Sprintf("namespace %s %s", own.Name, l.words()))
	}
	if l := selector.Pods.lacks(pod.Labels); !l.none() {
		who := pod.String()
		if len(g.words) > 0 {
			who = "the pod"
		}
		g.add(weighLabels+len(l.needs), who+" "+l.words())
	}
}

func notAPod(peer End) string {
	if peer.Place == Unknown {
		return fmt.Sprintf("no peer can accept %s", peer)
	}
	if peer.Pod != nil && peer.Pod.HostNetwork {
		return fmt.Sprintf("%s is in the network of its node, and no selector of pods matches such a pod", peer.Pod)
	}
	return fmt.Sprintf("%s is no pod", peer)
}

func networkGap(n *Network, peer End) string {
	if peer.Place == Unknown {
		return fmt.Sprintf("no peer can accept %s", peer)
	}
	who := peer.Address.String()
	switch {
	case !peer.Address.IsValid():
		return fmt.Sprintf("%s has no address that is known", peer)
	case peer.Place == InPod:
		who += ", the address of " + peer.Pod.String() + ","
	}
	for _, e := range n.Except {
		if e.Contains(peer.Address) {
			return fmt.Sprintf("%s is in the exception %s", who, e)
		}
	}
	return fmt.Sprintf("%s is not in %s", who, n.CIDR)
}
