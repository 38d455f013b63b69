package analysis

import (
	"maps"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// IsolationChange is pods of one namespace, in both worlds, that lost or gained isolation in one direction.
type IsolationChange struct {
	Namespace string
	Direction policy.Direction
	// Lost: the pods were isolated and are not any more. Otherwise they have become isolated.
	Lost bool
	// Whole: that is so of all pods of the namespace, or, where both worlds have none, of what any pod of it would be.
	Whole bool
	// Pods are those that changed; by name.
	Pods []*policy.Pod
	// By are the policies that isolated them, or do now.
	By []policy.Ref

	who string
}

// Who names what changed: "namespace shop" or "shop/app=web (2 pods)".
func (i IsolationChange) Who() string { return i.who }

// IsolationChanges returns every change of isolation: the losses first, then by namespace and direction. Namespaces that are in one world only
// have lost and gained nothing.
func (c *Comparison) IsolationChanges() []IsolationChange {
	groups := c.podGroups()
	var changes []IsolationChange
	for _, lost := range [...]bool{true, false} {
		for _, namespace := range slices.Sorted(maps.Keys(c.views[After].namespaces)) {
			if c.views[Before].namespaces[namespace] == nil {
				continue
			}
			for _, d := range policy.Directions {
				if change := c.isolation(namespace, d, lost, groups[namespace]); change.who != "" {
					changes = append(changes, change)
				}
			}
		}
	}
	return changes
}

// podGroups returns the groups that are pods in both worlds, by namespace.
func (c *Comparison) podGroups() map[string][]*Group {
	groups := map[string][]*Group{}
	for _, g := range c.groups {
		if !c.ArePods(Before, g) || !c.ArePods(After, g) {
			continue
		}
		for _, namespace := range g.Namespaces() {
			groups[namespace] = append(groups[namespace], g)
		}
	}
	return groups
}

// isolation returns what was lost, or gained, in one namespace and direction; without a name when nothing was.
func (c *Comparison) isolation(namespace string, d policy.Direction, lost bool, groups []*Group) IsolationChange {
	from, to := Before, After
	if !lost {
		from, to = After, Before
	}
	if len(groups) == 0 {
		nobody := &endpoint{kind: Pods, pod: &policy.Pod{Namespace: namespace}}
		groups = []*Group{{at: [2]*endpoint{nobody, nobody}}}
	}
	change := IsolationChange{Namespace: namespace, Direction: d, Lost: lost, Whole: true}
	for _, g := range groups {
		had, has := c.views[from].isolating(g.at[from], d), c.views[to].isolating(g.at[to], d)
		if len(had) == 0 || len(has) > 0 {
			change.Whole = false
			continue
		}
		change.take(g, had)
	}
	switch {
	case len(change.By) == 0:
	case change.Whole:
		change.who = "namespace " + namespace
	default:
		change.who = c.names.name(change.Pods)
	}
	return change
}

func (i *IsolationChange) take(g *Group, by []policy.Ref) {
	for _, pod := range g.Pods {
		if pod.Namespace == i.Namespace {
			i.Pods = append(i.Pods, pod)
		}
	}
	for _, ref := range by {
		if !slices.Contains(i.By, ref) {
			i.By = append(i.By, ref)
		}
	}
}

// isolating returns the policies that isolate the endpoint.
func (v *view) isolating(e *endpoint, d policy.Direction) []policy.Ref {
	return policy.Isolating(v.set.Selecting(e.pod, d), d)
}
