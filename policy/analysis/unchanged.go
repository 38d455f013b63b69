package analysis

import (
	"reflect"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// unchanged knows what is the same in both worlds. Most of two worlds mostly is, and between ends of which nothing differs nothing changes.
type unchanged struct {
	c *Comparison
	// nodes: both worlds have the same nodes. Addresses mean something else otherwise.
	nodes    bool
	peers    map[*Group]bool
	subjects [2]map[*Group]bool // by direction
	policies map[[2]*policy.Policy]bool
}

func newUnchanged(c *Comparison) *unchanged {
	return &unchanged{
		c: c, nodes: reflect.DeepEqual(c.views[Before].world.Nodes, c.views[After].world.Nodes), peers: map[*Group]bool{},
		subjects: [2]map[*Group]bool{{}, {}}, policies: map[[2]*policy.Policy]bool{},
	}
}

// between reports whether everything that decides about flows from one group to another, which are in both worlds, is the same in both.
func (u *unchanged) between(src, dst *Group) bool {
	return u.nodes && u.peer(src) && u.peer(dst) && u.subject(src, policy.Egress) && u.subject(dst, policy.Ingress)
}

// peer reports whether rules see the same in both worlds.
func (u *unchanged) peer(g *Group) bool {
	return remember(u.peers, g, func() bool {
		a, b := g.at[Before], g.at[After]
		if a.kind != b.kind || a.addresses != b.addresses || !reflect.DeepEqual(a.node, b.node) || !reflect.DeepEqual(a.pod, b.pod) {
			return false
		}
		return a.pod == nil || reflect.DeepEqual(u.c.views[Before].namespaces[a.pod.Namespace].Labels, u.c.views[After].namespaces[a.pod.Namespace].Labels)
	})
}

// subject reports whether equal policies say anything about the group in the direction.
func (u *unchanged) subject(g *Group, d policy.Direction) bool {
	return remember(u.subjects[d], g, func() bool {
		return slices.EqualFunc(u.c.views[Before].side(g.at[Before], d).selecting, u.c.views[After].side(g.at[After], d).selecting, u.policy)
	})
}

func (u *unchanged) policy(a, b *policy.Policy) bool {
	return remember(u.policies, [2]*policy.Policy{a, b}, func() bool { return reflect.DeepEqual(a, b) })
}

// remember asks once for every key.
func remember[K comparable](known map[K]bool, key K, ask func() bool) bool {
	answer, found := known[key]
	if !found {
		answer = ask()
		known[key] = answer
	}
	return answer
}
