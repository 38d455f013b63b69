package compile

import (
	"maps"
	"net/netip"
)

// transition is the way from the installed state to a new world. Its steps keep one promise: while they are applied in order, write by
// write, each direction of each flow is judged as before or as afterwards.
//
//	hold       addresses whose network is about to change get an endpoint that says what the network says; disputed ones are blocked.
//	join       addresses become this node's, and so reach every pod. (Blocked ones not even they reach; local ones without a pod they do.)
//	close      addresses that must not be used any more. Whatever they were, from here on nothing passes.
//	regroup    all verdicts are written; then networks and endpoints move to groups that mean to profiles about to go what the old group
//	           meant, and to all others what the new world says. So no pod that changes its policies notices; a pod that keeps its policies
//	           sees the endpoint change once.
//	reprofile  local pods get their new profiles, each by one word. All groups mean the new world to them.
//	hand       addresses that stay open change hands: from one local pod to another, to or from a pod elsewhere.
//	appear     addresses that were closed are opened. Everything that they can reach, or that can reach them, is as it will be, except:
//	part       addresses are this node's no more.
//	unblock    addresses that were blocked are opened.
//
// One thing is not kept apart: while an address becomes, or ceases to be, this node's, and in the same transition another one in this node's pod
// range gets or loses its pod, the two may reach each other for a moment as a node and a range without pods do.
type transition struct {
	*Compiler
	wishes *wishes

	hold, join, close, regroup, reprofile, hand, appear, part, unblock *step

	moves    []move // open endpoints whose group no longer fits, also those that stay open but change hands
	openings []opening
	// The same for networks.
	networkMoves    []networkMove
	networkOpenings []networkOpening
	// left are the installed profiles that some pod leaves.
	left map[*profile]bool
	// old are the profiles of left that the new world does not use: to them endpoints must keep their old meaning.
	old []*profile
	// fresh are the groups made here, with the group that each was made from (nil: from nothing, for openings).
	fresh []freshGroup
	// used are the groups that have endpoints or networks when all is done.
	used     map[*group]bool
	lastUsed *group
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
		hold: newStep(), join: newStep(), part: newStep(), unblock: newStep(), close: newStep(), regroup: newStep(), reprofile: newStep(), hand: newStep(), appear: newStep(),
		left: map[*profile]bool{}, used: map[*group]bool{},
	}
}

// classify sorts addresses by what happens to them.
func (t *transition) classify() {
	seen := 0
	t.wishes.addresses(t.Compiler, func(a netip.Addr, want wanted) {
		from, present := t.installed.endpoints[a]
		if present {
			seen++
		}
		t.classifyAddress(a, want, from, present)
	})
	shadowed := t.shadowed()
	for i := range t.wishes.remote.addresses {
		p := &t.wishes.remote.addresses[i]
		if len(shadowed) > 0 && shadowed[p.address] {
			continue
		}
		if p.version != t.installed.version {
			p.from, p.present = t.installed.endpoints[p.address]
			p.version = t.installed.version
		}
		if p.present {
			seen++
		}
		t.classifyAddress(p.address, p.want, p.from, p.present)
	}
	if seen == len(t.installed.endpoints) {
		return
	}
	for a := range t.installed.endpoints {
		if !t.wishes.claimed(a) {
			t.classifyAddress(a, t.absent(t.wishes.networks.at(a)), t.installed.endpoints[a], true)
		}
	}
}

// shadowed returns the remote addresses that are also this node's or an attachment's, which count more.
func (t *transition) shadowed() map[netip.Addr]bool {
	set := map[netip.Addr]bool{}
	for a := range t.wishes.nodes {
		set[a] = t.wishes.remote.has(a)
	}
	for a := range t.wishes.here {
		set[a] = t.wishes.remote.has(a)
	}
	maps.DeleteFunc(set, func(_ netip.Addr, remote bool) bool { return !remote })
	return set
}

// classifyAddress sorts an address that has an endpoint now, if present, namely from.
func (t *transition) classifyAddress(a netip.Addr, want wanted, from endpoint, present bool) {
	if !present {
		if !want.present {
			return // That is its network's business.
		}
		from.group = t.installed.network(whole(a), t.reserved)
	}
	wasClosed, becomesClosed := t.reserved.closed(from.group), want.closed != nil
	switch {
	case becomesClosed && want.closed == from.group && want.present == present:
		// Closed before and after.
	case becomesClosed && want.closed == t.reserved.blocked:
		t.hold.endpoints[a] = endpoint{want.closed, 0}
	case becomesClosed && (!wasClosed || !present):
		t.shut(a, want)
	case becomesClosed, wasClosed:
		t.openings = append(t.openings, opening{a, want})
	case t.stays(from, present, want):
		t.use(from.group)
	default:
		t.moves = append(t.moves, move{a, from, want, !present})
	}
}

// use notes that the group has endpoints or networks when all is done.
func (t *transition) use(g *group) {
	if g != t.lastUsed {
		t.used[g], t.lastUsed = true, g
	}
}

// shut closes an address at once.
func (t *transition) shut(a netip.Addr, want wanted) {
	if want.present {
		t.close.endpoints[a] = endpoint{want.closed, 0}
	} else {
		t.close.noEndpoints = append(t.close.noEndpoints, a)
	}
}

// stays reports whether an open endpoint is right as it is. One that should be absent may stay as long as its group says the
// same; the sweep takes it away.
func (t *transition) stays(from endpoint, present bool, want wanted) bool {
	return from.group.exact && from.group.next == want.signature && from.index == want.index() && (present || !want.present)
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
	for _, m := range t.networkMoves {
		if t.installedRow(p, m.from) != t.row(p, m.want) {
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

// profiles are those that local pods have in the new world.
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
