package compile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// networkMove is a network whose addresses are open before and after, and whose group no longer fits, or which is not in the table yet.
type networkMove struct {
	prefix netip.Prefix
	from   *group
	want   *signature
	absent bool
}

// networkOpening is a network whose addresses were closed.
type networkOpening struct {
	prefix netip.Prefix
	want   *signature
}

// classifyNetworks sorts the prefixes of the old and of the new world by what happens to the addresses that no longer prefix of them holds. A prefix
// that the new world does not have stays, and says what the next shorter one says, until it is swept. So every address changes with the
// write of the longest prefix that holds it, once.
func (t *transition) classifyNetworks() {
	wanted := t.wishes.networks
	if t.networksStay() {
		return
	}
	t.stayed = &stayed{networks: wanted, version: t.installed.networksVersion, groups: map[*group]*signature{}}
	for p, r := range wanted.table {
		if _, found := t.installed.networks[p]; !found {
			t.classifyNetwork(p, t.installed.network(p, t.reserved), r, true)
		}
	}
	for p, from := range t.installed.networks {
		t.classifyNetwork(p, from, wanted.of(p), false)
	}
	if len(t.close.networks)+len(t.networkMoves)+len(t.networkOpenings) > 0 {
		t.stayed.networks = nil // They do not all stay.
	}
	if len(t.close.networks) == 0 {
		return
	}
	// What closes must not take with it what a new and longer prefix keeps open.
	for _, m := range t.networkMoves {
		if m.absent {
			t.close.networks[m.prefix] = m.from
		}
	}
}

// stayed remembers that the installed networks were right for these wanted ones, as long as these groups mean this.
type stayed struct {
	networks *networks
	version  uint64
	groups   map[*group]*signature
}

// networksStay reports whether no network moves, if that can be told without looking at them all.
func (t *transition) networksStay() bool {
	s := t.stayed
	if s == nil || s.networks != t.wishes.networks || s.version != t.installed.networksVersion {
		return false
	}
	for g, means := range s.groups {
		if !g.exact || g.next != means {
			return false
		}
	}
	for g := range s.groups {
		t.used[g] = true
	}
	return true
}

func (t *transition) classifyNetwork(p netip.Prefix, from *group, r *region, absent bool) {
	switch wasClosed := t.reserved.closed(from); {
	case r.closed && wasClosed && !absent:
	case r.closed:
		t.close.networks[p] = t.reserved.localUnknown
	case wasClosed:
		t.networkOpenings = append(t.networkOpenings, networkOpening{p, r.means})
	case from.exact && from.next == r.means && !absent:
		t.used[from] = true
		t.stayed.groups[from] = r.means
	default:
		t.networkMoves = append(t.networkMoves, networkMove{p, from, r.means, absent})
	}
}

// keep gives endpoints of their own to addresses that get one anyway, if their network changes earlier than they do: until then they must mean what
// the network means now.
func (t *transition) keep() {
	if len(t.installed.endpoints)+len(t.installed.networks) == 0 {
		return // The first world: nobody looks yet.
	}
	if t.rangesChange() {
		for _, m := range t.moves {
			if m.absent {
				t.hold.endpoints[m.address] = m.from
			}
		}
	}
	if len(t.networkOpenings) == 0 {
		return
	}
	for _, o := range t.openings {
		if _, present := t.installed.endpoints[o.address]; !present {
			t.hold.endpoints[o.address] = endpoint{t.reserved.localUnknown, 0}
		}
	}
}

// rangesChange reports whether pod ranges change. All other changes of networks are seen by no profile before it changes itself.
func (t *transition) rangesChange() bool {
	return len(t.close.networks) > 0 || slices.ContainsFunc(t.networkMoves, func(m networkMove) bool { return m.from.next.kind != m.want.kind })
}

// assignNetworks gives every network that moves or opens a group.
func (t *transition) assignNetworks(byMeaning map[meaning]*group, byNew map[*signature]*group) {
	slices.SortFunc(t.networkMoves, func(a, b networkMove) int {
		return cmp.Or(cmp.Compare(a.from.id, b.from.id), comparePrefixes(a.prefix, b.prefix))
	})
	for _, m := range t.networkMoves {
		if g := t.groupFor(m.from, m.want, byMeaning, byNew); m.absent || g != m.from {
			t.regroup.networks[m.prefix] = g
		}
	}
	slices.SortFunc(t.networkOpenings, func(a, b networkOpening) int { return comparePrefixes(a.prefix, b.prefix) })
	for _, o := range t.networkOpenings {
		t.appear.networks[o.prefix] = t.newGroup(o.want, byNew)
	}
}

// guard adds the interfaces of local pods.
func (t *transition) guard() {
	for i := range maps.Keys(t.wishes.interfaces) {
		if !t.installed.interfaces[i] {
			t.close.interfaces = append(t.close.interfaces, i)
		}
	}
}
