package compile

import (
	"encoding/binary"

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
