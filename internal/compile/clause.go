package compile

import (
	"fmt"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// clause is what one policy says in one direction. Clauses of equal content are the same pointer, whatever objects they came from.
type clause struct {
	number    uint32 // never reused
	policy    *policy.Policy
	direction policy.Direction
	isolates  bool
	rules     []clauseRule
	peers     []selectorID
	names     []portName
	ranges    bool    // some port is a range
	shut      *clause // what stands in its place when it is too much for the tables; see budget
}

// clauseRule is a rule with its peers interned and its ports arranged.
type clauseRule struct {
	*policy.Rule
	peers   []selectorID // sorted
	hasPods bool         // some peer is pods
	ports   rulePorts
}

// clauses interns clauses and remembers which policy object has which.
type clauses struct {
	byPolicy map[*policy.Policy]*[2]*clause // nil: says nothing in the direction
	byKey    map[string]*clause
	last     uint32
}

func newClauses() *clauses {
	return &clauses{byPolicy: map[*policy.Policy]*[2]*clause{}, byKey: map[string]*clause{}}
}

// clausesOf returns the policy's clauses by direction.
func (c *Compiler) clausesOf(p *policy.Policy) *[2]*clause {
	if found := c.clauses.byPolicy[p]; found != nil {
		return found
	}
	var pair [2]*clause
	for _, d := range policy.Directions {
		if p.Concerns(d) {
			pair[d] = c.clause(p, d)
		}
	}
	c.clauses.byPolicy[p] = &pair
	return &pair
}

func (c *Compiler) clause(p *policy.Policy, d policy.Direction) *clause {
	key := clauseKey(p, d)
	if found := c.clauses.byKey[key]; found != nil {
		return found
	}
	c.clauses.last++
	made := &clause{number: c.clauses.last, policy: p, direction: d, isolates: p.Tier == policy.NetworkPolicy && p.Isolates[d]}
	for i := range p.Rules[d] {
		made.add(c.selectors, &p.Rules[d][i])
	}
	made.names = sortNames(made.names)
	c.clauses.byKey[key] = made
	return made
}

func (cl *clause) add(s *selectors, rule *policy.Rule) {
	r := clauseRule{Rule: rule, ports: portsOf(rule)}
	for _, sel := range s.peers(rule.Peers) {
		r.peers = append(r.peers, sel.id)
		r.hasPods = r.hasPods || sel.pods != nil
	}
	slices.Sort(r.peers)
	r.peers = slices.Compact(r.peers)
	cl.peers = append(cl.peers, r.peers...)
	cl.names = append(cl.names, r.ports.names...)
	cl.ranges = cl.ranges || r.ports.hasRange()
	cl.rules = append(cl.rules, r)
}

// clauseKey is the whole content, reasons included. Where peers and ports were written is not: no reason says that.
func clauseKey(p *policy.Policy, d policy.Direction) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d %d %d %t %q %q %q\n", d, p.Tier, p.Priority, p.Isolates[d], p.Ref.Kind, p.Ref.Namespace, p.Ref.Name)
	for _, r := range p.Rules[d] {
		fmt.Fprintf(&b, "%d %q %q %d %t %t", r.Index, r.Name, r.Field, r.Action, r.Peers == nil, r.Ports == nil)
		for i := range r.Peers {
			fmt.Fprintf(&b, " %q", peerKey(&r.Peers[i]))
		}
		for _, p := range r.Ports {
			fmt.Fprintf(&b, " %d:%d-%d:%q", p.Protocol, p.Number, p.End, p.Name)
		}
		b.WriteByte('\n')
	}
	return b.String()
}

func peerKey(p *policy.Peer) string {
	switch {
	case p.Network != nil:
		return "network " + p.Network.String()
	case p.Nodes != nil:
		return "nodes " + p.Nodes.String()
	case p.Pods != nil:
		return p.Pods.Key()
	}
	return ""
}

func sortNames(names []portName) []portName {
	slices.SortFunc(names, func(a, b portName) int {
		if n := int(a.protocol) - int(b.protocol); n != 0 {
			return n
		}
		return strings.Compare(a.name, b.name)
	})
	return slices.Compact(names)
}

// keep forgets policies that are gone and clauses that nobody uses.
func (c *clauses) keep(policies map[*policy.Policy]bool, profiles map[*profile]bool) {
	used := map[*clause]bool{}
	for p := range profiles {
		for _, cl := range p.clauses {
			used[cl] = true
		}
	}
	for p, pair := range c.byPolicy {
		if !policies[p] {
			delete(c.byPolicy, p)
			continue
		}
		used[pair[policy.Ingress]], used[pair[policy.Egress]] = true, true
	}
	for key, cl := range c.byKey {
		if !used[cl] {
			delete(c.byKey, key)
		}
	}
}
