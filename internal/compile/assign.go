package compile

import (
	"cmp"
	"encoding/binary"
	"maps"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// meaning is what a group says during a transition: to profiles about to go, as one text, and to all others.
type meaning struct {
	old string
	new *signature
}

// assign gives every move and opening a group: an installed one that means the right thing to all profiles, or a fresh one.
func (t *transition) assign() {
	if len(t.moves)+len(t.openings) == 0 {
		return
	}
	byMeaning, byNew := t.candidates()
	slices.SortFunc(t.moves, func(a, b move) int {
		return cmp.Or(cmp.Compare(a.from.group.id, b.from.group.id), a.address.Compare(b.address))
	})
	for _, m := range t.moves {
		t.assignMove(m, byMeaning, byNew)
	}
	slices.SortFunc(t.openings, func(a, b opening) int { return a.address.Compare(b.address) })
	for _, o := range t.openings {
		t.assignOpening(o, byNew)
	}
}

// candidates are the groups that may get members: those in force whose rows are known. Of several that mean the same, the oldest.
func (t *transition) candidates() (map[meaning]*group, map[*signature]*group) {
	byMeaning, byNew := map[meaning]*group{}, map[*signature]*group{}
	add := func(g *group) {
		m := meaning{t.oldMeaning(g), g.next}
		if byMeaning[m] == nil {
			byMeaning[m] = g
		}
		if byNew[g.next] == nil {
			byNew[g.next] = g
		}
	}
	add(t.reserved.unknown)
	add(t.reserved.world)
	for _, id := range slices.Sorted(maps.Keys(t.installed.groups)) {
		if g := t.installed.groups[id]; g.exact && g.members > 0 {
			add(g)
		}
	}
	return byMeaning, byNew
}

// oldMeaning is what the group says to profiles that are about to go.
func (t *transition) oldMeaning(g *group) string {
	var key []byte
	for _, p := range t.old {
		key = binary.BigEndian.AppendUint32(key, t.installedRow(p, g).number)
	}
	return string(key)
}

// assignMove moves the endpoint to its group while it still belongs to the same local pod; if it changes hands, it does so later.
func (t *transition) assignMove(m move, byMeaning map[meaning]*group, byNew map[*signature]*group) {
	means := meaning{t.oldMeaning(m.from.group), m.want.signature}
	g := byMeaning[means]
	if g == nil {
		g = t.freshGroup(m.want.signature, m.from.group)
		byMeaning[means] = g
		if byNew[m.want.signature] == nil {
			byNew[m.want.signature] = g
		}
	}
	t.used[g] = true
	changesHands := m.from.index != m.want.index()
	if g != m.from.group || m.absent && m.want.present {
		if changesHands {
			t.regroup.endpoints[m.address] = endpoint{g, m.from.index}
		} else {
			t.put(t.regroup, m.address, m.want, g, !m.absent)
		}
	}
	if changesHands {
		t.put(t.hand, m.address, m.want, g, true)
	}
}

func (t *transition) assignOpening(o opening, byNew map[*signature]*group) {
	g := o.want.group
	if o.want.signature != nil && (g == nil || !g.isReserved()) {
		if g = byNew[o.want.signature]; g == nil {
			g = t.freshGroup(o.want.signature, nil)
			byNew[o.want.signature] = g
		}
		t.used[g] = true
	}
	_, present := t.installed.endpoints[o.address]
	t.put(t.appear, o.address, o.want, g, present)
}

func (t *transition) freshGroup(s *signature, from *group) *group {
	n, _ := t.groupIDs.take(func(n uint32) bool { return t.installed.groups[datapath.GroupID(n)] != nil })
	g := &group{id: datapath.GroupID(n), signature: s, next: s}
	t.fresh = append(t.fresh, freshGroup{g, from})
	return g
}

// write fills in the verdicts: what new profiles say about all groups, and what all profiles say about fresh groups.
func (t *transition) write() {
	groups := []*group{t.reserved.unknown}
	for _, g := range slices.SortedFunc(maps.Keys(t.used), func(a, b *group) int { return cmp.Compare(a.id, b.id) }) {
		if !g.isReserved() {
			groups = append(groups, g)
		}
	}
	for _, p := range sortedProfiles(t.wishes.profiles()) {
		if len(p.written) == 0 {
			t.place(p, t.reserved.any, t.anyRow(p))
			for _, g := range groups {
				t.place(p, g, t.row(p, g.next))
			}
			continue
		}
		for _, g := range t.fresh {
			t.place(p, g.group, t.row(p, g.next))
		}
	}
	for _, p := range t.old {
		for _, g := range t.fresh {
			if g.from != nil {
				t.place(p, g.group, t.installedRow(p, g.from))
			}
		}
	}
}

func (t *transition) place(p *profile, g *group, r *row) {
	t.regroup.rows = append(t.regroup.rows, placedRow{p, g, r})
}
