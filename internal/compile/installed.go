package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// installed is what the kernel holds, as far as Commit was told.
type installed struct {
	endpoints  map[netip.Addr]endpoint
	locals     map[datapath.ProfileIndex]*local
	interfaces map[uint32]bool
	networks   map[netip.Prefix]*group         // by prefixes of 128 bits
	groups     map[datapath.GroupID]*group     // found groups that have members or rows
	profiles   map[datapath.ProfileID]*profile // that have rows
	version    uint64                          // changes with endpoints
	size       size                            // entries
	// networksVersion changes with networks.
	networksVersion uint64
	table           *prefixes[*group] // networks, when they were last asked for; nil: they have changed
}

func newInstalled() *installed {
	return &installed{
		version:    1,
		endpoints:  map[netip.Addr]endpoint{},
		locals:     map[datapath.ProfileIndex]*local{},
		interfaces: map[uint32]bool{},
		networks:   map[netip.Prefix]*group{},
		groups:     map[datapath.GroupID]*group{},
		profiles:   map[datapath.ProfileID]*profile{},
	}
}

// group is addresses that no distinction in use can tell apart: endpoints, and networks for all addresses without an endpoint.
type group struct {
	id datapath.GroupID
	// signature is what the group's rows mean. For reserved groups it is fixed.
	signature *signature
	// exact: under every live profile the group's row is that of signature. Not so for a group that was made for a transition of
	// which only a part was committed; its endpoints are moved by the next one.
	exact   bool
	members int // endpoints and networks

	next *signature // scratch of one transition: what the group will mean to profiles of the new world
}

// reserved are the groups with fixed ids. They are never swept, whether they have members or not.
type reserved struct {
	any, unknown, world, localUnknown, blocked *group
}

func newReserved(s *signatures) *reserved {
	made := func(id datapath.GroupID, s *signature) *group {
		return &group{id: id, signature: s, exact: true, next: s}
	}
	return &reserved{
		any:          made(datapath.AnyGroup, s.world),
		unknown:      made(datapath.UnknownGroup, s.unknown),
		world:        made(datapath.WorldGroup, s.world),
		localUnknown: made(datapath.LocalUnknownGroup, nil),
		blocked:      made(datapath.BlockedGroup, nil),
	}
}

// closed reports whether nothing passes for the group's addresses, node traffic perhaps excepted.
func (r *reserved) closed(g *group) bool { return g == r.localUnknown || g == r.blocked }

func (g *group) isReserved() bool { return g.id < datapath.FirstGroup }

// endpoint is the word of one address.
type endpoint struct {
	group *group
	index datapath.ProfileIndex
}

// local is the word of one local pod.
type local struct {
	key             localKey
	ingress, egress *profile
	endpoints       int // that refer to it; with none it is not in force, and its index is not given out before it is swept
}

// localKey identifies a local pod's interface.
type localKey struct {
	attachment string
	index      uint32 // of the interface
}

func (l *local) word() datapath.Profile {
	return datapath.Profile{
		Ingress: l.ingress.idOf(), IngressRanges: l.ingress.hasRanges(),
		Egress: l.egress.idOf(), EgressRanges: l.egress.hasRanges(), Interface: l.key.index,
	}
}

// live returns the profiles in force.
func (i *installed) live() map[*profile]bool {
	live := map[*profile]bool{}
	for _, l := range i.locals {
		if l.endpoints == 0 {
			continue
		}
		if l.ingress != nil {
			live[l.ingress] = true
		}
		if l.egress != nil {
			live[l.egress] = true
		}
	}
	return live
}

// put writes the word of an address and keeps the counts.
func (i *installed) put(a netip.Addr, e endpoint) {
	i.drop(a)
	i.endpoints[a] = e
	e.group.members++
	if l := i.locals[e.index]; l != nil {
		l.endpoints++
	}
}

// putNetwork writes a network and keeps the counts.
func (i *installed) putNetwork(p netip.Prefix, g *group) {
	i.dropNetwork(p)
	i.networks[p] = g
	g.members++
}

func (i *installed) dropNetwork(p netip.Prefix) {
	if old, found := i.networks[p]; found {
		delete(i.networks, p)
		old.members--
	}
	i.table = nil
	i.networksVersion++
}

// network returns the group of the addresses of a prefix that have no endpoint, as far as no longer prefix speaks for them.
func (i *installed) network(p netip.Prefix, r *reserved) *group {
	if i.table == nil {
		i.table = newPrefixes(i.networks)
	}
	if g, found := i.table.find(p); found {
		return g
	}
	return r.world
}

// around returns the group of the next shorter prefix.
func (i *installed) around(p netip.Prefix, r *reserved) *group {
	if p.Bits() == 0 {
		return r.world
	}
	shorter := netip.PrefixFrom(p.Addr(), p.Bits()-1).Masked()
	return i.network(shorter, r)
}

func (i *installed) drop(a netip.Addr) {
	i.version++
	old, found := i.endpoints[a]
	if !found {
		return
	}
	delete(i.endpoints, a)
	old.group.members--
	if l := i.locals[old.index]; l != nil {
		l.endpoints--
	}
}
