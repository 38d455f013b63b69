package policy

// Decision is the answer for one flow: what each direction says, and why.
type Decision struct {
	Flow            Flow
	Egress, Ingress Judgement
}

// Judgement is what one direction says.
type Judgement struct {
	Reason
	// Miss tells, where isolation denies, which rule came closest and what it lacked. Empty: no rule came near.
	Miss string
}

// Action is Accept when both directions accept, otherwise Deny.
func (d Decision) Action() Action {
	if d.Egress.Action == Accept && d.Ingress.Action == Accept {
		return Accept
	}
	return Deny
}

// Evaluate decides a flow by the policies of the set. It is the reference for everything else that decides: slow, and plain.
func Evaluate(s *Set, f Flow) Decision {
	f.Source, f.Destination = s.settle(f)
	source, destination := f.Source, f.Destination
	d := Decision{Flow: f}
	switch {
	case closed(source, destination):
		d.both(Deny, CauseClosed)
		return d
	case source.same(destination):
		d.both(Accept, CauseSelf)
		return d
	}
	d.Egress = s.judge(Egress, source, destination, f)
	d.Ingress = s.judge(Ingress, destination, source, f)
	return d
}

func (d *Decision) both(a Action, c Cause) {
	d.Egress.Reason = Reason{Action: a, Direction: Egress, Cause: c}
	d.Ingress.Reason = Reason{Action: a, Direction: Ingress, Cause: c}
}

// closed reports whether one of the ends is an address that must not be used for this flow.
func closed(source, destination End) bool {
	if source.Place == InDispute || destination.Place == InDispute {
		return true
	}
	return source.Place == Unattached && destination.Place != OnNode || destination.Place == Unattached && source.Place != OnNode
}

// judge decides one direction: subject is the end whose policies count, peer the other one.
func (s *Set) judge(d Direction, subject, peer End, f Flow) Judgement {
	reason := Reason{Direction: d, Action: Accept}
	if subject.Place != InPod {
		reason.Cause = CauseNoPod
		return Judgement{Reason: reason}
	}
	if d == Ingress && peer.Place == OnNode {
		reason.Cause = CauseNode
		return Judgement{Reason: reason}
	}
	selecting := s.Selecting(subject.Pod, d)
	for _, tier := range [...]Tier{Admin, NetworkPolicy, Baseline} {
		if p, rule := s.firstMatch(selecting, tier, d, peer, f); rule != nil && rule.Action != Pass {
			reason.Cause, reason.Action = CauseRule, rule.Action
			reason.Tier, reason.Policy, reason.Rule = tier, p.Ref, rule.Index
			return Judgement{Reason: reason}
		}
		if refs := isolating(selecting, d); tier == NetworkPolicy && len(refs) > 0 {
			reason.Cause, reason.Action = CauseIsolated, Deny
			reason.Tier, reason.Isolating = tier, refs
			return Judgement{Reason: reason, Miss: s.nearestMiss(d, subject.Pod, peer, f)}
		}
	}
	reason.Cause = CauseNotIsolated
	return Judgement{Reason: reason}
}

// firstMatch returns the first rule of the tier that matches the flow.
func (s *Set) firstMatch(policies []*Policy, tier Tier, d Direction, peer End, f Flow) (*Policy, *Rule) {
	for _, p := range policies {
		if p.Tier != tier {
			continue
		}
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			if s.matchesPeer(rule, peer) && matchesPort(rule, f) {
				return p, rule
			}
		}
	}
	return nil, nil
}

// matchesPeer reports whether the rule is about this other end. An unknown pod might be any: every rule that denies pods matches it, no
// rule that accepts or passes some peers does.
func (s *Set) matchesPeer(rule *Rule, peer End) bool {
	if rule.Peers == nil {
		return true
	}
	for _, p := range rule.Peers {
		if s.isPeer(p, rule.Action, peer) {
			return true
		}
	}
	return false
}

// isPeer reports whether the end is among the peers. Networks are compared with the address whoever has it.
func (s *Set) isPeer(p Peer, action Action, peer End) bool {
	if peer.Place == Unknown && action != Deny {
		return false
	}
	switch {
	case p.Network != nil:
		return peer.Address.IsValid() && p.Network.Contains(peer.Address)
	case p.Nodes != nil:
		return peer.Node != nil && p.Nodes.Matches(peer.Node.Labels)
	case p.Pods == nil:
		return false
	case peer.Place == Unknown:
		return true
	}
	return peer.Place == InPod && p.Pods.Matches(s.namespaces[peer.Pod.Namespace], peer.Pod)
}

func matchesPort(rule *Rule, f Flow) bool {
	if rule.Ports == nil {
		return true
	}
	for _, p := range rule.Ports {
		if p.Protocol == f.Protocol && f.Protocol != OtherProtocols && matchesNumber(rule, p, f) {
			return true
		}
	}
	return false
}

// matchesNumber looks at the port alone. A name means what the destination pod calls so; which port that is of an unknown pod nobody
// knows, so a rule that denies matches them all.
func matchesNumber(rule *Rule, p Port, f Flow) bool {
	switch {
	case p.Name == "":
		return p.Includes(f.Port)
	case f.Destination.Place == Unknown:
		return rule.Action == Deny
	case f.Destination.Place != InPod:
		return false
	}
	for _, named := range f.Destination.Pod.Ports {
		if named.Name == p.Name && named.Protocol == p.Protocol && named.Number == f.Port {
			return true
		}
	}
	return false
}
