package policy

import (
	"net/netip"
	"slices"
	"strings"
)

// Network is a set of addresses, wherever they are: also those of pods and nodes.
type Network struct {
	CIDR netip.Prefix // masked
	// Except are parts of CIDR that do not belong to the set. Masked.
	Except []netip.Prefix
}

// Contains reports whether the address belongs to the set.
func (n *Network) Contains(a netip.Addr) bool {
	return n.CIDR.Contains(a) && !slices.ContainsFunc(n.Except, func(e netip.Prefix) bool { return e.Contains(a) })
}

// String returns the canonical form: equal strings are equal sets.
func (n *Network) String() string {
	if len(n.Except) == 0 {
		return n.CIDR.String()
	}
	texts := make([]string, len(n.Except))
	for i, e := range n.Except {
		texts[i] = e.String()
	}
	slices.Sort(texts)
	return n.CIDR.String() + " except " + strings.Join(slices.Compact(texts), ", ")
}

// Prefixes returns disjoint prefixes that together are exactly the set; none: everything is cut out.
func (n *Network) Prefixes() []netip.Prefix { return cutOut(n.CIDR, n.Except) }

// cutOut takes halves until they lie in an exception or clear of all.
func cutOut(p netip.Prefix, except []netip.Prefix) []netip.Prefix {
	if slices.ContainsFunc(except, func(e netip.Prefix) bool { return e.Bits() <= p.Bits() && e.Contains(p.Addr()) }) {
		return nil
	}
	if !slices.ContainsFunc(except, p.Overlaps) {
		return []netip.Prefix{p}
	}
	low := netip.PrefixFrom(p.Addr(), p.Bits()+1)
	bytes := p.Addr().AsSlice()
	bytes[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	high, _ := netip.AddrFromSlice(bytes)
	return append(cutOut(low, except), cutOut(netip.PrefixFrom(high, p.Bits()+1), except)...)
}
