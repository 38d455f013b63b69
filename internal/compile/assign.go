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
	if len(t.moves)+len(t.openings)+len(t.networkMoves)+len(t.networkOpenings) == 0 {
		return
	}
	byMeaning, byNew := t.candidates()
	t.assignNetworks(byMeaning, byNew)
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
	add(t.reserved.world)
	add(t.reserved.unknown)
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

// groupFor returns a group that means to profiles about to go what this one means, and to all others what the signature says.
func (t *transition) groupFor(from *group, s *signature, byMeaning map[meaning]*group, byNew map[*signature]*group) *group {
	means := meaning{t.oldMeaning(from), s}
	g := byMeaning[means]
	if g == nil {
		g = t.freshGroup(s, from)
		byMeaning[means] = g
		if byNew[s] == nil {
			byNew[s] = g
		}
	}
	t.used[g] = true
	return g
}

// newGroup returns a group that means what the signature says to profiles of the new world.
func (t *transition) newGroup(s *signature, byNew map[*signature]*group) *group {
	g := byNew[s]
	if g == nil {
		g = t.freshGroup(s, nil)
		byNew[s] = g
	}
	t.used[g] = true
	return g
}

// assignMove moves the endpoint to its group while it still belongs to the same local pod; if it changes hands, it does so later. An address
// that becomes this node's does so before all others, and one that is so no more does so after them: meanwhile it reaches every pod, as in one of
// the two worlds.
func (t *transition) assignMove(m move, byMeaning map[meaning]*group, byNew map[*signature]*group) {
	g := t.groupFor(m.from.group, m.want.signature, byMeaning, byNew)
	changesHands := m.from.index != m.want.index()
	switch {
	case !changesHands:
		t.put(t.regroup, m, g)
	case m.want.node:
		t.join.endpoints[m.address] = endpoint{m.from.group, datapath.NodeIndex}
		if g != m.from.group {
			t.put(t.regroup, m, g)
		}
	default:
		if g != m.from.group {
			t.regroup.endpoints[m.address] = endpoint{g, m.from.index}
		}
		hand := t.hand
		if m.from.index == datapath.NodeIndex {
			hand = t.part
		}
		t.put(hand, m, g)
	}
}

// put adds the endpoint that is wanted, in the group g, to a step. One that is not wanted any more goes at once only if its network is in the same
// group (and if that moves, then to one that means the same); otherwise it stays for the sweep.
func (t *transition) put(s *step, m move, g *group) {
	if !m.want.present && t.installed.network(whole(m.address), t.reserved) == g {
		s.noEndpoints = append(s.noEndpoints, m.address)
		return
	}
	s.endpoints[m.address] = endpoint{g, m.want.index()}
}

// assignOpening opens an address. All networks are by then as they will be.
func (t *transition) assignOpening(o opening, byNew map[*signature]*group) {
	g, from, step := o.want.closed, t.installed.endpoints[o.address], t.appear
	if from.group == t.reserved.blocked {
		step = t.unblock
	}
	switch present := from.group != nil; {
	case !o.want.present && present:
		step.noEndpoints = append(step.noEndpoints, o.address)
		return
	case !o.want.present:
		return
	case g == nil:
		g = t.newGroup(o.want.signature, byNew)
	}
	step.endpoints[o.address] = endpoint{g, o.want.index()}
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
			any := t.anyRow(p)
			t.place(p, t.reserved.any, any)
			for _, g := range groups {
				if r := t.row(p, g.next); r != any {
					t.place(p, g, r)
				}
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
