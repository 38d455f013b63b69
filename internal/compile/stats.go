package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// tally counts what is in force after steps that are not committed yet.
type tally struct {
	c         *Compiler
	endpoints map[netip.Addr]endpoint // changed ones; without a group: removed
	networks  map[netip.Prefix]*group // the same; nil: removed
	locals    map[datapath.ProfileIndex]*local
}

func (c *Compiler) stats(steps []*step) Stats {
	t := &tally{c: c, endpoints: map[netip.Addr]endpoint{}, networks: map[netip.Prefix]*group{}, locals: map[datapath.ProfileIndex]*local{}}
	s := Stats{Endpoints: len(c.installed.endpoints), Rules: len(c.reasons.byID), Sweepable: c.unswept + len(steps)}
	size := c.installed.size
	for _, step := range steps {
		t.add(step)
		for _, r := range step.rows {
			size.add(c.entries(r).size())
		}
		for _, r := range step.noRows {
			size.subtract(c.entries(r).size())
		}
	}
	s.Verdicts, s.Ranges, s.Networks = size.verdicts, size.ranges, len(c.installed.networks)+t.networksAdded()
	s.Endpoints += t.endpointsAdded()
	s.Groups = t.groups()
	s.LocalPods, s.Profiles = t.inForce()
	return s
}

func (t *tally) add(s *step) {
	for a, e := range s.endpoints {
		t.endpoints[a] = e
	}
	for _, a := range s.noEndpoints {
		t.endpoints[a] = endpoint{}
	}
	for p, g := range s.networks {
		t.networks[p] = g
	}
	for _, p := range s.noNetworks {
		t.networks[p] = nil
	}
	for index, l := range s.locals {
		t.locals[index] = l
	}
}

func (t *tally) endpointsAdded() int {
	added := 0
	for a, e := range t.endpoints {
		_, before := t.c.installed.endpoints[a]
		if e.group != nil && !before {
			added++
		} else if e.group == nil && before {
			added--
		}
	}
	return added
}

func (t *tally) networksAdded() int {
	added := 0
	for p, g := range t.networks {
		_, before := t.c.installed.networks[p]
		if g != nil && !before {
			added++
		} else if g == nil && before {
			added--
		}
	}
	return added
}

// groups counts the found groups that have endpoints or networks.
func (t *tally) groups() int {
	members := map[*group]int{}
	for _, g := range t.c.installed.groups {
		members[g] = g.members
	}
	for a, e := range t.endpoints {
		if old, found := t.c.installed.endpoints[a]; found {
			members[old.group]--
		}
		if e.group != nil {
			members[e.group]++
		}
	}
	for p, g := range t.networks {
		if old, found := t.c.installed.networks[p]; found {
			members[old]--
		}
		if g != nil {
			members[g]++
		}
	}
	count := 0
	for g, n := range members {
		if n > 0 && !g.isReserved() {
			count++
		}
	}
	return count
}

// inForce counts the local pods that endpoints refer to, and their profiles.
func (t *tally) inForce() (locals, profiles int) {
	refers := map[datapath.ProfileIndex]int{}
	for index, l := range t.c.installed.locals {
		refers[index] = l.endpoints
	}
	for a, e := range t.endpoints {
		if old, found := t.c.installed.endpoints[a]; found {
			refers[old.index]--
		}
		refers[e.index]++
	}
	live := map[*profile]bool{}
	for index, n := range refers {
		l := t.locals[index]
		if l == nil {
			l = t.c.installed.locals[index]
		}
		if n <= 0 || l == nil {
			continue
		}
		locals++
		live[l.ingress], live[l.egress] = true, true
	}
	delete(live, nil)
	return locals, len(live)
}
