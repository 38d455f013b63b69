package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// redundant finds rules that another rule makes superfluous because it does the same to all that they match, and peers and ports that another one of
// their rule contains.
func (v *view) redundant() []Finding {
	var found []Finding
	for l := range v.lines() {
		rivals := v.rivals(l)
		// Of two rules that do the same the second is superfluous.
		i := slices.IndexFunc(rivals, func(by line) bool { return v.replaces(by, l) && (by.place < l.place || !v.covers(l, by)) })
		if i >= 0 {
			found = append(found, superfluous(l, rivals[i]))
			continue
		}
		found = append(found, v.redundantPeers(l)...)
		found = append(found, redundantPorts(l)...)
	}
	return found
}

func superfluous(l, by line) Finding {
	message := fmt.Sprintf("the rule (%s) is redundant: %s (%s) does the same", l.Words(l.direction), nameOf(by), by.Words(by.direction))
	return l.finding(l.Field, message, "remove the rule")
}

// replaces reports whether without l the other line would do the same to all that l matches.
func (v *view) replaces(by, l line) bool {
	if by.Rule == l.Rule || by.Action != l.Action || !v.covers(by, l) {
		return false
	}
	if by.policy.Tier == policy.NetworkPolicy && l.policy.Tier == policy.NetworkPolicy {
		return true
	}
	return v.decidesBefore(by, l)
}

// redundantPeers: of two equal peers the second is superfluous.
func (v *view) redundantPeers(l line) []Finding {
	var found []Finding
	confused := v.confused(l)
	for i, p := range l.Peers {
		for j, by := range l.Peers {
			if i == j || confused[i] || confused[j] || !v.coversPeer(by, p) || j > i && v.coversPeer(p, by) {
				continue
			}
			message := fmt.Sprintf("the peer (%s) is redundant: another peer of the rule (%s) contains it", p.Words(), by.Words())
			found = append(found, l.finding(p.Field, message, "remove the peer"))
			break
		}
	}
	return found
}

func redundantPorts(l line) []Finding {
	var found []Finding
	all := entries(l.Ports)
	for i, p := range all {
		for j, by := range all {
			if i == j || !coversPorts(by, p) || j > i && coversPorts(p, by) {
				continue
			}
			message := fmt.Sprintf("the port (%s) is redundant: another port of the rule (%s) contains it", p[0], by[0])
			found = append(found, l.finding(p[0].Field, message, "remove the port"))
			break
		}
	}
	return found
}

// entries puts together the ports that were written as one: a destinationNamedPort of a cluster policy is a port of each protocol.
func entries(ports []policy.Port) [][]policy.Port {
	var all [][]policy.Port
	for i, p := range ports {
		if i > 0 && p.Field == ports[i-1].Field {
			all[len(all)-1] = append(all[len(all)-1], p)
		} else {
			all = append(all, []policy.Port{p})
		}
	}
	return all
}
