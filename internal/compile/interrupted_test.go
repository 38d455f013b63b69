package compile

import (
	"net/netip"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// TestInterrupted stops a transition after endpoints were moved and before pods got their new profiles, and then goes back to the old
// policies: what the moved endpoints mean to the old profile must not be taken for what they mean now.
func TestInterrupted(t *testing.T) {
	selects := func(key, value string) policy.PodSelector {
		s, err := policy.SelectLabels(map[string]string{key: value})
		if err != nil {
			t.Fatal(err)
		}
		return policy.PodSelector{Namespace: "a", Pods: s}
	}
	allow := func(port uint16) *policy.Policy {
		peer := selects("k", "x")
		p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "a", Name: "p"}, Tier: policy.NetworkPolicy, Subject: selects("app", "d")}
		p.Isolates[policy.Ingress] = true
		p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{{Pods: &peer}}, Ports: []policy.Port{{Protocol: policy.TCP, Number: port}}}}
		return p
	}
	pod := func(name, node, address string, labels map[string]string) *policy.Pod {
		return &policy.Pod{Namespace: "a", Name: name, UID: name, Node: node, Labels: labels, Addresses: []netip.Addr{netip.MustParseAddr(address)}}
	}
	d := pod("d", "here", "10.244.0.1", map[string]string{"app": "d"})
	stranger, friend := pod("s", "there", "10.244.1.1", nil), pod("s", "there", "10.244.1.1", map[string]string{"k": "x"})
	old, changed := allow(80), allow(81)
	world := func(peer *policy.Pod, p *policy.Policy) *World {
		return &World{
			Node: "here", ClusterCIDRs: []netip.Prefix{clusterCIDR}, LocalCIDRs: []netip.Prefix{localCIDR},
			Namespaces: []*policy.Namespace{{Name: "a"}}, Pods: []*policy.Pod{d, peer}, Policies: []*policy.Policy{p},
			Attachments: []Attachment{{Key: "d", Interface: 2, Addresses: d.Addresses, Namespace: "a", Pod: "d", UID: "d"}},
		}
	}
	c, tables := New(Options{}), datapathtest.New()
	apply := func(w *World, limit int) {
		t.Helper()
		plan := c.Update(w)
		applied := min(limit, len(plan.Changes))
		for i := range applied {
			if err := tables.Apply(&plan.Changes[i]); err != nil {
				t.Fatalf("apply: %v", err)
			}
		}
		c.Commit(applied)
	}
	expect := func(when string, port80, port81 bool) {
		t.Helper()
		for port, want := range map[uint16]bool{80: port80, 81: port81} {
			f := datapathtest.Flow{Source: stranger.Addresses[0], Destination: d.Addresses[0], Protocol: datapath.TCP, Port: port}
			if got := tables.Judge(f).Accepts(); got != want {
				t.Errorf("%s: port %d: got %t, want %t\n%s", when, port, got, want, tables)
			}
		}
	}
	apply(world(stranger, old), 9)
	expect("at first", false, false)
	apply(world(friend, changed), 1)
	expect("endpoints moved, profile not changed", false, false)
	apply(world(friend, old), 9)
	expect("the old policy and the new label", true, false)
	apply(world(friend, changed), 9)
	expect("the new policy and the new label", false, true)
}
