package policy

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"
)

// TestPrefixes: an address of the network lies in one of its prefixes, and any other in none.
func TestPrefixes(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		n := &Network{CIDR: netip.MustParsePrefix(rapid.SampledFrom([]string{"10.0.0.0/28", "10.0.0.0/8", "fd00::/124"}).Draw(t, "cidr"))}
		address := func(name string) netip.Addr {
			a := n.CIDR.Addr()
			for range rapid.IntRange(0, 20).Draw(t, name) {
				a = a.Next()
			}
			return a
		}
		for range rapid.IntRange(0, 3).Draw(t, "exceptions") {
			bits := n.CIDR.Addr().BitLen() - rapid.IntRange(0, 3).Draw(t, "host bits")
			n.Except = append(n.Except, netip.PrefixFrom(address("exception"), bits).Masked())
		}
		a, parts, holding := address("address"), n.Prefixes(), 0
		for _, p := range parts {
			if p.Contains(a) {
				holding++
			}
		}
		want := 0
		if n.Contains(a) {
			want = 1
		}
		if holding != want {
			t.Errorf("%s lies in %d of %v, want %d: they are to be %v", a, holding, parts, want, n)
		}
	})
}
