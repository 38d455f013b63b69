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
	kind      kind
	ids       []selectorID // of the signature, as far as the profile looks at them; sorted
	selectors *selectors
	reasons   *reasons
	matched   []match
	// isolated and open are the verdicts when no rule decides, once they were asked for.
	isolated, open datapath.Verdict
}

// match is a rule whose peers include the signature, with the names of its ports resolved.
type match struct {
	*clauseRule
	policy *policy.Policy
	sets   [slots]portSet
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
	m := match{clauseRule: r, policy: p, sets: r.ports.sets}
	if len(r.ports.names) == 0 {
		return m
	}
	for slot := range m.sets {
		m.sets[slot].intervals = slices.Clone(m.sets[slot].intervals)
	}
	for _, name := range r.ports.names {
		e.resolve(&m.sets[slotOf(name.protocol)], r.Action, name)
	}
	for slot := range m.sets {
		m.sets[slot].arrange()
	}
	return m
}

// matchesPeer: an unknown pod might be any, so every rule that denies pods is about it, and no rule that accepts or passes some peers, not even
// by their addresses.
func (e *evaluation) matchesPeer(r *clauseRule) bool {
	switch {
	case r.Peers == nil:
		return true
	case e.kind == unknownKind && r.Action != policy.Deny:
		return false
	case e.kind == unknownKind && r.hasPods:
		return true
	}
	few, many := e.ids, r.peers
	if len(few) > len(many) {
		few, many = many, few
	}
	return slices.ContainsFunc(few, func(id selectorID) bool {
		_, found := slices.BinarySearch(many, id)
		return found
	})
}

// resolve turns a named port into numbers: those of the subject for ingress, those of the peer for egress. What an unknown pod calls so
// nobody knows: a rule that denies means every port then.
func (e *evaluation) resolve(set *portSet, action policy.Action, name portName) {
	numbers := e.profile.ports[name]
	if e.profile.direction == policy.Egress {
		if e.kind == unknownKind {
			set.all = set.all || action == policy.Deny
			return
		}
		numbers = e.peerNumbers(name)
	}
	for _, n := range numbers {
		set.add(interval{n, n})
	}
}

func (e *evaluation) peerNumbers(name portName) []uint16 {
	var numbers []uint16
	for _, id := range e.ids {
		if sel := e.selectors.byID[id]; sel != nil && sel.name == name {
			numbers = append(numbers, sel.number)
		}
	}
	return numbers
}

// row is what the table must hold: the any-port verdict of every protocol, and the ports that have others.
func (e *evaluation) row() *row {
	made := &row{}
	for slot, protocol := range policy.Protocols {
		s := e.decide(slot)
		made.entries = append(made.entries, entry{protocol, 0, s.rest})
		singles, blocks := s.entries()
		for _, single := range singles {
			made.entries = append(made.entries, entry{protocol, single.port, single.verdict})
		}
		for _, b := range blocks {
			made.blocks = append(made.blocks, block{protocol, b.port, b.bits, b.verdict})
		}
	}
	return made
}

// decide goes through the tiers for one protocol.
func (e *evaluation) decide(slot int) *segments {
	sets := make([]*portSet, len(e.matched))
	for i := range e.matched {
		sets[i] = &e.matched[i].sets[slot]
	}
	s := newSegments(sets)
	for _, tier := range [...]policy.Tier{policy.Admin, policy.NetworkPolicy, policy.Baseline} {
		e.decideTier(s, slot, tier)
		s.beginTier()
		if refs := e.profile.isolating; tier == policy.NetworkPolicy && len(refs) > 0 {
			s.settle(func() datapath.Verdict {
				return e.verdict(&e.isolated, policy.Reason{Action: policy.Deny, Cause: policy.CauseIsolated, Tier: tier, Isolating: refs})
			})
		}
	}
	s.settle(func() datapath.Verdict {
		return e.verdict(&e.open, policy.Reason{Action: policy.Accept, Cause: policy.CauseNotIsolated})
	})
	return s
}

// decideTier applies the tier's rules in order, up to one that leaves nothing to the others.
func (e *evaluation) decideTier(s *segments, slot int, tier policy.Tier) {
	for i := range e.matched {
		m := &e.matched[i]
		if m.policy.Tier != tier {
			continue
		}
		verdict := func() datapath.Verdict { return e.verdict(&m.verdict, m.reason()) }
		switch set, pass := &m.sets[slot], m.Action == policy.Pass; {
		case set.all && pass:
			return
		case set.all:
			s.settle(verdict)
			return
		case pass:
			s.decide(set.intervals, nil)
		default:
			s.decide(set.intervals, verdict)
		}
	}
}

func (m *match) reason() policy.Reason {
	return policy.Reason{
		Action: m.Action, Cause: policy.CauseRule, Tier: m.policy.Tier, Policy: m.policy.Ref, Rule: m.Index, RuleName: m.Name, Field: m.Field,
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
