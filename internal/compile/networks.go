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
	// ids are the networks in use that contain the region. within is the signature of kind worldKind with them, means that of an address
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

// networks returns the networks of a world and of the distinctions in use: the last ones, if they are the same.
func (c *Compiler) networks(w *World, u *uses) *networks {
	if n := c.lastNetworks; n != nil && slices.Equal(n.cluster, w.ClusterCIDRs) && slices.Equal(n.local, w.LocalCIDRs) && maps.Equal(n.uses, u.networks) {
		return n
	}
	n := &networks{cluster: slices.Clone(w.ClusterCIDRs), local: slices.Clone(w.LocalCIDRs), uses: u.networks}
	n.outside = c.region(&region{kind: worldKind})
	m := c.markers(n)
	values := map[netip.Prefix]*region{}
	for p := range m {
		values[p] = nil
	}
	n.regions, n.table = newPrefixes(values), map[netip.Prefix]*region{}
	for i := range n.regions.nodes {
		c.fill(n, i, m)
	}
	c.lastNetworks = n
	return n
}

// marker is what begins or ends at a prefix.
type marker struct {
	base         *region // a pod range: kind and closed
	begin, end   []selectorID
	withoutRange bool
}

// markers collects the prefixes of pod ranges and networks. Where a range of the cluster is also this node's, it is this node's.
func (c *Compiler) markers(n *networks) map[netip.Prefix]*marker {
	all := map[netip.Prefix]*marker{}
	at := func(p netip.Prefix) *marker {
		if all[p] == nil {
			all[p] = &marker{}
		}
		return all[p]
	}
	for _, p := range n.cluster {
		at(mapped(p)).base = &region{kind: unknownKind}
	}
	for _, p := range n.local {
		at(mapped(p)).base = &region{kind: unknownKind, closed: true}
	}
	for id := range n.uses {
		sel := c.selectors.byID[id]
		if sel.empty {
			continue
		}
		begin := at(sel.span.cidr)
		begin.begin = append(begin.begin, id)
		for _, e := range sel.span.except {
			end := at(e)
			end.end = append(end.end, id)
		}
	}
	for p := range all {
		if p.Bits() < ipv4Root.Bits() && holds(p, ipv4Root) {
			at(ipv4Root).withoutRange = true
			break
		}
	}
	return all
}

// fill makes the region of a prefix from that of the next shorter one.
func (c *Compiler) fill(n *networks, i int, markers map[netip.Prefix]*marker) {
	node := &n.regions.nodes[i]
	m, parent := markers[node.prefix], n.outside
	if node.parent >= 0 {
		parent = n.regions.nodes[node.parent].value
	}
	made, from := &region{}, parent
	if node.prefix == ipv4Root {
		from = n.outside // IPv6 prefixes hold no IPv4 address.
	}
	made.kind, made.closed = from.kind, from.closed
	if m.base != nil {
		made.kind, made.closed = m.base.kind, m.base.closed
	}
	if made.ids = from.ids; len(m.begin)+len(m.end) > 0 {
		ids := slices.Concat(from.ids, m.begin)
		slices.Sort(m.end)
		ids = slices.DeleteFunc(ids, func(id selectorID) bool { _, ends := slices.BinarySearch(m.end, id); return ends })
		slices.Sort(ids)
		made.ids = ids
	}
	node.value = c.region(made)
	if made.means != parent.means {
		n.table[node.prefix] = made
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
