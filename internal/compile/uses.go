package compile

import (
	"github.com/hedgerow-net/hedgerow/policy"
)

// uses is the distinctions that matter: those that the profiles of local pods make.
type uses struct {
	pods, networks, nodes map[selectorID]bool
	names                 map[portName]bool
}

func newUses() *uses {
	return &uses{pods: map[selectorID]bool{}, networks: map[selectorID]bool{}, nodes: map[selectorID]bool{}, names: map[portName]bool{}}
}

func (u *uses) has(s *selector) bool {
	switch {
	case s.pods != nil:
		return u.pods[s.id]
	case s.networks != nil:
		return u.networks[s.id]
	case s.nodes != nil:
		return u.nodes[s.id]
	}
	return u.names[s.name]
}

func (c *Compiler) usesOf(profiles map[*profile]bool) *uses {
	u := newUses()
	seen := map[*clause]bool{}
	for p := range profiles {
		for _, cl := range p.clauses {
			if !seen[cl] {
				seen[cl] = true
				u.add(c.selectors, cl.peers, p.egressNames(cl))
			}
		}
	}
	return u
}

func (u *uses) add(s *selectors, peers []selectorID, names []portName) {
	for _, id := range peers {
		switch sel := s.byID[id]; {
		case sel.pods != nil:
			u.pods[id] = true
		case sel.networks != nil:
			u.networks[id] = true
		default:
			u.nodes[id] = true
		}
	}
	for _, name := range names {
		u.names[name] = true
	}
}

// egressNames returns the names of a clause that destinations resolve.
func (p *profile) egressNames(cl *clause) []portName {
	if p.direction == policy.Ingress {
		return nil
	}
	return cl.names
}
