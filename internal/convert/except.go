package convert

import (
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// without returns prefixes that together are exactly the network, exceptions left out: halves are taken until they lie in an exception or clear of all.
func without(n *policy.Network) []netip.Prefix { return split(n.CIDR, n.Except) }

func split(p netip.Prefix, except []netip.Prefix) []netip.Prefix {
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
	return append(split(low, except), split(netip.PrefixFrom(high, p.Bits()+1), except)...)
}
