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
	for r := range v.rules() {
		rivals := v.rivals(r)
		// Of two rules that do the same the second is superfluous.
		i := slices.IndexFunc(rivals, func(by rule) bool { return v.replaces(by, r) && (by.place < r.place || !v.covers(r, by)) })
		if i >= 0 {
			found = append(found, superfluous(r, rivals[i]))
			continue
		}
		found = append(found, v.redundantPeers(r)...)
		found = append(found, redundantPorts(r)...)
	}
	return found
}

func superfluous(r, by rule) Finding {
	message := fmt.Sprintf("the rule (%s) is redundant: %s (%s) does the same", r.Words(r.direction), nameOf(by), by.Words(by.direction))
	return r.finding(r.Field, message, "remove the rule")
}

// replaces reports whether without r the other rule would do the same to all that r matches.
func (v *view) replaces(by, r rule) bool {
	if by.Rule == r.Rule || by.Action != r.Action || !v.covers(by, r) {
		return false
	}
	if by.policy.Tier == policy.NetworkPolicy && r.policy.Tier == policy.NetworkPolicy {
		return true
	}
	return v.decidesBefore(by, r)
}

// redundantPeers: of two equal peers the second is superfluous.
func (v *view) redundantPeers(r rule) []Finding {
	var found []Finding
	confused := v.confused(r)
	for i, p := range r.Peers {
		for j, by := range r.Peers {
			if i == j || confused[i] || confused[j] || !v.coversPeer(by, p) || j > i && v.coversPeer(p, by) {
				continue
			}
			message := fmt.Sprintf("the peer (%s) is redundant: another peer of the rule (%s) contains it", p.Words(), by.Words())
			found = append(found, r.finding(p.Field, message, "remove the peer"))
			break
		}
	}
	return found
}

func redundantPorts(r rule) []Finding {
	var found []Finding
	all := entries(r.Ports)
	for i, p := range all {
		for j, by := range all {
			if i == j || !coversPorts(by, p) || j > i && coversPorts(p, by) {
				continue
			}
			message := fmt.Sprintf("the port (%s) is redundant: another port of the rule (%s) contains it", p[0], by[0])
			found = append(found, r.finding(p[0].Field, message, "remove the port"))
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
