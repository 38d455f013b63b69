package compile

import (
	"maps"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// transition is the way from the installed state to a new world. Its steps keep one promise: while they are applied in order, write by
// write, each direction of each flow is judged as before or as afterwards.
//
//	close      addresses that must not be used any more. Whatever they were, from here on nothing passes.
//	regroup    all verdicts are written; then endpoints move to groups that mean to profiles about to go what the old group
//	           meant, and to all others what the new world says. So no pod that changes its policies notices; a pod that keeps its policies
//	           sees the endpoint change once.
//	reprofile  local pods get their new profiles, each by one word. All groups mean the new world to them.
//	hand       addresses that stay open change hands: from one local pod to another, to or from a pod elsewhere.
//	appear     addresses that were closed are opened. Everything that they can reach, or that can reach them, is as it will be.
type transition struct {
	*Compiler
	wishes *wishes
	uses   *uses

	close, regroup, reprofile, hand, appear *step

	moves    []move // open endpoints whose group no longer fits, also those that stay open but change hands
	openings []opening
	// left are the installed profiles that some pod leaves.
	left map[*profile]bool
	// old are the profiles of left that the new world does not use: to them endpoints must keep their old meaning.
	old []*profile
	// fresh are the groups made here, with the group that each was made from (nil: from nothing, for openings).
	fresh []freshGroup
	// used are the groups that have endpoints when all is done.
	used map[*group]bool
}

// move is an endpoint that is open before and after.
type move struct {
	address netip.Addr
	from    endpoint
	want    wanted
	// absent: it has no entry before; from is the group of its network.
	absent bool
}

// opening is an endpoint that is opened at the end.
type opening struct {
	address netip.Addr
	want    wanted
}

type freshGroup struct {
	*group
	from *group
}

func (c *Compiler) newTransition(h *wishes) *transition {
	return &transition{
		Compiler: c, wishes: h,
		close: newStep(), regroup: newStep(), reprofile: newStep(), hand: newStep(), appear: newStep(),
		left: map[*profile]bool{}, used: map[*group]bool{},
	}
}

// classify sorts addresses by what happens to them.
func (t *transition) classify() {
	old := sortNetworks(t.installed.networks)
	seen := 0
	t.wishes.addresses(func(a netip.Addr, want wanted) {
		if t.classifyAddress(a, want, old) {
			seen++
		}
	}, t.reserved)
	if seen == len(t.installed.endpoints) {
		return
	}
	for a := range t.installed.endpoints {
		if !t.wishes.claimed(a) {
			t.classifyAddress(a, t.wishes.unclaimed(a, t.reserved), old)
		}
	}
}

// classifyAddress reports whether the address has an endpoint now.
func (t *transition) classifyAddress(a netip.Addr, want wanted, networks networks) bool {
	from, present := t.installed.endpoints[a]
	if !present {
		from.group = networks.group(a, t.reserved)
	}
	r := t.reserved
	wasClosed, becomesClosed := r.closed(from.group), r.closed(want.group)
	switch {
	case want.signature == nil && want.group == from.group && want.present == present:
		// Closed or the node's, before and after.
	case becomesClosed && (!wasClosed || want.group == r.blocked):
		t.put(t.close, a, want, want.group, present)
	case becomesClosed, wasClosed, want.group == r.node, from.group == r.node:
		t.openings = append(t.openings, opening{a, want})
	case t.stays(from, present, want):
		t.used[from.group] = true
	default:
		t.moves = append(t.moves, move{a, from, want, !present})
	}
	return present
}

// stays reports whether an open endpoint is right as it is. One that should be absent may stay as long as its group says the
// same; the sweep takes it away.
func (t *transition) stays(from endpoint, present bool, want wanted) bool {
	return from.group.exact && from.group.next == want.signature && from.index == want.index() && (present || !want.present)
}

func (w *wanted) index() datapath.ProfileIndex {
	if w.local == nil {
		return 0
	}
	return w.local.index
}

// put adds the endpoint that is wanted, in the group g, to a step; a reserved group for an absent endpoint means no entry.
func (t *transition) put(s *step, a netip.Addr, want wanted, g *group, present bool) {
	if want.present || !g.isReserved() {
		s.endpoints[a] = endpoint{g, want.index()}
	} else if present {
		s.noEndpoints = append(s.noEndpoints, a)
	}
}

// leave finds the profiles that pods leave. (Pods that are closed first leave theirs unnoticed.)
func (t *transition) leave() {
	for _, m := range t.moves {
		if m.from.index != m.want.index() {
			t.leaveBoth(t.installed.locals[m.from.index])
		}
	}
	for _, o := range t.openings {
		if e, found := t.installed.endpoints[o.address]; found && e.index != o.want.index() {
			t.leaveBoth(t.installed.locals[e.index])
		}
	}
	for _, w := range t.wishes.locals {
		l := t.installed.locals[w.index]
		if !w.kept {
			continue
		}
		if l.ingress != w.ingress {
			t.left[l.ingress] = true
		}
		if l.egress != w.egress {
			t.left[l.egress] = true
		}
	}
	delete(t.left, nil)
}

func (t *transition) leaveBoth(l *local) {
	if l != nil {
		t.left[l.ingress], t.left[l.egress] = true, true
	}
}

// separate renews the profiles that some pods leave and others have in the new world, where a move would be seen differently by the two:
// no single table entry could be right for both.
func (t *transition) separate() {
	for _, p := range sortedProfiles(t.left) {
		if t.inNewWorld(p) && t.tellsApart(p) {
			renewed := t.renew(p)
			for _, w := range t.wishes.locals {
				if w.ingress == p {
					w.ingress = renewed
				}
				if w.egress == p {
					w.egress = renewed
				}
			}
		}
	}
	for _, p := range sortedProfiles(t.left) {
		if !t.inNewWorld(p) {
			t.old = append(t.old, p)
		}
	}
}

func (t *transition) inNewWorld(p *profile) bool {
	for _, w := range t.wishes.locals {
		if w.ingress == p || w.egress == p {
			return true
		}
	}
	return false
}

func (t *transition) tellsApart(p *profile) bool {
	for _, m := range t.moves {
		if t.installedRow(p, m.from.group) != t.row(p, m.want.signature) {
			return true
		}
	}
	return false
}

// installedRow is what the kernel finds for a group under an installed profile.
func (t *transition) installedRow(p *profile, g *group) *row {
	if r := p.written[g]; r != nil {
		return r
	}
	return t.anyRow(p)
}

// newProfiles are the profiles of the new world.
func (h *wishes) profiles() map[*profile]bool {
	set := map[*profile]bool{}
	for _, w := range h.locals {
		set[w.ingress], set[w.egress] = true, true
	}
	delete(set, nil)
	return set
}

// switchOver fills the step that gives local pods their new profiles.
func (t *transition) switchOver() {
	for _, w := range t.wishes.locals {
		l := t.installed.locals[w.index]
		if w.kept && l.ingress == w.ingress && l.egress == w.egress {
			continue
		}
		t.reprofile.locals[w.index] = &local{key: w.key, ingress: w.ingress, egress: w.egress}
	}
}

// surround fills in what stands beside endpoints: networks and interfaces. Ranges that become closed do so first, all others change
// last.
func (t *transition) surround() {
	for _, n := range t.wishes.networks {
		switch old, found := t.installed.networks[n.prefix]; {
		case found && old == n.id:
		case n.id == datapath.LocalUnknownGroup:
			t.close.networks[n.prefix] = n.id
		default:
			t.appear.networks[n.prefix] = n.id
		}
	}
	wanted := map[netip.Prefix]bool{}
	for _, n := range t.wishes.networks {
		wanted[n.prefix] = true
	}
	for prefix := range t.installed.networks {
		if !wanted[prefix] {
			t.appear.noNetworks = append(t.appear.noNetworks, prefix)
		}
	}
	for i := range maps.Keys(t.wishes.interfaces) {
		if !t.installed.interfaces[i] {
			t.close.interfaces = append(t.close.interfaces, i)
		}
	}
}
