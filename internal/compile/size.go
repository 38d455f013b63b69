package compile

import (
	"maps"
	"net/netip"
)

// size is what a row needs of the tables of verdicts and of ranges.
type size struct{ verdicts, ranges int }

func (s *size) add(o size) { s.verdicts, s.ranges = s.verdicts+o.verdicts, s.ranges+o.ranges }

func (s *size) subtract(o size) { s.verdicts, s.ranges = s.verdicts-o.verdicts, s.ranges-o.ranges }

// signatureSet is the signatures that the addresses of a world have. Sets with the same members are the same pointer, if one was made after the
// other.
type signatureSet struct {
	members map[*signature]bool
	// before is the set made before this one; added and removed are the differences.
	before         *signatureSet
	added, removed []*signature
}

func (c *Compiler) signaturesOf(h *wishes) *signatureSet {
	members := maps.Clone(h.remote.signatures)
	members[c.signatures.unknown] = true
	for _, r := range h.networks.table {
		if r.means != nil {
			members[r.means] = true
		}
	}
	h.addresses(c, func(_ netip.Addr, w wanted) {
		if w.signature != nil {
			members[w.signature] = true
		}
	})
	last := c.lastSet
	if maps.Equal(last.members, members) {
		return last
	}
	set := &signatureSet{members: members, before: last}
	for s := range members {
		if !last.members[s] {
			set.added = append(set.added, s)
		}
	}
	for s := range last.members {
		if !members[s] {
			set.removed = append(set.removed, s)
		}
	}
	last.before, last.added, last.removed = nil, nil, nil
	c.lastSet = set
	return set
}

// size is how many entries the profile has for groups of these signatures.
func (c *Compiler) size(p *profile, signatures *signatureSet) size {
	switch {
	case p.sizedFor == signatures:
		return p.size
	case p.sizedFor != nil && p.sizedFor == signatures.before:
		for _, s := range signatures.added {
			p.size.add(c.sizeFor(p, s))
		}
		for _, s := range signatures.removed {
			p.size.subtract(c.sizeFor(p, s))
		}
	default:
		p.size = c.anyRow(p).size()
		for s := range signatures.members {
			p.size.add(c.sizeFor(p, s))
		}
	}
	p.sizedFor = signatures
	return p.size
}

// sizeFor is how many entries the profile has for a group of this signature.
func (c *Compiler) sizeFor(p *profile, s *signature) size {
	if r := c.row(p, s); r != c.anyRow(p) {
		return r.size()
	}
	return size{}
}
