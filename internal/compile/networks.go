package compile

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// networks are the parts of all addresses that pod ranges, and the networks in use, tell apart. Each part is a prefix without the longer ones
// inside it.
type networks struct {
	regions *prefixes[*region]
	// table holds the regions that the kernel's table must have: not those that say the same as the next shorter prefix.
	table   map[netip.Prefix]*region
	outside *region // what no prefix holds

	// What they were made from.
	cluster, local []netip.Prefix
	uses           map[selectorID]bool
}

// region is one part.
type region struct {
	kind   kind
	closed bool // of this node's pods: nothing passes for an address without a pod
	// ids are the distinctions in use of whose networks one contains the region. within is the signature of kind worldKind with them, means that of an address
	// there of which nothing else is known; nil when the region is closed.
	ids           []selectorID
	within, means *signature
}

// span is a policy.Network as prefixes of 128 bits, without what has no effect: excepts outside the network or inside another except, and
// IPv4 addresses written as IPv6 ones, which no packet has.
type span struct {
	cidr   netip.Prefix
	except []netip.Prefix
}

// spanOf returns false for a network without any address.
func spanOf(n *policy.Network) (span, bool) {
	s := span{cidr: mapped(n.CIDR)}
	if n.CIDR.Addr().Is6() && isIPv4(s.cidr) {
		return span{}, false
	}
	for _, e := range n.Except {
		if e.Addr().Is4() != n.CIDR.Addr().Is4() || e.Addr().Is6() && isIPv4(mapped(e)) {
			continue
		}
		switch e := mapped(e); {
		case holds(e, s.cidr):
			return span{}, false
		case holds(s.cidr, e):
			s.except = append(s.except, e)
		}
	}
	slices.SortFunc(s.except, comparePrefixes)
	kept := s.except[:0]
	for _, e := range s.except {
		if len(kept) == 0 || !holds(kept[len(kept)-1], e) {
			kept = append(kept, e)
		}
	}
	s.except = kept
	return s, true
}

// networks returns the networks of a world and of the distinctions in use: the last ones, if they are the same. It returns false if they are too
// many for the table, or lie inside one another too deeply.
func (c *Compiler) networks(w *World, u *uses) (*networks, bool) {
	if n := c.lastNetworks; n != nil && slices.Equal(n.cluster, w.ClusterCIDRs) && slices.Equal(n.local, w.LocalCIDRs) && maps.Equal(n.uses, u.networks) {
		return n, true
	}
	n := &networks{cluster: slices.Clone(w.ClusterCIDRs), local: slices.Clone(w.LocalCIDRs), uses: u.networks, table: map[netip.Prefix]*region{}}
	n.outside = c.region(&region{kind: worldKind})
	b := &networkBuilder{c: c, networks: n, markers: map[netip.Prefix]*marker{}, counts: map[selectorID]int{}}
	b.mark()
	if len(u.networks) > 0 && len(b.markers) > c.options.MaxNetworks || !b.build() {
		return nil, false
	}
	c.lastNetworks = n
	return n, true
}

// networkBuilder goes through all prefixes, from shorter to longer ones, and counts for every distinction how many of its networks it is in.
type networkBuilder struct {
	c        *Compiler
	networks *networks
	markers  map[netip.Prefix]*marker
	counts   map[selectorID]int
	outer    map[selectorID]int // counts outside ipv4Root, while inside
	entered  []int              // the nodes around
	mentions int                // ids of all regions
}

// marker is what begins or ends at a prefix.
type marker struct {
	base       *region // a pod range: kind and closed
	begin, end []selectorID
}

func (b *networkBuilder) at(p netip.Prefix) *marker {
	if b.markers[p] == nil {
		b.markers[p] = &marker{}
	}
	return b.markers[p]
}

// mark collects the prefixes of pod ranges and networks. Where a range of the cluster is also this node's, it is this node's.
func (b *networkBuilder) mark() {
	for _, p := range b.networks.cluster {
		b.at(mapped(p)).base = &region{kind: unknownKind}
	}
	for _, p := range b.networks.local {
		b.at(mapped(p)).base = &region{kind: unknownKind, closed: true}
	}
	for id := range b.networks.uses {
		for _, one := range b.c.selectors.byID[id].networks {
			begin := b.at(one.cidr)
			begin.begin = append(begin.begin, id)
			for _, e := range one.except {
				end := b.at(e)
				end.end = append(end.end, id)
			}
		}
	}
	for p := range b.markers {
		if p.Bits() < ipv4Root.Bits() && holds(p, ipv4Root) {
			b.at(ipv4Root)
			break
		}
	}
}

// build makes the regions. It returns false if too many networks lie inside one another.
func (b *networkBuilder) build() bool {
	values := make(map[netip.Prefix]*region, len(b.markers))
	for p := range b.markers {
		values[p] = nil
	}
	b.networks.regions = newPrefixes(values)
	for i := range b.networks.regions.nodes {
		node := &b.networks.regions.nodes[i]
		for len(b.entered) > 0 && b.entered[len(b.entered)-1] != node.parent {
			b.leave()
		}
		b.enter(i, node)
		if b.mentions > depth*b.c.options.MaxNetworks {
			return false
		}
	}
	return true
}

// enter makes the region of a prefix from that of the next shorter one. IPv6 prefixes hold no IPv4 address.
func (b *networkBuilder) enter(i int, node *prefixNode[*region]) {
	b.entered = append(b.entered, i)
	m, parent := b.markers[node.prefix], b.networks.outside
	if node.parent >= 0 {
		parent = b.networks.regions.nodes[node.parent].value
	}
	from := parent
	if node.prefix == ipv4Root {
		from, b.outer, b.counts = b.networks.outside, b.counts, map[selectorID]int{}
	}
	made := &region{kind: from.kind, closed: from.closed, ids: b.count(from.ids, m)}
	if m.base != nil {
		made.kind, made.closed = m.base.kind, m.base.closed
	}
	b.mentions += len(made.ids)
	node.value = b.c.region(made)
	if made.means != parent.means {
		b.networks.table[node.prefix] = made
	}
}

// count notes what begins and ends, and returns the distinctions that then apply.
func (b *networkBuilder) count(ids []selectorID, m *marker) []selectorID {
	changed := map[selectorID]bool{}
	for _, id := range m.begin {
		if b.counts[id]++; b.counts[id] == 1 {
			changed[id] = true
		}
	}
	for _, id := range m.end {
		if b.counts[id]--; b.counts[id] == 0 {
			changed[id] = true
		}
	}
	if len(changed) == 0 {
		return ids
	}
	next := slices.DeleteFunc(slices.Clone(ids), func(id selectorID) bool { return changed[id] })
	for id := range changed {
		if b.counts[id] > 0 {
			next = append(next, id)
		}
	}
	slices.Sort(next)
	return next
}

// leave undoes the counting of the last prefix entered.
func (b *networkBuilder) leave() {
	last := len(b.entered) - 1
	p := b.networks.regions.nodes[b.entered[last]].prefix
	b.entered = b.entered[:last]
	if p == ipv4Root {
		b.counts = b.outer
		return
	}
	for _, id := range b.markers[p].begin {
		b.counts[id]--
	}
	for _, id := range b.markers[p].end {
		b.counts[id]++
	}
}

// region completes a region with its signatures.
func (c *Compiler) region(r *region) *region {
	r.within = c.signatures.of(worldKind, r.ids)
	if !r.closed {
		r.means = c.signatures.of(r.kind, r.ids)
	}
	return r
}

// at returns the region of an address.
func (n *networks) at(a netip.Addr) *region { return n.of(whole(a)) }

// of returns the region that a prefix lies in, if no prefix of a region lies inside it.
func (n *networks) of(p netip.Prefix) *region {
	if r, found := n.regions.find(p); found {
		return r
	}
	return n.outside
}
