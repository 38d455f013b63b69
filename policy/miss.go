package policy

import "fmt"

// How near a rule came to accepting a flow. The nearer, the greater.
const (
	missEverything = iota + 1 // neither peer nor port fit: said only when there is nothing better
	missPeer                  // the port fits, the peer's namespace and labels do not
	missSubject               // it accepts, but for other pods of the namespace
	missLabels                // the port fits, and either the peer's namespace or its labels
	missProtocol              // the peer fits, the protocol does not
	missPort                  // peer and protocol fit
	missNone       = 0
)

// nearestMiss says which rule came closest to accepting the flow, and what it lacked.
func (s *Set) nearestMiss(d Direction, pod *Pod, peer End, f Flow) string {
	best, text := missNone, ""
	for _, p := range s.policies {
		if p.Tier != NetworkPolicy || p.Subject.Namespace != "" && p.Subject.Namespace != pod.Namespace {
			continue
		}
		if len(p.Problems) > 0 && p.Concerns(d) && best == missNone {
			text = fmt.Sprintf("%s fails closed: %s", p.Ref, p.Problem())
		}
		selected := p.Subject.Matches(s.namespaces[pod.Namespace], pod)
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			if near := s.nearness(rule, selected, peer, f); near > best {
				best, text = near, missWords(p, rule, d, near, pod, peer, f)
			}
		}
	}
	return text
}

func (s *Set) nearness(rule *Rule, selected bool, peer End, f Flow) int {
	peerFits, portFits := s.matchesPeer(rule, peer), matchesPort(rule, f)
	switch {
	case rule.Action != Accept:
		return missNone
	case !selected && peerFits && portFits:
		return missSubject
	case !selected:
		return missNone
	case peerFits && hasProtocol(rule, f.Protocol):
		return missPort
	case peerFits:
		return missProtocol
	case portFits && s.halfMatchesPeer(rule, peer):
		return missLabels
	case portFits:
		return missPeer
	}
	return missEverything
}

func hasProtocol(rule *Rule, protocol Protocol) bool {
	for _, p := range rule.Ports {
		if p.Protocol == protocol {
			return true
		}
	}
	return false
}

// halfMatchesPeer reports whether a peer of the rule has the pod's namespace or its labels.
func (s *Set) halfMatchesPeer(rule *Rule, peer End) bool {
	if peer.Place != InPod {
		return false
	}
	for _, p := range rule.Peers {
		if p.Pods != nil && (p.Pods.MatchesNamespace(s.namespaces[peer.Pod.Namespace]) || p.Pods.Pods.Matches(peer.Pod.Labels)) {
			return true
		}
	}
	return false
}

func missWords(p *Policy, rule *Rule, d Direction, near int, pod *Pod, peer End, f Flow) string {
	name := fmt.Sprintf("%s %s", p.Ref, ruleName(rule.Index))
	switch near {
	case missPort, missProtocol:
		return fmt.Sprintf("%s allows %s %s this peer, but this was %s", name, rule.portWords(), d.preposition(), portWords(f.Protocol, f.Port))
	case missSubject:
		return fmt.Sprintf("%s would allow it, but is about %s, and %s is not among them", name, p.Subject.Words(), pod)
	case missLabels, missPeer:
		return fmt.Sprintf("%s allows this port, but %s %s, and %s does not match", name, d.preposition(), rule.peerWords(), peer)
	}
	return fmt.Sprintf("%s allows %s %s %s", name, rule.portWords(), d.preposition(), rule.peerWords())
}
