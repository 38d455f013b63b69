package compile

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// segments are the ports of one protocol, cut wherever a rule begins or ends, with what has been decided about them so far. A verdict without a
// rule is none yet. The cost of deciding is that of reading every interval once.
type segments struct {
	starts   []uint32 // sorted; one more than there are segments
	verdicts []datapath.Verdict
	// next leads from a segment to the first one, from there on, that is open: neither decided nor left to the next tier.
	next []int
	rest datapath.Verdict // of the ports that no rule mentions
}

func newSegments(sets []*portSet) *segments {
	s := &segments{}
	for _, set := range sets {
		for _, i := range set.intervals {
			s.starts = append(s.starts, uint32(i.first), uint32(i.last)+1)
		}
	}
	slices.Sort(s.starts)
	s.starts = slices.Compact(s.starts)
	s.verdicts = make([]datapath.Verdict, max(0, len(s.starts)-1))
	s.next = make([]int, len(s.verdicts)+1)
	s.beginTier()
	return s
}

// beginTier opens what has no verdict.
func (s *segments) beginTier() {
	for i := range s.next {
		s.next[i] = i
		if i < len(s.verdicts) && s.verdicts[i].Rule != 0 {
			s.next[i] = i + 1
		}
	}
}

// open returns the first open segment from i on.
func (s *segments) open(i int) int {
	first := i
	for s.next[first] != first {
		first = s.next[first]
	}
	for s.next[i] != first {
		i, s.next[i] = s.next[i], first
	}
	return first
}

// decide gives the verdict to what is open of the intervals; without a verdict it leaves that to the next tier.
func (s *segments) decide(intervals []interval, verdict func() datapath.Verdict) {
	for _, in := range intervals {
		at, _ := slices.BinarySearch(s.starts, uint32(in.first))
		for i := s.open(at); i < len(s.verdicts) && s.starts[i] <= uint32(in.last); i = s.open(i) {
			if verdict != nil {
				s.verdicts[i] = verdict()
			}
			s.next[i] = i + 1
		}
	}
}

// settle gives the verdict to everything that is open.
func (s *segments) settle(verdict func() datapath.Verdict) {
	for i := s.open(0); i < len(s.verdicts); i = s.open(i) {
		s.verdicts[i] = verdict()
		s.next[i] = i + 1
	}
	if s.rest.Rule == 0 {
		s.rest = verdict()
	}
}

// portEntry is the verdict of one port, blockEntry that of the ports that share their first bits.
type portEntry struct {
	port    uint16
	verdict datapath.Verdict
}

type blockEntry struct {
	port    uint16
	bits    uint8
	verdict datapath.Verdict
}

// run is neighbouring ports of one verdict. Single ports in between may have another: the table asks for single ports first.
type run struct {
	first, last uint32
	verdict     datapath.Verdict
	singles     map[uint32]datapath.Verdict // of another verdict, also after last
}

// entries returns what the table must hold for ports that have another verdict than the rest: single ports, and blocks of ports.
func (s *segments) entries() (singles []portEntry, blocks []blockEntry) {
	r := &run{verdict: s.rest, singles: map[uint32]datapath.Verdict{}}
	for i, v := range s.verdicts {
		first, last := s.starts[i], s.starts[i+1]-1
		switch {
		case v == r.verdict:
			r.last = last
		case first == last:
			r.singles[first] = v
		default:
			singles, blocks = r.emit(s.rest, singles, blocks)
			r = &run{first: first, last: last, verdict: v, singles: map[uint32]datapath.Verdict{}}
		}
	}
	singles, blocks = r.emit(s.rest, singles, blocks)
	slices.SortFunc(singles, func(a, b portEntry) int { return int(a.port) - int(b.port) })
	return singles, blocks
}

// emit writes out the run: ports inside it that differ from it, ports after it that differ from the rest, and, if it differs from the rest itself,
// the blocks that it is made of.
func (r *run) emit(rest datapath.Verdict, singles []portEntry, blocks []blockEntry) ([]portEntry, []blockEntry) {
	for port, v := range r.singles {
		if v != rest || r.verdict != rest && port <= r.last {
			singles = append(singles, portEntry{uint16(port), v})
		}
	}
	if r.verdict == rest {
		return singles, blocks
	}
	first := r.first
	if first == 1 {
		first = 0 // Blocks are not asked about port 0, and larger ones are fewer.
	}
	for first <= r.last {
		size := uint32(1)
		for bits := size * 2; first%bits == 0 && first+bits-1 <= r.last && bits <= 1<<15; bits *= 2 {
			size = bits
		}
		if _, differs := r.singles[first]; size > 1 {
			blocks = append(blocks, blockEntry{uint16(first), bitsOf(size), r.verdict})
		} else if !differs {
			singles = append(singles, portEntry{uint16(first), r.verdict})
		}
		first += size
	}
	return singles, blocks
}

// bitsOf returns how many leading bits the ports of a block of this size share.
func bitsOf(size uint32) uint8 {
	bits := uint8(16)
	for ; size > 1; size /= 2 {
		bits--
	}
	return bits
}
