package compile

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// evaluation decides, for one profile and one signature, what happens at each port. Its cost is that of reading every rule once, so that
// nobody's long lists of ports cost others time.
type evaluation struct {
	profile   *profile
	signature *signature
	selectors *selectors
	reasons   *reasons
	matched   []match
	// isolated and open are the verdicts when no rule decides, once they were asked for.
	isolated, open datapath.Verdict
}

// match is a rule whose peers include the signature, with the ports resolved to numbers.
type match struct {
	*clauseRule
	policy *policy.Policy
	// whole holds the protocols of which every port matches, numbers the ports of the others, sorted.
	whole   map[policy.Protocol]bool
	numbers map[policy.Protocol][]uint16
	// verdict is what the rule says, once it was asked for.
	verdict datapath.Verdict
}

// match collects the rules that look at the signature, in order.
func (e *evaluation) match() {
	for _, cl := range e.profile.clauses {
		for i := range cl.rules {
			if r := &cl.rules[i]; e.matchesPeer(r) {
				e.matched = append(e.matched, e.matchOf(cl.policy, r))
			}
		}
	}
}

func (e *evaluation) matchOf(p *policy.Policy, r *clauseRule) match {
	m := match{clauseRule: r, policy: p, whole: map[policy.Protocol]bool{}, numbers: map[policy.Protocol][]uint16{}}
	for _, protocol := range policy.Protocols {
		m.whole[protocol] = r.Ports == nil
	}
	for _, port := range r.Ports {
		switch {
		case port.Name != "":
			e.resolve(&m, port)
		case port.Number != 0:
			m.numbers[port.Protocol] = append(m.numbers[port.Protocol], port.Number)
		default:
			m.whole[port.Protocol] = true
		}
	}
	for protocol, numbers := range m.numbers {
		slices.Sort(numbers)
		m.numbers[protocol] = slices.Compact(numbers)
	}
	return m
}

// matchesPeer: an unknown pod might be any, so every rule that denies pods is about it, and no other rule that names pods.
func (e *evaluation) matchesPeer(r *clauseRule) bool {
	if r.Peers == nil {
		return true
	}
	if e.signature.kind == unknownKind {
		return r.Action == policy.Deny && len(r.peers) > 0
	}
	for _, id := range e.signature.ids {
		if _, found := slices.BinarySearch(r.peers, id); found {
			return true
		}
	}
	return false
}

// resolve turns a named port into numbers: those of the subject for ingress, those of the peer for egress. What an unknown pod calls so
// nobody knows: a rule that denies means every port then.
func (e *evaluation) resolve(m *match, port policy.Port) {
	name := portName{port.Protocol, port.Name}
	switch {
	case e.profile.direction == policy.Ingress:
		m.numbers[port.Protocol] = append(m.numbers[port.Protocol], e.profile.ports[name]...)
	case e.signature.kind == unknownKind:
		m.whole[port.Protocol] = m.whole[port.Protocol] || m.Action == policy.Deny
	default:
		m.numbers[port.Protocol] = append(m.numbers[port.Protocol], e.peerNumbers(name)...)
	}
}

func (e *evaluation) peerNumbers(name portName) []uint16 {
	var numbers []uint16
	for _, id := range e.signature.ids {
		if sel := e.selectors.byID[id]; sel != nil && sel.pods == nil && sel.name == name {
			numbers = append(numbers, sel.number)
		}
	}
	return numbers
}

// entries decides every protocol's any port, and the ports that matched rules mention.
func (e *evaluation) entries() []entry {
	var entries []entry
	for _, protocol := range policy.Protocols {
		d := e.decide(protocol)
		entries = append(entries, entry{protocol, 0, d.rest})
		for i, number := range d.numbers {
			if d.verdicts[i] != d.rest {
				entries = append(entries, entry{protocol, number, d.verdicts[i]})
			}
		}
	}
	return entries
}

// decide goes through the tiers for one protocol.
func (e *evaluation) decide(protocol policy.Protocol) *portDecision {
	d := newPortDecision(e.matched, protocol)
	for _, tier := range [...]policy.Tier{policy.Admin, policy.NetworkPolicy, policy.Baseline} {
		e.decideTier(d, tier)
		if refs := e.profile.isolating; tier == policy.NetworkPolicy && len(refs) > 0 {
			d.settle(func() datapath.Verdict {
				return e.verdict(&e.isolated, policy.Reason{Action: policy.Deny, Cause: policy.CauseIsolated, Tier: tier, Isolating: refs})
			})
		}
	}
	d.settle(func() datapath.Verdict {
		return e.verdict(&e.open, policy.Reason{Action: policy.Accept, Cause: policy.CauseNotIsolated})
	})
	return d
}

// decideTier applies the tier's rules in order, up to one that leaves nothing to the others.
func (e *evaluation) decideTier(d *portDecision, tier policy.Tier) {
	defer clear(d.passed)
	for i := range e.matched {
		m := &e.matched[i]
		if m.policy.Tier != tier {
			continue
		}
		verdict := func() datapath.Verdict {
			return e.verdict(&m.verdict, policy.Reason{Action: m.Action, Cause: policy.CauseRule, Tier: tier, Policy: m.policy.Ref, Rule: m.Index})
		}
		switch whole, pass := m.whole[d.protocol], m.Action == policy.Pass; {
		case whole && pass:
			return
		case whole:
			d.settle(verdict)
			return
		case pass:
			d.pass(m.numbers[d.protocol])
		default:
			d.decide(m.numbers[d.protocol], verdict)
		}
	}
}

// verdict returns the verdict for a reason and remembers it, because interning reasons is slow.
func (e *evaluation) verdict(known *datapath.Verdict, reason policy.Reason) datapath.Verdict {
	if known.Rule != 0 {
		return *known
	}
	reason.Direction = e.profile.direction
	known.Rule = e.reasons.id(reason)
	if reason.Action == policy.Accept {
		known.Action = datapath.Accept
	}
	return *known
}
