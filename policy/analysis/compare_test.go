package analysis

import (
	"fmt"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/policy"
)

// changed draws a world like w: other policies and isolations, maybe only one of them, pods that were relabelled, have gone or come.
func (d drawer) changed(w *World) *World {
	next := d.world()
	next.Nodes = w.Nodes
	if n := len(w.Policies); n > 0 && rapid.Bool().Draw(d.t, "without one") {
		one := rapid.IntRange(0, n-1).Draw(d.t, "policy")
		next.Namespaces, next.Policies = w.Namespaces, slices.Delete(slices.Clone(w.Policies), one, one+1)
	}
	var pods []*policy.Pod
	for _, pod := range w.Pods {
		c := *pod
		switch rapid.IntRange(0, 5).Draw(d.t, "fate") {
		case 0:
			continue
		case 1:
			c.Labels = d.labels()
		case 2:
			c.HostNetwork = false
		}
		pods = append(pods, &c)
	}
	next.Pods = pods
	return next
}

// What Changes says is exactly where Evaluate says different things about the two worlds.
func TestChangesAreDifferences(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawer{t}
		before := d.world()
		after := d.changed(before)
		c := Compare(before, after)
		changes := c.Changes()
		sets := [2]*policy.Set{before.Set(), after.Set()}
		for _, f := range Families {
			list := c.ends(f)
			for _, src := range list {
				for _, dst := range list {
					checkChanges(t, changes, sets, f, src, dst)
				}
			}
		}
	})
}

// both is one end in two worlds.
type both struct {
	at    [2]end
	group *Group
}

// ends returns the pods and nodes of both worlds that have addresses of the family in both, and one address outside.
func (c *Comparison) ends(f Family) []both {
	var list []both
	for _, g := range c.groups {
		if !c.inBoth(g) {
			continue
		}
		for _, pod := range g.Pods {
			b := both{group: g}
			for side, v := range c.views {
				i := slices.IndexFunc(v.world.Pods, func(o *policy.Pod) bool { return o.String() == pod.String() })
				b.at[side] = end{End: policy.PodEnd(v.world.Pods[i]), group: g}
				b.at[side].Address = firstAddresses(v.world.Pods[i].Addresses)[f]
			}
			if g.at[Before].hasFamily(f) && g.at[After].hasFamily(f) {
				list = append(list, b)
			}
		}
		if a := g.at[Before].addresses[f]; g.Kind == Outside && a.IsValid() {
			e := end{End: policy.OutsideEnd(a)}
			list = append(list, both{at: [2]end{e, e}, group: g})
		}
	}
	return list
}

func checkChanges(t *rapid.T, changes []Change, sets [2]*policy.Set, f Family, src, dst both) {
	for side := range sets {
		a, b := src.at[side].Pod, dst.at[side].Pod
		if a == b && a != nil || a != nil && b != nil && a.HostNetwork && a.Node == b.Node {
			return
		}
	}
	for _, protocol := range policy.Protocols {
		for _, port := range probes {
			if protocol == policy.OtherProtocols && port > 1 {
				break
			}
			var accepts [2]bool
			for side, set := range sets {
				flow := policy.Flow{Source: src.at[side].End, Destination: dst.at[side].End, Protocol: protocol, Port: port}
				accepts[side] = policy.Decide(set, flow).Action() == policy.Accept
			}
			var said []bool
			for _, change := range changes {
				if change.Src == src.group && change.Dst == dst.group && slices.Contains(change.Families, f) && change.Ports.Contains(protocol, port) {
					said = append(said, change.Opened)
				}
			}
			var want []bool
			if accepts[Before] != accepts[After] {
				want = []bool{accepts[After]}
			}
			if !slices.Equal(said, want) {
				t.Fatalf("%s %v %d from %v (%s) to %v (%s): opened %v, want %v", f, protocol, port,
					src.at[Before], src.group.Name, dst.at[Before], dst.group.Name, said, want)
			}
		}
	}
}

func TestNothingChanges(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawer{t}.world()
		shuffled := *w
		shuffled.Policies = rapid.Permutation(w.Policies).Draw(t, "policies")
		shuffled.Pods = rapid.Permutation(w.Pods).Draw(t, "pods")
		c := Compare(w, &shuffled)
		if got := c.Changes(); len(got) > 0 {
			t.Errorf("changes of a world to itself: %+v", got)
		}
		if got := c.IsolationChanges(); len(got) > 0 {
			t.Errorf("isolation changes of a world to itself: %+v", got)
		}
		if got, want := names(New(&shuffled).Groups()), names(New(w).Groups()); !slices.Equal(got, want) {
			t.Errorf("groups of the shuffled world %q, of the other %q", got, want)
		}
	})
}

func names(groups []*Group) []string {
	list := make([]string, len(groups))
	for i, g := range groups {
		list[i] = g.Name
	}
	return list
}

func TestIsolationChanges(t *testing.T) {
	isolated := func(namespace, app string, directions ...policy.Direction) *policy.Policy {
		p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: namespace, Name: "isolate"}, Tier: policy.NetworkPolicy,
			Subject: policy.PodSelector{Namespace: namespace, Pods: policy.Everything()}}
		if app != "" {
			p.Subject.Pods, _ = policy.SelectLabels(map[string]string{"app": app})
		}
		for _, d := range directions {
			p.Isolates[d] = true
		}
		return p
	}
	pods := []*policy.Pod{
		{Namespace: "shop", Name: "web-0", Labels: map[string]string{"app": "web"}}, {Namespace: "shop", Name: "web-1", Labels: map[string]string{"app": "web"}},
		{Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}},
	}
	world := func(policies ...*policy.Policy) *World {
		return &World{Namespaces: []*policy.Namespace{{Name: "empty"}, {Name: "shop"}}, Pods: pods, Policies: policies}
	}
	tests := []struct {
		name          string
		before, after *World
		want          []string
	}{
		{"whole namespace", world(isolated("shop", "", policy.Ingress)), world(), []string{"lost ingress namespace shop [NetworkPolicy shop/isolate]"}},
		{"gained", world(), world(isolated("shop", "", policy.Ingress, policy.Egress)),
			[]string{"gained ingress namespace shop [NetworkPolicy shop/isolate]", "gained egress namespace shop [NetworkPolicy shop/isolate]"}},
		{"some pods", world(isolated("shop", "", policy.Egress)), world(isolated("shop", "db", policy.Egress)),
			[]string{"lost egress shop/app=web (2 pods) [NetworkPolicy shop/isolate]"}},
		{"a namespace without pods", world(isolated("empty", "", policy.Ingress)), world(),
			[]string{"lost ingress namespace empty [NetworkPolicy empty/isolate]"}},
		{"losses first", world(isolated("shop", "web", policy.Ingress)), world(isolated("shop", "db", policy.Ingress)),
			[]string{"lost ingress shop/app=web (2 pods) [NetworkPolicy shop/isolate]", "gained ingress shop/db [NetworkPolicy shop/isolate]"}},
		{"a namespace that has gone", world(isolated("empty", "", policy.Ingress)),
			&World{Namespaces: []*policy.Namespace{{Name: "shop"}}, Pods: pods}, nil},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, change := range Compare(test.before, test.after).IsolationChanges() {
				verb := "gained"
				if change.Lost {
					verb = "lost"
				}
				got = append(got, fmt.Sprintf("%s %s %s %v", verb, change.Direction, change.Who(), change.By))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("isolation changes (-want +got):\n%s", diff)
			}
		})
	}
}
