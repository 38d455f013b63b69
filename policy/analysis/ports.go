package analysis

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Range is the ports from First to Last, both included. Ports are 1 to 65535.
type Range struct{ First, Last uint16 }

// Ports is a set of (protocol, destination port), with policy.OtherProtocols as a member of its own. The zero value is empty. Values are not
// changed; equal sets are Equal.
type Ports struct {
	ranges [3][]Range // by the index of the protocol in numbered: sorted, disjoint, not adjacent
	other  bool
}

const lastPort = 65535

// numbered are the protocols that have ports, in the order in which people are told of them.
var numbered = [...]policy.Protocol{policy.TCP, policy.UDP, policy.SCTP}

// AllPorts returns the set of every port of every protocol, and the other protocols.
func AllPorts() Ports {
	p := Ports{other: true}
	for i := range p.ranges {
		p.ranges[i] = []Range{{1, lastPort}}
	}
	return p
}

// PortRange returns the set of the ports from first to last, both included; for policy.OtherProtocols the set of these protocols.
func PortRange(protocol policy.Protocol, first, last uint16) Ports {
	var p Ports
	i := slices.Index(numbered[:], protocol)
	if i < 0 {
		p.other = true
		return p
	}
	if first <= last {
		p.ranges[i] = []Range{{max(first, 1), last}}
	}
	return p
}

// Ranges returns the ports of TCP, UDP or SCTP: sorted, and neither overlapping nor adjacent. The caller must not change them.
func (p Ports) Ranges(protocol policy.Protocol) []Range {
	if i := slices.Index(numbered[:], protocol); i >= 0 {
		return p.ranges[i]
	}
	return nil
}

// Contains reports whether the port belongs to the set; for policy.OtherProtocols the port does not matter.
func (p Ports) Contains(protocol policy.Protocol, port uint16) bool {
	i := slices.Index(numbered[:], protocol)
	if i < 0 {
		return p.other
	}
	return contains(p.ranges[i], int(port))
}

func contains(ranges []Range, port int) bool {
	for _, r := range ranges {
		if int(r.First) <= port && port <= int(r.Last) {
			return true
		}
	}
	return false
}

// IsEmpty reports whether nothing belongs to the set.
func (p Ports) IsEmpty() bool { return p.Equal(Ports{}) }

// Equal reports whether both are the same set.
func (p Ports) Equal(o Ports) bool {
	for i := range p.ranges {
		if !slices.Equal(p.ranges[i], o.ranges[i]) {
			return false
		}
	}
	return p.other == o.other
}

// Union returns what belongs to either set.
func (p Ports) Union(o Ports) Ports { return p.combine(o, func(a, b bool) bool { return a || b }) }

// Minus returns what belongs to this set and not to the other one.
func (p Ports) Minus(o Ports) Ports { return p.combine(o, func(a, b bool) bool { return a && !b }) }

// combine keeps what keep says; keep(false, false) must be false.
func (p Ports) combine(o Ports, keep func(a, b bool) bool) Ports {
	combined := Ports{other: keep(p.other, o.other)}
	for i := range p.ranges {
		combined.ranges[i] = combineRanges(p.ranges[i], o.ranges[i], keep)
	}
	return combined
}

func combineRanges(a, b []Range, keep func(a, b bool) bool) []Range {
	starts := []int{1}
	for _, ranges := range [...][]Range{a, b} {
		for _, r := range ranges {
			starts = append(starts, int(r.First), int(r.Last)+1)
		}
	}
	var kept []Range
	for _, s := range segments(starts) {
		if keep(contains(a, int(s.First)), contains(b, int(s.First))) {
			kept = appendRange(kept, s)
		}
	}
	return kept
}

// segments returns the ranges that begin at the starts and together are all ports. One of the starts must be 1.
func segments(starts []int) []Range {
	slices.Sort(starts)
	starts = slices.Compact(starts)
	var list []Range
	for i, start := range starts {
		if start > lastPort {
			break
		}
		last := lastPort
		if i+1 < len(starts) {
			last = min(last, starts[i+1]-1)
		}
		list = append(list, Range{uint16(start), uint16(last)})
	}
	return list
}

// appendRange appends a range that lies after all others, and joins it to the last one where they touch.
func appendRange(ranges []Range, r Range) []Range {
	if n := len(ranges); n > 0 && int(ranges[n-1].Last)+1 == int(r.First) {
		ranges[n-1].Last = r.Last
		return ranges
	}
	return append(ranges, r)
}
