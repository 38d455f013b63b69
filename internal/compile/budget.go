package compile

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
)

// budget keeps the verdict table within its limit without harm to those who did not fill it: as long as the new world needs too much,
// the namespace whose local pods need most has its greatest profile shut. Pods of a shut profile are isolated, and nothing is allowed.
type budget struct {
	c      *Compiler
	wishes *wishes
	sizes  map[*profile]int // entries
}

// fit shuts profiles until the new world has room. Signatures must have been computed.
func (c *Compiler) fit(h *wishes) {
	b := &budget{c: c, wishes: h, sizes: map[*profile]int{}}
	signatures := c.podSignatures()
	total := 0
	for p := range h.profiles() {
		b.sizes[p] = c.size(p, signatures)
		total += b.sizes[p]
	}
	for total > c.options.MaxVerdicts {
		p := b.greatest()
		if p == nil {
			return
		}
		total -= b.sizes[p] - b.shut(p)
	}
}

// podSignatures returns the signatures that pods have, and that of unknown ones.
func (c *Compiler) podSignatures() map[*signature]bool {
	set := map[*signature]bool{c.signatures.unknown: true}
	for _, s := range c.pods.byPod {
		if s.signature != nil {
			set[s.signature] = true
		}
	}
	return set
}

// size is how many entries the profile has in the verdict table for groups of these signatures.
func (c *Compiler) size(p *profile, signatures map[*signature]bool) int {
	any := c.anyRow(p)
	size := len(any.entries)
	for s := range signatures {
		if r := c.row(p, s); r != any {
			size += len(r.entries)
		}
	}
	return size
}

// greatest returns the greatest open profile of the namespace that needs most.
func (b *budget) greatest() *profile {
	byNamespace := map[string]map[*profile]bool{}
	for _, l := range b.wishes.locals {
		of := byNamespace[l.pod.pod.Namespace]
		if of == nil {
			of = map[*profile]bool{}
			byNamespace[l.pod.pod.Namespace] = of
		}
		for _, p := range [...]*profile{l.ingress, l.egress} {
			if p != nil && !p.shut {
				of[p] = true
			}
		}
	}
	need := func(namespace string) int {
		sum := 0
		for p := range byNamespace[namespace] {
			sum += b.sizes[p]
		}
		return sum
	}
	var worst string
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		if worst == "" || need(namespace) > need(worst) {
			worst = namespace
		}
	}
	profiles := sortedProfiles(byNamespace[worst])
	if len(profiles) == 0 {
		return nil
	}
	return slices.MaxFunc(profiles, func(p, q *profile) int { return cmp.Compare(b.sizes[p], b.sizes[q]) })
}

// shut puts a shut profile in the place of p and returns its size.
func (b *budget) shut(p *profile) int {
	shut := b.c.shutProfile(p)
	var pods []string
	for _, l := range b.wishes.locals {
		if l.ingress == p || l.egress == p {
			pods = append(pods, l.pod.pod.String())
		}
		if l.ingress == p {
			l.ingress = shut
		}
		if l.egress == p {
			l.egress = shut
		}
	}
	b.wishes.problems = append(b.wishes.problems, Problem{Pods: pods, Message: fmt.Sprintf(
		"the policies that select these pods for %s need %d entries of the verdict table, which has room for %d in all; until they need fewer the policies allow nothing",
		p.direction, b.sizes[p], b.c.options.MaxVerdicts)})
	b.sizes[shut] = b.c.size(shut, nil)
	return b.sizes[shut]
}

// shutProfile returns a profile that isolates in the name of p's policies and allows nothing.
func (c *Compiler) shutProfile(p *profile) *profile {
	key := "shut " + p.key
	if found := c.current[key]; found != nil {
		return found
	}
	made := &profile{key: key, direction: p.direction, shut: true}
	for _, cl := range p.clauses {
		made.isolating = append(made.isolating, cl.policy.Ref)
	}
	c.adopt(made)
	return made
}
