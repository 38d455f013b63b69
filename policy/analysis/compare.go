package analysis

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Side is one of the two worlds of a Comparison.
type Side uint8

// The sides.
const (
	Before Side = iota
	After
)

// Comparison is two worlds, put into groups that the policies of neither tell apart. Pods and nodes are the same when their names are. It
// remembers what it was asked, so it is not for several goroutines at once.
type Comparison struct {
	views  [2]*view
	groups []*Group
	names  *namer
}

// Compare compares two worlds.
func Compare(before, after *World) *Comparison {
	c := &Comparison{views: [2]*view{newView(before), newView(after)}}
	c.groups, c.names = partition(c.views[:])
	return c
}

// Groups returns the groups of both worlds: pods, then nodes, then what is outside, each by name. The caller must not change them.
func (c *Comparison) Groups() []*Group { return c.groups }

// Has reports whether the members of the group are in that world.
func (c *Comparison) Has(side Side, g *Group) bool { return g.at[side] != nil }

// Reach returns what may pass between two groups in one of the worlds, as Analysis.Reach does; nothing when one of them is not in it.
func (c *Comparison) Reach(side Side, src, dst *Group) Reach {
	if !c.Has(side, src) || !c.Has(side, dst) {
		return Reach{}
	}
	return c.views[side].reach(src.at[side], dst.at[side])
}

// Change is ports between two groups, both in both worlds, that were closed and are open, or the other way round, for the same reason all of them.
type Change struct {
	Src, Dst *Group
	// Opened: the ports were closed and are open.
	Opened bool
	Ports  Ports
	// Families are those in which it is so; both groups have all of Common.
	Families, Common []Family
	// Before and After decide. A nil one: the two had no addresses of a common family then.
	Before, After *Verdict
}

// Changes returns every difference in what may pass: ordered by source, destination, what was opened before what was closed.
func (c *Comparison) Changes() []Change {
	var changes []Change
	same := newUnchanged(c)
	for _, src := range c.groups {
		for _, dst := range c.groups {
			if c.inBoth(src) && c.inBoth(dst) && (c.everPods(src) || c.everPods(dst)) && !same.between(src, dst) {
				changes = append(changes, c.between(src, dst)...)
			}
		}
	}
	return changes
}

// ArePods reports whether the members are in that world and are pods there with addresses of their own. Group.Kind says what they are in the
// first world that has them; pods can leave the network of their node, and go there.
func (c *Comparison) ArePods(side Side, g *Group) bool {
	return c.Has(side, g) && g.at[side].kind == Pods
}

func (c *Comparison) everPods(g *Group) bool { return c.ArePods(Before, g) || c.ArePods(After, g) }

func (c *Comparison) inBoth(g *Group) bool { return c.Has(Before, g) && c.Has(After, g) }

// between compares two groups, stretch by stretch.
func (c *Comparison) between(src, dst *Group) []Change {
	var all []Change
	var common []Family
	for _, f := range Families {
		if !c.share(Before, src, dst, f) && !c.share(After, src, dst, f) {
			continue
		}
		common = append(common, f)
		all = mergeFamilies(all, c.inFamily(src, dst, f))
	}
	for i := range all {
		all[i].Common = common
	}
	slices.SortStableFunc(all, func(a, b Change) int { return order(b.Opened) - order(a.Opened) })
	return all
}

func order(b bool) int {
	if b {
		return 1
	}
	return 0
}

func (c *Comparison) share(side Side, src, dst *Group, f Family) bool {
	return src.at[side].hasFamily(f) && dst.at[side].hasFamily(f)
}

// inFamily returns the changes of one family, one for every pair of reasons.
func (c *Comparison) inFamily(src, dst *Group, f Family) []Change {
	var changes []Change
	for _, s := range c.stretches(src, dst) {
		opened := c.accepts(After, src, dst, f, s)
		if c.accepts(Before, src, dst, f, s) == opened {
			continue
		}
		change := Change{
			Src: src, Dst: dst, Opened: opened, Families: []Family{f},
			Before: c.verdict(Before, src, dst, f, s), After: c.verdict(After, src, dst, f, s),
		}
		i := slices.IndexFunc(changes, func(o Change) bool { return o.reasons() == change.reasons() })
		if i < 0 {
			i = len(changes)
			changes = append(changes, change)
		}
		changes[i].Ports = changes[i].Ports.Union(PortRange(s.protocol, s.First, s.Last))
	}
	return changes
}

func mergeFamilies(all, more []Change) []Change {
	for _, change := range more {
		i := slices.IndexFunc(all, func(o Change) bool { return o.reasons() == change.reasons() && o.Ports.Equal(change.Ports) })
		if i < 0 {
			all = append(all, change)
			continue
		}
		all[i].Families = append(all[i].Families, change.Families...)
	}
	return all
}

// stretch is ports of one protocol that no rule of either world cuts.
type stretch struct {
	protocol policy.Protocol
	Range
}

func (c *Comparison) stretches(src, dst *Group) []stretch {
	list := []stretch{{protocol: policy.OtherProtocols}}
	for _, protocol := range numbered {
		var starts []int
		for side, v := range c.views {
			starts = append(starts, v.cuts(src.at[side], dst.at[side], protocol)...)
		}
		for _, r := range segments(starts) {
			list = append(list, stretch{protocol, r})
		}
	}
	return list
}

func (c *Comparison) verdict(side Side, src, dst *Group, f Family, s stretch) *Verdict {
	if !c.share(side, src, dst, f) {
		return nil
	}
	v := c.views[side].verdict(src.at[side], dst.at[side], f, s.protocol, s.First)
	return &v
}

func (c *Comparison) accepts(side Side, src, dst *Group, f Family, s stretch) bool {
	return c.share(side, src, dst, f) && c.views[side].accepts(src.at[side], dst.at[side], f, s.protocol, s.First)
}

// reasons returns a text that is the same for changes with the same reasons.
func (c Change) reasons() string {
	text := ""
	for _, v := range [...]*Verdict{c.Before, c.After} {
		if v == nil {
			text += "no address;"
			continue
		}
		text += fmt.Sprintf("%v %v;", v.Egress, v.Ingress)
	}
	return text
}
