package compile

import (
	"cmp"
	"encoding/binary"
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// budget keeps the tables within their limits without harm to those who did not fill them. As long as the new world needs too much of a table,
// the neediest owner (a namespace, or a policy of the whole cluster) has those of its clauses shut that need most. A profile's need is the cluster
// policies' as far as they would need it alone; only the rest is its namespace's.
//
// A shut clause of a namespace isolates as it did and allows nothing. Of a shut clause of a cluster policy what accepts matches nothing; if it has
// rules that deny or pass, it denies everything from the first of them on, because nobody knows any more what they would have let through.
type budget struct {
	c      *Compiler
	h      *wishes
	shut   map[*clause]string // clauses that were shut, with the reason
	rounds int
	parts  map[string]*profile // that were measured, by content
}

// owner is who answers for a clause: a namespace, or the clause of a cluster policy itself.
type owner struct {
	namespace string
	clause    *clause
}

func ownerOf(cl *clause) owner {
	if ns := cl.policy.Ref.Namespace; ns != "" {
		return owner{namespace: ns}
	}
	return owner{clause: cl}
}

// patience is how often single clauses of an owner are shut before all of them are.
const patience = 8

// depth is how many distinctions, on the average, may apply to a region of the networks.
const depth = 64

func newBudget(c *Compiler, h *wishes) *budget {
	return &budget{c: c, h: h, shut: map[*clause]string{}, parts: map[string]*profile{}}
}

// replace puts shut clauses in the place of those that are too much.
func (b *budget) replace(selecting []*clause) []*clause {
	if len(b.shut) == 0 {
		return selecting
	}
	replaced := slices.Clone(selecting)
	for i, cl := range replaced {
		if _, found := b.shut[cl]; found {
			replaced[i] = b.c.shutClause(cl)
		}
	}
	return replaced
}

// shutClause returns what stands in the place of a clause that is too much.
func (c *Compiler) shutClause(cl *clause) *clause {
	if cl.shut != nil {
		return cl.shut
	}
	c.clauses.last++
	cl.shut = &clause{number: c.clauses.last, policy: cl.policy, direction: cl.direction, isolates: cl.isolates}
	first := slices.IndexFunc(cl.rules, func(r clauseRule) bool { return r.Action != policy.Accept })
	if first >= 0 {
		denies := &policy.Rule{Action: policy.Deny, Name: cl.rules[first].Name, Index: cl.rules[first].Index, Field: cl.rules[first].Field}
		cl.shut.add(c.selectors, denies)
	}
	return cl.shut
}

// shutNetworks shuts some clauses because the networks in use do not fit.
func (b *budget) shutNetworks() {
	limit, count := b.c.options.MaxNetworks, 0
	owners, needs := map[owner]int{}, map[*clause]int{}
	for p := range b.h.profiles() {
		for _, cl := range p.clauses {
			if _, counted := needs[cl]; !counted {
				needs[cl] = b.c.prefixesOf(cl)
				owners[ownerOf(cl)] += needs[cl]
				count += needs[cl]
			}
		}
	}
	b.shutOne(owners, needs, count-limit, fmt.Sprintf("table of networks, which has room for %d", limit))
}

// prefixesOf returns how many prefixes the networks of a clause have.
func (c *Compiler) prefixesOf(cl *clause) int {
	need := 0
	for _, id := range cl.peers {
		for _, one := range c.selectors.byID[id].networks {
			need += 1 + len(one.except)
		}
	}
	return need
}

// rowsFit reports whether the verdicts and ranges of the new world fit. If not, it has shut some clauses. Signatures must have been computed.
func (b *budget) rowsFit() bool {
	total := size{}
	profiles := b.h.profiles()
	signatures := b.c.signaturesOf(b.h)
	for p := range profiles {
		total.add(b.c.size(p, signatures))
	}
	o := &b.c.options
	switch {
	case total.verdicts > o.MaxVerdicts:
		return !b.shutRows(profiles, signatures, total.verdicts-o.MaxVerdicts, func(s size) int { return s.verdicts },
			fmt.Sprintf("verdict table, which has room for %d", o.MaxVerdicts))
	case total.ranges > o.MaxRanges:
		return !b.shutRows(profiles, signatures, total.ranges-o.MaxRanges, func(s size) int { return s.ranges },
			fmt.Sprintf("table of port ranges, which has room for %d", o.MaxRanges))
	}
	return true
}

func (b *budget) shutRows(profiles map[*profile]bool, signatures *signatureSet, excess int, of func(size) int, table string) bool {
	owners, needs := map[owner]int{}, map[*clause]int{}
	for p := range profiles {
		var wide []*clause
		namespace := ""
		for _, cl := range p.clauses {
			alone := of(b.sizeOf(p, []*clause{cl}, signatures))
			needs[cl] += alone
			if o := ownerOf(cl); o.clause != nil {
				wide = append(wide, cl)
				owners[o] += alone
			} else {
				namespace = o.namespace
			}
		}
		if namespace != "" {
			owners[owner{namespace: namespace}] += of(b.c.size(p, signatures)) - of(b.sizeOf(p, wide, signatures))
		}
	}
	return b.shutOne(owners, needs, excess, table)
}

// shutOne shuts those clauses of the neediest owner that need most, until the excess is gone by what they need alone, and reports whether there
// was any.
func (b *budget) shutOne(owners map[owner]int, needs map[*clause]int, excess int, table string) bool {
	var candidates []*clause
	best := 0
	for cl := range needs {
		if need := owners[ownerOf(cl)]; len(cl.rules) > 0 && !b.isShut(cl) && need > 0 {
			best = max(best, need)
			candidates = append(candidates, cl)
		}
	}
	slices.SortFunc(candidates, func(x, y *clause) int {
		return cmp.Or(cmp.Compare(owners[ownerOf(y)], owners[ownerOf(x)]), cmp.Compare(x.policy.Ref.Namespace, y.policy.Ref.Namespace),
			cmp.Compare(needs[y], needs[x]), policy.Compare(x.policy, y.policy), cmp.Compare(x.direction, y.direction))
	})
	b.rounds++
	for i, cl := range candidates {
		if i > 0 && (ownerOf(cl) != ownerOf(candidates[0]) || excess <= 0 && b.rounds <= patience) {
			break
		}
		excess -= needs[cl]
		b.shut[cl] = fmt.Sprintf("%s needs %d entries of the %s in all, for %s; until it needs fewer ", cl.policy.Ref, needs[cl], table, cl.direction)
	}
	return len(candidates) > 0
}

// isShut reports whether the clause stands in the place of one that was shut.
func (b *budget) isShut(cl *clause) bool {
	for original := range b.shut {
		if original.shut == cl {
			return true
		}
	}
	return false
}

// problems tells of the clauses that were shut.
func (b *budget) problems() []Problem {
	var problems []Problem
	for cl, why := range b.shut {
		p := Problem{Message: why + "it allows nothing"}
		if len(b.c.shutClause(cl).rules) > 0 {
			p.Message = why + "it denies everything from its first rule on that denies or passes"
		}
		for _, l := range b.h.locals {
			if slices.Contains(l.selecting[cl.direction], cl) {
				p.Pods = append(p.Pods, l.pod.pod.String())
			}
		}
		slices.Sort(p.Pods)
		problems = append(problems, p)
	}
	slices.SortFunc(problems, func(x, y Problem) int { return cmp.Compare(x.Message, y.Message) })
	return problems
}

// sizeOf is how many entries p would have if it were made of these clauses only.
func (b *budget) sizeOf(p *profile, clauses []*clause, signatures *signatureSet) size {
	if len(clauses) == 0 {
		return size{}
	}
	key := []byte{byte(p.direction)}
	for _, cl := range clauses {
		key = binary.BigEndian.AppendUint32(key, cl.number)
		if p.direction == policy.Ingress && len(cl.names) > 0 {
			key = append(key, p.key...)
		}
	}
	part := b.parts[string(key)]
	if part == nil {
		if part = b.c.parts[string(key)]; part == nil {
			part = &profile{direction: p.direction, clauses: clauses, ports: p.ports}
			part.read()
		}
		b.parts[string(key)] = part
	}
	return b.c.size(part, signatures)
}
