package compile

import (
	"cmp"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// interval is the ports from first to last, both included.
type interval struct{ first, last uint16 }

func (i interval) single() bool { return i.first == i.last }

// portSet is destination ports of one protocol: all, or sorted intervals that do not overlap.
type portSet struct {
	all       bool
	intervals []interval
}

func (s *portSet) add(i ...interval) { s.intervals = append(s.intervals, i...) }

// arrange sorts the intervals and joins those that overlap. Neighbours are not joined: single ports stay single.
func (s *portSet) arrange() {
	if s.all {
		s.intervals = nil
		return
	}
	slices.SortFunc(s.intervals, func(a, b interval) int { return cmp.Or(cmp.Compare(a.first, b.first), cmp.Compare(a.last, b.last)) })
	kept := s.intervals[:0]
	for _, i := range s.intervals {
		if n := len(kept); n > 0 && i.first <= kept[n-1].last {
			kept[n-1].last = max(kept[n-1].last, i.last)
			continue
		}
		kept = append(kept, i)
	}
	s.intervals = kept
}

// slots are the places of protocols in arrays, in the order of policy.Protocols.
const slots = len(policy.Protocols)

func slotOf(p policy.Protocol) int { return slices.Index(policy.Protocols[:], p) }

// rulePorts are the ports of a rule by the slot of their protocol, with the names that each destination resolves for itself.
type rulePorts struct {
	sets  [slots]portSet
	names []portName
}

func portsOf(r *policy.Rule) rulePorts {
	var ports rulePorts
	for slot := range ports.sets {
		ports.sets[slot].all = r.Ports == nil
	}
	for _, p := range r.Ports {
		slot := slotOf(p.Protocol)
		switch {
		case slot < 0 || p.Protocol == policy.OtherProtocols:
		case p.Name != "":
			ports.names = append(ports.names, portName{p.Protocol, p.Name})
		case p.Number == 0:
			ports.sets[slot].all = true
		default:
			ports.sets[slot].add(interval{p.Number, max(p.Number, p.End)})
		}
	}
	for slot := range ports.sets {
		ports.sets[slot].arrange()
	}
	return ports
}

// hasRange reports whether any interval is of more than one port.
func (p *rulePorts) hasRange() bool {
	for _, set := range p.sets {
		if slices.ContainsFunc(set.intervals, func(i interval) bool { return !i.single() }) {
			return true
		}
	}
	return false
}
