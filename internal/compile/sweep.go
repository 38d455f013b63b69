package compile

import (
	"cmp"
	"maps"
	"net/netip"
	"slices"
)

// Sweep plans the removal of what the committed state no longer needs: entries of old profiles and groups, distinctions that no selector
// makes any more. Call it when nothing else is to do, apply and Commit it like an Update, and go on until it is empty. Between the
// application of any plan and that of a Sweep made after it, a grace period (RCU) must pass: packets may still hold what is removed.
func (c *Compiler) Sweep() *Plan {
	c.begin()
	live := c.installed.live()
	s := newStep()
	c.sweepRows(s, live)
	c.sweepLocals(s)
	next := c.merge(s, c.usesOf(live))
	c.pending = &pending{next: next}
	if s.empty() {
		c.unswept = 0
	} else {
		c.pending.steps, c.pending.settled = []*step{s}, 1
	}
	c.forget(live)
	return c.plan(nil, nil)
}

// sweepRows removes the rows of profiles that no pod has and of groups that have neither endpoints nor networks.
func (c *Compiler) sweepRows(s *step, live map[*profile]bool) {
	for _, p := range c.installed.profiles {
		for g, r := range p.written {
			if !live[p] || !g.isReserved() && g.members == 0 {
				s.noRows = append(s.noRows, placedRow{p, g, r})
			}
		}
	}
}

// sweepLocals removes the words of local pods that no endpoint refers to, and interfaces that are neither an attachment's nor a local
// pod's in force.
func (c *Compiler) sweepLocals(s *step) {
	inForce := map[uint32]bool{}
	for index, l := range c.installed.locals {
		if l.endpoints == 0 {
			s.noLocals = append(s.noLocals, index)
		} else {
			inForce[l.key.index] = true
		}
	}
	for i := range c.installed.interfaces {
		if !c.interfaces[i] && !inForce[i] {
			s.noInterfaces = append(s.noInterfaces, i)
		}
	}
}

// merge moves endpoints and networks of groups that no selector in use tells apart into one: a reserved one, or that with the most members. The
// emptied groups' rows are for the sweep after this. It returns what groups mean by the selectors in use.
func (c *Compiler) merge(s *step, u *uses) map[*group]*signature {
	m := &merger{c: c, step: s, next: map[*group]*signature{}, into: map[*signature]*group{
		c.signatures.unknown: c.reserved.unknown, c.signatures.world: c.reserved.world,
	}}
	for _, g := range c.byMembers() {
		means := c.project(g.signature, u)
		m.next[g], g.next = means, means
		if m.into[means] == nil {
			m.into[means] = g
		}
	}
	for p, g := range c.installed.networks {
		m.network(p, g)
	}
	for a, e := range c.installed.endpoints {
		m.endpoint(a, e)
	}
	return m.next
}

// merger is one merge.
type merger struct {
	c    *Compiler
	step *step
	next map[*group]*signature
	into map[*signature]*group
}

// final returns the group that has the members of g when all is merged.
func (m *merger) final(g *group) *group {
	if means := m.next[g]; means != nil {
		return m.into[means]
	}
	return g
}

// network moves one network; one that says the same as the next shorter prefix is removed.
func (m *merger) network(p netip.Prefix, g *group) {
	switch into := m.final(g); {
	case m.final(m.c.installed.around(p, m.c.reserved)) == into:
		m.step.noNetworks = append(m.step.noNetworks, p)
	case into != g:
		m.step.networks[p] = into
	}
}

// endpoint moves one endpoint; one that means the same as no endpoint is removed.
func (m *merger) endpoint(a netip.Addr, e endpoint) {
	into := m.final(e.group)
	switch {
	case e.index == 0 && m.final(m.c.installed.network(whole(a), m.c.reserved)) == into:
		m.step.noEndpoints = append(m.step.noEndpoints, a)
	case into != e.group:
		m.step.endpoints[a] = endpoint{into, e.index}
	}
}

// byMembers returns the groups in force whose meaning is known, the greatest first.
func (c *Compiler) byMembers() []*group {
	groups := slices.DeleteFunc(slices.Collect(maps.Values(c.installed.groups)), func(g *group) bool {
		return !g.exact || g.members == 0
	})
	slices.SortFunc(groups, func(a, b *group) int { return cmp.Or(cmp.Compare(b.members, a.members), cmp.Compare(a.id, b.id)) })
	return groups
}

// forget drops from the memories what nothing refers to any more.
func (c *Compiler) forget(live map[*profile]bool) {
	known := map[*profile]bool{}
	for _, p := range c.installed.profiles {
		known[p] = true
	}
	maps.Copy(known, live)
	for _, p := range c.spare {
		known[p] = true
	}
	c.clauses.keep(c.policies, known)
	c.selectors.keep(c.clauses.byKey)
	signatures := c.signaturesInUse()
	for _, p := range c.parts {
		known[p] = true
	}
	rows := map[*row]bool{}
	for p := range known {
		for _, r := range p.written {
			rows[r] = true
		}
		for s, r := range p.rows {
			if !signatures[s] {
				delete(p.rows, s)
				continue
			}
			rows[r] = true
		}
		maps.DeleteFunc(p.projected, func(_ string, r *row) bool { return !rows[r] })
	}
	c.signatures.keep(signatures)
	c.reasons.keep(c.rows.keep(rows))
}

func (c *Compiler) signaturesInUse() map[*signature]bool {
	used := map[*signature]bool{c.signatures.unknown: true, c.signatures.world: true}
	for _, s := range c.pods.byPod {
		used[s.signature] = true
	}
	for _, g := range c.installed.groups {
		used[g.signature], used[g.next] = true, true
	}
	if n := c.lastNetworks; n != nil {
		for i := range n.regions.nodes {
			r := n.regions.nodes[i].value
			used[r.within], used[r.means] = true, true
		}
	}
	if s := c.nodes.signed; s != nil {
		used[s.own] = true
		for _, means := range s.elsewhere {
			used[means] = true
		}
	}
	if c.lastRemote != nil {
		maps.Copy(used, c.lastRemote.signatures)
	}
	return used
}
