package compile

import (
	"testing"

	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// TestSegments decides intervals of ports in random order and compares every port with an array that was filled port by port, and what the table
// must hold with what the segments say.
func TestSegments(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		port := rapid.OneOf(rapid.Uint16Range(1, 20), rapid.Uint16Range(1, 65535), rapid.Uint16Range(65520, 65535))
		sets := rapid.SliceOfN(rapid.Custom(func(t *rapid.T) *portSet {
			s := &portSet{}
			for range rapid.IntRange(0, 3).Draw(t, "intervals") {
				first, last := port.Draw(t, "first"), port.Draw(t, "last")
				s.add(interval{min(first, last), max(first, last)})
			}
			s.arrange()
			return s
		}), 0, 6).Draw(t, "sets")
		s := newSegments(sets)
		var naive [1 << 16]datapath.Verdict
		for i, set := range sets {
			v := datapath.Verdict{Rule: datapath.RuleID(1 + i%3)}
			s.decide(set.intervals, func() datapath.Verdict { return v })
			for _, in := range set.intervals {
				for n := int(in.first); n <= int(in.last); n++ {
					if naive[n].Rule == 0 {
						naive[n] = v
					}
				}
			}
		}
		rest := datapath.Verdict{Rule: datapath.RuleID(rapid.IntRange(1, 4).Draw(t, "rest"))}
		s.settle(func() datapath.Verdict { return rest })
		compareSegments(t, s, &naive, rest)
	})
}

func compareSegments(t *rapid.T, s *segments, naive *[1 << 16]datapath.Verdict, rest datapath.Verdict) {
	singles, blocks := s.entries()
	var table [1 << 16]datapath.Verdict
	for n := range table {
		table[n] = rest
	}
	for _, b := range blocks {
		for n := int(b.port); n < int(b.port)+1<<(16-b.bits); n++ {
			if table[n] != rest || b.verdict == rest {
				t.Fatalf("block %+v is inside another or says nothing", b)
			}
			table[n] = b.verdict
		}
	}
	seen := map[uint16]bool{}
	for _, one := range singles {
		if seen[one.port] || table[one.port] == one.verdict {
			t.Fatalf("single port %+v is there twice or says nothing", one)
		}
		seen[one.port], table[one.port] = true, one.verdict
	}
	for n := 1; n < len(table); n++ {
		want := naive[n]
		if want.Rule == 0 {
			want = rest
		}
		if table[n] != want {
			t.Fatalf("port %d: got %+v, want %+v\nsingles %v\nblocks %v", n, table[n], want, singles, blocks)
		}
	}
	if limit := 30 * len(s.verdicts); len(blocks) > limit {
		t.Fatalf("%d blocks for %d segments", len(blocks), len(s.verdicts))
	}
}
