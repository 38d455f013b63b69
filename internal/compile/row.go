package compile

import (
	"encoding/binary"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// row is what a profile says about one group: verdicts by protocol and port. The any-port verdict of every protocol is there; ports
// have one of their own when that differs. Equal rows are the same pointer.
type row struct {
	number  uint32 // never reused
	entries []entry
	blocks  []block
}

func (r *row) size() size { return size{len(r.entries), len(r.blocks)} }

type entry struct {
	protocol policy.Protocol
	port     uint16
	verdict  datapath.Verdict
}

// block is ports that share their first bits.
type block struct {
	protocol policy.Protocol
	port     uint16
	bits     uint8
	verdict  datapath.Verdict
}

// rows interns rows.
type rows struct {
	byKey map[string]*row
	last  uint32
}

func (r *rows) of(made *row) *row {
	key := make([]byte, 0, len(made.entries)*9+len(made.blocks)*9)
	for _, e := range made.entries {
		key = appendVerdict(key, e.protocol, e.port, 0, e.verdict)
	}
	for _, b := range made.blocks {
		key = appendVerdict(key, b.protocol, b.port, b.bits, b.verdict)
	}
	if found := r.byKey[string(key)]; found != nil {
		return found
	}
	r.last++
	made.number = r.last
	r.byKey[string(key)] = made
	return made
}

func appendVerdict(key []byte, protocol policy.Protocol, port uint16, bits uint8, v datapath.Verdict) []byte {
	key = append(key, byte(protocol), byte(v.Action), bits)
	key = binary.BigEndian.AppendUint16(key, port)
	return binary.BigEndian.AppendUint32(key, uint32(v.Rule))
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
		for _, b := range row.blocks {
			rules[b.verdict.Rule] = true
		}
	}
	return rules
}

// row evaluates the profile for addresses of a signature. Distinctions that the profile does not make cost nothing: signatures that differ only by
// such are evaluated once.
func (c *Compiler) row(p *profile, s *signature) *row {
	if found := p.rows[s]; found != nil {
		return found
	}
	ids := c.seenBy(p, s)
	var buffer [64]byte
	key := appendIDs(buffer[:0], s.kind, ids)
	made := p.projected[string(key)]
	if made == nil {
		e := evaluation{profile: p, kind: s.kind, ids: ids, selectors: c.selectors, reasons: c.reasons}
		e.match()
		made = c.rows.of(e.row())
		p.projected[string(key)] = made
	}
	p.rows[s] = made
	return made
}

// seenBy returns the distinctions of a signature that the profile makes.
func (c *Compiler) seenBy(p *profile, s *signature) []selectorID {
	var ids []selectorID
	for _, id := range s.ids {
		if _, mentioned := slices.BinarySearch(p.mentions, id); mentioned {
			ids = append(ids, id)
		} else if sel := c.selectors.byID[id]; len(p.names) > 0 && sel != nil && p.names[sel.name] {
			ids = append(ids, id)
		}
	}
	return ids
}

// anyRow is the row of anyGroup: that of a peer which no selector matches.
func (c *Compiler) anyRow(p *profile) *row {
	if p.any == nil {
		p.any = c.row(p, c.signatures.world)
	}
	return p.any
}
