package compile

import (
	"encoding/binary"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// row is what a profile says about one group: verdicts by protocol and port. The any-port verdict of every protocol is there; a port
// has one of its own when that differs. Equal rows are the same pointer.
type row struct {
	number  uint32 // never reused
	entries []entry
}

type entry struct {
	protocol policy.Protocol
	port     uint16
	verdict  datapath.Verdict
}

// rows interns rows.
type rows struct {
	byKey map[string]*row
	last  uint32
}

func (r *rows) of(entries []entry) *row {
	key := make([]byte, 0, len(entries)*8)
	for _, e := range entries {
		key = append(key, byte(e.protocol), byte(e.verdict.Action))
		key = binary.BigEndian.AppendUint16(key, e.port)
		key = binary.BigEndian.AppendUint32(key, uint32(e.verdict.Rule))
	}
	if found := r.byKey[string(key)]; found != nil {
		return found
	}
	r.last++
	made := &row{number: r.last, entries: entries}
	r.byKey[string(key)] = made
	return made
}

// keep forgets the rows that are not used, and returns the rules that the others mention.
func (r *rows) keep(used map[*row]bool) map[datapath.RuleID]bool {
	rules := map[datapath.RuleID]bool{}
	for key, row := range r.byKey {
		if !used[row] {
			delete(r.byKey, key)
			continue
		}
		for _, e := range row.entries {
			rules[e.verdict.Rule] = true
		}
	}
	return rules
}

// row evaluates the profile for endpoints of a signature.
func (c *Compiler) row(p *profile, s *signature) *row {
	if found := p.rows[s]; found != nil {
		return found
	}
	e := evaluation{profile: p, signature: s, selectors: c.selectors, reasons: c.reasons}
	e.match()
	made := c.rows.of(e.entries())
	p.rows[s] = made
	return made
}

// anyRow is the row of anyGroup: that of a peer which no selector matches.
func (c *Compiler) anyRow(p *profile) *row { return c.row(p, c.signatures.world) }

// evaluation decides, for one profile and one signature, what happens at each port.
type evaluation struct {
	profile   *profile
	signature *signature
	selectors *selectors
	reasons   *reasons
	matched   []match
	// isolated and open are the verdicts when no rule decides; 0 until they are asked for.
	isolated, open datapath.Verdict
}

// match is a rule whose peers include the signature, with the ports resolved to numbers.
type match struct {
	tier   policy.Tier
	action policy.Action
	all    bool // every port and protocol
	ports  []policy.Port
	ref    policy.Ref
	index  int
	// verdict is what the rule says, once it was asked for.
	verdict datapath.Verdict
}

// match collects the rules that look at the signature, in order.
func (e *evaluation) match() {
	for _, cl := range e.profile.clauses {
		for _, r := range cl.rules {
			if !e.matchesPeer(&r) {
				continue
			}
			m := match{tier: cl.policy.Tier, action: r.Action, all: r.Ports == nil, ref: cl.policy.Ref, index: r.Index}
			for _, port := range r.Ports {
				m.ports = append(m.ports, e.resolve(port, r.Action)...)
			}
			if m.all || len(m.ports) > 0 {
				e.matched = append(e.matched, m)
			}
		}
	}
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

// resolve turns a named port into numbers: those of the subject for ingress, those of the peer for egress.
func (e *evaluation) resolve(port policy.Port, action policy.Action) []policy.Port {
	if port.Name == "" {
		return []policy.Port{port}
	}
	name := portName{port.Protocol, port.Name}
	var numbers []uint16
	switch {
	case e.profile.direction == policy.Ingress:
		numbers = e.profile.ports[name]
	case e.signature.kind == unknownKind && action == policy.Deny:
		return []policy.Port{{Protocol: port.Protocol}}
	default:
		numbers = e.peerNumbers(name)
	}
	ports := make([]policy.Port, len(numbers))
	for i, n := range numbers {
		ports[i] = policy.Port{Protocol: port.Protocol, Number: n}
	}
	return ports
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
		other := e.decide(protocol, 0)
		entries = append(entries, entry{protocol, 0, other})
		for _, number := range e.mentioned(protocol) {
			if verdict := e.decide(protocol, number); verdict != other {
				entries = append(entries, entry{protocol, number, verdict})
			}
		}
	}
	return entries
}

func (e *evaluation) mentioned(protocol policy.Protocol) []uint16 {
	var numbers []uint16
	for _, m := range e.matched {
		for _, port := range m.ports {
			if port.Protocol == protocol && port.Number != 0 {
				numbers = append(numbers, port.Number)
			}
		}
	}
	slices.Sort(numbers)
	return slices.Compact(numbers)
}

// decide goes through the tiers. Port 0 stands for any port that no rule mentions.
func (e *evaluation) decide(protocol policy.Protocol, port uint16) datapath.Verdict {
	for _, tier := range [...]policy.Tier{policy.Admin, policy.NetworkPolicy, policy.Baseline} {
		if m := e.first(tier, protocol, port); m != nil && m.action != policy.Pass {
			return e.verdict(&m.verdict, policy.Reason{Action: m.action, Cause: policy.CauseRule, Tier: tier, Policy: m.ref, Rule: m.index})
		}
		if refs := e.profile.isolating; tier == policy.NetworkPolicy && len(refs) > 0 {
			return e.verdict(&e.isolated, policy.Reason{Action: policy.Deny, Cause: policy.CauseIsolated, Tier: tier, Isolating: refs})
		}
	}
	return e.verdict(&e.open, policy.Reason{Action: policy.Accept, Cause: policy.CauseNotIsolated})
}

func (e *evaluation) first(tier policy.Tier, protocol policy.Protocol, port uint16) *match {
	for i := range e.matched {
		if m := &e.matched[i]; m.tier == tier && m.covers(protocol, port) {
			return m
		}
	}
	return nil
}

func (m *match) covers(protocol policy.Protocol, port uint16) bool {
	if m.all {
		return true
	}
	for _, p := range m.ports {
		if p.Protocol == protocol && (p.Number == 0 || p.Number == port) {
			return true
		}
	}
	return false
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
