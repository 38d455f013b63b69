package analysis

import "github.com/hedgerow-net/hedgerow/policy"

// Analysis is one world, put into groups. It remembers what it was asked, so it is not for several goroutines at once.
type Analysis struct {
	view    *view
	groups  []*Group
	ofPod   map[*policy.Pod]*Group
	reached map[[2]*Group]Reach
}

// New puts the ends of a world into groups: pods, addresses of nodes, and what is outside. Pods that are over, and pods whose namespace is not in the
// world, are left out.
func New(w *World) *Analysis {
	a := &Analysis{view: newView(w), ofPod: map[*policy.Pod]*Group{}, reached: map[[2]*Group]Reach{}}
	a.groups, _ = partition([]*view{a.view})
	for _, g := range a.groups {
		for _, pod := range g.Pods {
			a.ofPod[pod] = g
		}
	}
	return a
}

// Groups returns the groups: pods, then nodes, then what is outside, each by name. The caller must not change them.
func (a *Analysis) Groups() []*Group { return a.groups }

// GroupOf returns the group of a pod of the world; nil for one that was left out.
func (a *Analysis) GroupOf(pod *policy.Pod) *Group { return a.ofPod[pod] }

// Reach returns what may pass from any member of src to any other member of dst: to and from a node, members on which the pod does not run. (A node
// always reaches its own pods, and a pod itself.) Nothing looks at what passes between two ends that are no pods: that is everything.
func (a *Analysis) Reach(src, dst *Group) Reach {
	key := [2]*Group{src, dst}
	r, found := a.reached[key]
	if !found {
		r = a.view.reach(src.at[0], dst.at[0])
		a.reached[key] = r
	}
	return r
}
