package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"
)

// roots are all addresses.
var roots = [...]netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}

// regions returns the parts into which the networks that the worlds' policies mention cut all addresses, without those of pods and nodes. Parts that
// no network tells apart are one region; only the one that no network contains can have both families.
func regions(views []*view, taken map[netip.Addr]bool) []*endpoint {
	cuts := slices.Clone(roots[:])
	for _, v := range views {
		for _, n := range v.networks {
			cuts = append(append(cuts, n.CIDR), n.Except...)
		}
	}
	slices.SortFunc(cuts, comparePrefix)
	cuts = slices.Compact(cuts)
	var list []*endpoint
	byNetworks := map[string]*endpoint{}
	for i, p := range cuts {
		a, found := free(p, cuts[i+1:], taken)
		if !found {
			continue
		}
		var b strings.Builder
		for _, v := range views {
			v.writeNetworks(&b, a)
			b.WriteByte(';')
		}
		e := byNetworks[b.String()]
		if e == nil {
			e = &endpoint{kind: Outside, key: "region " + p.String()}
			byNetworks[b.String()] = e
			list = append(list, e)
		}
		e.parts = append(e.parts, p)
		if f := familyOf(a); !e.addresses[f].IsValid() {
			e.addresses[f] = a
		}
	}
	return list
}

// comparePrefix orders prefixes so that those within another one follow it at once, the widest first.
func comparePrefix(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

// free returns an address of the prefix that lies in none of the later prefixes and is not taken.
func free(p netip.Prefix, later []netip.Prefix, taken map[netip.Addr]bool) (netip.Addr, bool) {
	a := p.Addr()
	for a.IsValid() && p.Contains(a) {
		for len(later) > 0 && lastOf(later[0]).Less(a) {
			later = later[1:]
		}
		switch {
		case len(later) > 0 && later[0].Contains(a):
			a = lastOf(later[0]).Next()
		case taken[a]:
			a = a.Next()
		default:
			return a, true
		}
	}
	return netip.Addr{}, false
}

// lastOf returns the last address of a prefix.
func lastOf(p netip.Prefix) netip.Addr {
	bytes := p.Addr().AsSlice()
	for bit := p.Bits(); bit < 8*len(bytes); bit++ {
		bytes[bit/8] |= 0x80 >> (bit % 8)
	}
	a, _ := netip.AddrFromSlice(bytes)
	return a
}
