package compile

import (
	"cmp"
	"net/netip"
	"slices"
	"sort"
)

// The kernel has one table of networks for both families, with IPv4 addresses as IPv4-mapped ones of IPv6. So have we: a prefix here is one of
// 128 bits. What is shorter than ipv4Root and contains it would, in that table, also hold IPv4 addresses, so then ipv4Root itself is there too.
var ipv4Root = netip.PrefixFrom(netip.AddrFrom16([16]byte{10: 0xff, 11: 0xff}), 96)

// mapped returns the prefix of 128 bits.
func mapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4() {
		return netip.PrefixFrom(netip.AddrFrom16(p.Addr().As16()), p.Bits()+96).Masked()
	}
	return p.Masked()
}

// unmapped is the opposite of mapped.
func unmapped(p netip.Prefix) netip.Prefix {
	if isIPv4(p) {
		return netip.PrefixFrom(p.Addr().Unmap(), p.Bits()-96)
	}
	return p
}

func isIPv4(p netip.Prefix) bool { return p.Bits() >= 96 && p.Addr().Is4In6() }

// holds reports whether a contains all of b.
func holds(a, b netip.Prefix) bool { return a.Bits() <= b.Bits() && a.Contains(b.Addr()) }

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// prefixes finds values by the longest prefix. Its cost is the logarithm of their number. It is not changed after it was made.
type prefixes[V any] struct {
	nodes []prefixNode[V] // by address; of the same address the shortest first
}

type prefixNode[V any] struct {
	prefix netip.Prefix
	parent int // the next shorter prefix that contains this one; -1: none
	value  V
}

func newPrefixes[V any](values map[netip.Prefix]V) *prefixes[V] {
	t := &prefixes[V]{nodes: make([]prefixNode[V], 0, len(values))}
	for p, v := range values {
		t.nodes = append(t.nodes, prefixNode[V]{prefix: p, value: v})
	}
	slices.SortFunc(t.nodes, func(a, b prefixNode[V]) int { return comparePrefixes(a.prefix, b.prefix) })
	last := -1
	for i := range t.nodes {
		for last >= 0 && !holds(t.nodes[last].prefix, t.nodes[i].prefix) {
			last = t.nodes[last].parent
		}
		t.nodes[i].parent = last
		last = i
	}
	return t
}

// find returns the value of the longest prefix that contains p, p itself included, and whether there is one.
func (t *prefixes[V]) find(p netip.Prefix) (value V, found bool) {
	i := sort.Search(len(t.nodes), func(i int) bool { return comparePrefixes(t.nodes[i].prefix, p) > 0 }) - 1
	for i >= 0 && !holds(t.nodes[i].prefix, p) {
		i = t.nodes[i].parent
	}
	if i < 0 {
		return value, false
	}
	return t.nodes[i].value, true
}

// whole is the prefix that contains one address only.
func whole(a netip.Addr) netip.Prefix { return netip.PrefixFrom(netip.AddrFrom16(a.As16()), 128) }
