package analysis

import (
	"fmt"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy"
)

// One thing differs between two worlds with one and the same policy: web sends to pods app=db and to nodes with role=edge only.
func TestChangesOfPeers(t *testing.T) {
	selector := func(key, value string) policy.Selector {
		s, err := policy.SelectLabels(map[string]string{key: value})
		if err != nil {
			t.Fatal(err)
		}
		return s
	}
	edge := selector("role", "edge")
	web := &policy.Policy{
		Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "shop", Name: "web"}, Tier: policy.NetworkPolicy, Isolates: [2]bool{policy.Egress: true},
		Subject: policy.PodSelector{Namespace: "shop", Pods: selector("app", "web")},
		Rules: [2][]policy.Rule{policy.Egress: {{Action: policy.Accept, Peers: []policy.Peer{
			{Pods: &policy.PodSelector{Namespaces: selector("team", "data"), Pods: selector("app", "db")}}, {Nodes: &edge},
		}}}},
	}
	world := func(change func(w *World)) *World {
		w := &World{
			Namespaces: []*policy.Namespace{{Name: "data", Labels: map[string]string{"team": "data"}}, {Name: "shop"}},
			Nodes:      []*policy.Node{{Name: "n1", Labels: map[string]string{"role": "edge"}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}},
			Pods:       []*policy.Pod{podOf("shop", "web", "web", "10.0.0.1"), podOf("data", "db", "db", "10.0.0.2")},
			Policies:   []*policy.Policy{web},
		}
		change(w)
		return w
	}
	for _, test := range []struct {
		name   string
		change func(w *World)
		want   []string
	}{
		{"nothing", func(*World) {}, nil},
		{"the labels of a pod", func(w *World) { w.Pods[1].Labels = nil }, []string{"shop/web to data/db: opened false"}},
		{"the labels of a namespace", func(w *World) { w.Namespaces[0].Labels = nil }, []string{"shop/web to data/db: opened false"}},
		{"the labels of a node", func(w *World) { w.Nodes[0].Labels = nil }, []string{"shop/web to nodes (1): opened false"}},
		{"the policy", func(w *World) { w.Policies = nil }, []string{"shop/web to shop/web: opened true", "shop/web to outside: opened true"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, c := range Compare(world(func(*World) {}), world(test.change)).Changes() {
				got = append(got, fmt.Sprintf("%s to %s: opened %t", c.Src.Name, c.Dst.Name, c.Opened))
			}
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("changes (-want +got):\n%s", diff)
			}
		})
	}
}
