package analysis

import (
	"cmp"
	"net/netip"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// member is one end in all worlds that are looked at.
type member struct {
	key string
	at  [2]*endpoint
}

// partition puts together what no policy of any of the worlds (one or two) tells apart.
func partition(views []*view) ([]*Group, *namer) {
	members := collect(views)
	bySignature := map[string]*Group{}
	var groups []*Group
	for _, m := range members {
		signature := m.signature(views)
		g := bySignature[signature]
		if g == nil {
			g = &Group{Kind: m.kind(), at: m.at, key: m.key}
			bySignature[signature] = g
			groups = append(groups, g)
		}
		g.add(m)
	}
	for _, g := range groups {
		g.sort()
	}
	slices.SortFunc(groups, func(a, b *Group) int { return cmp.Compare(a.key, b.key) })
	names := newNamer(groups)
	names.nameAll(groups)
	slices.SortFunc(groups, compareGroups)
	return groups, names
}

// collect returns the ends of all worlds. Pods and nodes are the same end when they have the same name.
func collect(views []*view) []*member {
	var members []*member
	byKey := map[string]*member{}
	taken := map[netip.Addr]bool{}
	add := func(world int, e *endpoint) {
		m := byKey[e.key]
		if m == nil {
			m = &member{key: e.key}
			byKey[e.key] = m
			members = append(members, m)
		}
		m.at[world] = e
	}
	for world, v := range views {
		for _, e := range v.endpoints() {
			add(world, e)
			for _, f := range Families {
				taken[e.addresses[f]] = true
			}
		}
	}
	for _, e := range regions(views, taken) {
		for world := range views {
			add(world, e)
		}
	}
	return members
}

func (m *member) kind() Kind {
	if m.at[0] != nil {
		return m.at[0].kind
	}
	return m.at[1].kind
}

func (m *member) signature(views []*view) string {
	var b strings.Builder
	for world, v := range views {
		if m.at[world] != nil {
			b.WriteString(v.signature(m.at[world]))
		}
		b.WriteString(";")
	}
	return b.String()
}

// add puts the member into the group.
func (g *Group) add(m *member) {
	e := m.at[0]
	if e == nil {
		e = m.at[1]
	}
	g.key = min(g.key, m.key)
	switch {
	case e.pod != nil:
		g.Pods = append(g.Pods, e.pod)
	case e.node != nil:
		if !slices.Contains(g.Nodes, e.node) {
			g.Nodes = append(g.Nodes, e.node)
		}
	default:
		g.Networks = append(g.Networks, e.parts...)
	}
}

func (g *Group) sort() {
	slices.SortFunc(g.Pods, func(a, b *policy.Pod) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(g.Nodes, func(a, b *policy.Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(g.Networks, comparePrefix)
}

// compareGroups orders groups by kind and name; what is outside by its networks, the widest last.
func compareGroups(a, b *Group) int {
	if order := cmp.Compare(a.Kind, b.Kind); order != 0 || a.Kind != Outside {
		return cmp.Or(order, cmp.Compare(a.Name, b.Name))
	}
	return cmp.Or(cmp.Compare(b.Networks[0].Bits(), a.Networks[0].Bits()), comparePrefix(a.Networks[0], b.Networks[0]))
}
