package compile

import (
	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Update plans the way from the committed state to the world. Nothing of it is taken as done before Commit; a plan that was not
// committed is forgotten by the next Update or Sweep.
func (c *Compiler) Update(w *World) *Plan {
	c.begin()
	c.pods.absorb(w)
	c.nodes.absorb(w)
	h := c.wish(w)
	c.choose(w, h)
	t := c.newTransition(h)
	t.project()
	t.classifyNetworks()
	t.classify()
	t.keep()
	t.leave()
	t.separate()
	t.assign()
	t.write()
	t.switchOver()
	t.guard()
	c.interfaces = h.interfaces
	c.pending = t.pending()
	return c.plan(h.closed, h.problems)
}

// begin forgets the last plan and finds out what is in force.
func (c *Compiler) begin() {
	c.pending = nil
	for key, p := range c.current {
		if c.installed.profiles[p.id] != p {
			c.spare[key] = p
		}
	}
	c.current = map[string]*profile{}
	for p := range c.installed.live() {
		c.current[p.key] = p
	}
	c.inForce = map[localKey]datapath.ProfileIndex{}
	for index, l := range c.installed.locals {
		if l.endpoints > 0 {
			c.inForce[l.key] = index
		}
	}
	c.planned = map[datapath.ProfileIndex]bool{}
}

// choose gives every local pod the profiles that the policies in effect make, and finds out what then tells addresses apart. Clauses that are too
// much for the tables are shut, one after the other, until all the others fit.
func (c *Compiler) choose(w *World, h *wishes) {
	index := c.index(w)
	for _, local := range h.locals {
		local.selecting = index.selecting(local.pod)
	}
	b := newBudget(c, h)
	for {
		c.profile(h, b)
		h.uses = c.usesOf(h.profiles())
		var fit bool
		if h.networks, fit = c.networks(w, h.uses); !fit {
			b.shutNetworks()
			continue
		}
		h.nodeSignatures = c.signNodes(w, h.uses)
		c.sign(h.uses)
		h.remote = c.remote(h)
		if b.rowsFit() {
			break
		}
	}
	h.problems = append(h.problems, b.problems()...)
	c.spare, c.parts = map[string]*profile{}, b.parts
}

// profile gives every local pod the profiles of the clauses that select it.
func (c *Compiler) profile(h *wishes, b *budget) {
	for _, local := range h.locals {
		local.ingress = c.profileOf(policy.Ingress, local.pod.pod, b.replace(local.selecting[policy.Ingress]))
		local.egress = c.profileOf(policy.Egress, local.pod.pod, b.replace(local.selecting[policy.Egress]))
	}
}

// project finds out what installed groups mean in terms of the distinctions that will be in use.
func (t *transition) project() {
	for _, g := range t.installed.groups {
		g.next = t.Compiler.project(g.signature, t.wishes.uses)
	}
}

// settling is the number of steps of a transition up to hand.
const settling = 6

// pending makes a plan of the steps. One that no packet can notice needs no change of its own: it becomes part of the next.
func (t *transition) pending() *pending {
	p := &pending{next: map[*group]*signature{}}
	quiet := newStep()
	for i, s := range []*step{t.hold, t.join, t.close, t.regroup, t.reprofile, t.hand, t.appear, t.part, t.unblock} {
		s.precede(quiet)
		quiet = newStep()
		at := len(p.steps) + 1
		switch {
		case s.empty():
			continue
		case i < settling && t.isQuiet(s):
			quiet = s
		default:
			p.steps = append(p.steps, s)
		}
		if i < settling {
			p.settled = at
		}
	}
	for g := range t.used {
		if !g.isReserved() {
			p.next[g] = g.next
		}
	}
	return p
}

// isQuiet reports whether nothing that packets look at refers to what the step writes. Interfaces only forbid, and do so at once.
func (t *transition) isQuiet(s *step) bool {
	for index := range s.locals {
		if l := t.installed.locals[index]; l != nil && l.endpoints > 0 {
			return false
		}
	}
	return len(s.networks)+len(s.endpoints)+len(s.noEndpoints)+len(s.noInterfaces)+len(s.noLocals)+len(s.noNetworks)+len(s.noRows) == 0
}

func (c *Compiler) plan(closed map[string]string, problems []Problem) *Plan {
	plan := &Plan{Reasons: c.reasons.share(), Closed: closed, Problems: problems, Stats: c.stats(c.pending.steps)}
	for _, s := range c.pending.steps {
		plan.Changes = append(plan.Changes, c.change(s))
	}
	return plan
}
