package analysis

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy"
)

// accept returns a policy that isolates the pods with this label for ingress and accepts one peer on one port.
func accept(namespace, name string, app map[string]string, peer policy.Peer, ports ...policy.Port) *policy.Policy {
	selector, _ := policy.SelectLabels(app)
	p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: namespace, Name: name}, Tier: policy.NetworkPolicy,
		Subject: policy.PodSelector{Namespace: namespace, Pods: selector}}
	p.Isolates[policy.Ingress] = true
	p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept, Peers: []policy.Peer{peer}, Ports: ports}}
	return p
}

func networkPeer(cidr string, except ...string) policy.Peer {
	n := &policy.Network{CIDR: netip.MustParsePrefix(cidr)}
	for _, e := range except {
		n.Except = append(n.Except, netip.MustParsePrefix(e))
	}
	return policy.Peer{Network: n}
}

func podOf(namespace, name, app string, addresses ...string) *policy.Pod {
	pod := &policy.Pod{Namespace: namespace, Name: name, Labels: map[string]string{"app": app, "hash": name}}
	for _, a := range addresses {
		pod.Addresses = append(pod.Addresses, netip.MustParseAddr(a))
	}
	return pod
}

func TestNames(t *testing.T) {
	shop := []*policy.Pod{podOf("shop", "web-1", "web"), podOf("shop", "web-0", "web"), podOf("shop", "api-0", "api"), podOf("shop", "api-1", "api"), podOf("shop", "db", "db")}
	mail := []*policy.Pod{podOf("mail", "in", "mail"), podOf("mail", "out", "mail")}
	web, db := map[string]string{"app": "web"}, map[string]string{"app": "db"}
	tests := []struct {
		name     string
		world    World
		policies []*policy.Policy
		want     []string
	}{
		{"no policy", World{Pods: append(shop, mail...)}, nil, []string{"every pod (7)", "outside"}},
		{"one namespace", World{Pods: mail}, nil, []string{"mail/* (2 pods)", "outside"}},
		{"labels", World{Pods: append(shop, mail...)}, []*policy.Policy{accept("shop", "p", db, networkPeer("0.0.0.0/0"))},
			[]string{"mail/*, shop/app=api,web (6 pods)", "shop/db", "outside any IPv4", "outside any IPv6"}},
		{"regions", World{Pods: mail}, []*policy.Policy{accept("mail", "p", db, networkPeer("10.0.0.0/8", "10.1.0.0/16")), accept("mail", "q", db, networkPeer("fd00::/64"))},
			[]string{"mail/* (2 pods)", "outside fd00::/64", "outside 10.0.0.0/8", "anywhere else outside"}},
		{"addresses", World{Pods: []*policy.Pod{podOf("shop", "a", "web", "10.0.0.1"), podOf("shop", "b", "web", "10.0.0.2"), podOf("shop", "c", "web", "10.0.0.3")}},
			[]*policy.Policy{accept("shop", "p", web, networkPeer("10.0.0.1/32"))},
			[]string{"shop/a", "shop/b, c (2 pods)", "outside"}},
		{"nodes", World{
			Nodes: []*policy.Node{{Name: "n1", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.1")}}, {Name: "n2", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.2")}}},
			Pods:  []*policy.Pod{{Namespace: "mail", Name: "agent", HostNetwork: true, Node: "n1", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.1")}}},
		}, []*policy.Policy{accept("shop", "p", web, networkPeer("192.168.0.1/32"))},
			[]string{"node n1", "node n2", "outside"}},
		{"host network of a node that is not known", World{Pods: []*policy.Pod{{Namespace: "mail", Name: "agent", HostNetwork: true, Node: "n9"}}}, nil,
			[]string{"host network of mail/agent", "outside"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			test.world.Namespaces = []*policy.Namespace{{Name: "shop"}, {Name: "mail"}}
			test.world.Policies = test.policies
			if diff := cmp.Diff(test.want, names(New(&test.world).Groups())); diff != "" {
				t.Errorf("groups (-want +got):\n%s", diff)
			}
		})
	}
}

// Pods that call different ports by one name can be told apart as soon as a policy uses the name.
func TestNamedPorts(t *testing.T) {
	a, b := podOf("shop", "a", "web"), podOf("shop", "b", "web")
	a.Ports = []policy.NamedPort{{Name: "http", Protocol: policy.TCP, Number: 80}, {Name: "other", Protocol: policy.TCP, Number: 1}}
	b.Ports = []policy.NamedPort{{Name: "http", Protocol: policy.TCP, Number: 8080}}
	w := &World{Namespaces: []*policy.Namespace{{Name: "shop"}}, Pods: []*policy.Pod{a, b}}
	if got := New(w); got.GroupOf(a) != got.GroupOf(b) {
		t.Errorf("without a policy the pods are in groups %v", names(got.Groups()))
	}
	peer := policy.Peer{Pods: &policy.PodSelector{Namespaces: policy.Everything(), Pods: policy.Everything()}}
	w.Policies = []*policy.Policy{accept("shop", "p", nil, peer, policy.Port{Protocol: policy.TCP, Name: "http"})}
	got := New(w)
	for pod, want := range map[*policy.Pod]string{a: "TCP 80", b: "TCP 8080"} {
		if r := got.Reach(got.GroupOf(a), got.GroupOf(pod)); r.String() != want {
			t.Errorf("reach of %s: %s, want %s", pod, r, want)
		}
	}
}

// A cluster of ten thousand pods is in its groups, and the matrix of the groups is there, before anybody has to wait.
func TestManyPods(t *testing.T) {
	w := &World{}
	for i := range 50 {
		namespace := fmt.Sprintf("ns%d", i/5)
		if i%5 == 0 {
			w.Namespaces = append(w.Namespaces, &policy.Namespace{Name: namespace})
		}
		app := fmt.Sprintf("app%d", i)
		for j := range 200 {
			pod := podOf(namespace, fmt.Sprintf("%s-%d", app, j), app, fmt.Sprintf("10.%d.0.%d", i, j))
			w.Pods = append(w.Pods, pod)
		}
		peer, _ := policy.SelectLabels(map[string]string{"app": fmt.Sprintf("app%d", i/5*5)})
		w.Policies = append(w.Policies, accept(namespace, app, map[string]string{"app": app},
			policy.Peer{Pods: &policy.PodSelector{Namespace: namespace, Pods: peer}}, policy.Port{Protocol: policy.TCP, Number: uint16(80 + i)}))
	}
	start := time.Now()
	a := New(w)
	grouped := time.Since(start)
	open := 0
	for _, src := range a.Groups() {
		for _, dst := range a.Groups() {
			if r := a.Reach(src, dst); !r.Any().Equal(AllPorts()) && !r.Any().IsEmpty() {
				open++
			}
		}
	}
	if len(a.Groups()) != 51 || open != 50 {
		t.Errorf("%d groups, %d of their pairs open in part; want 51 and 50", len(a.Groups()), open)
	}
	t.Logf("10,000 pods: grouped in %v, matrix in %v", grouped, time.Since(start)-grouped)
	if grouped > 5*time.Second {
		t.Errorf("grouping 10,000 pods took %v", grouped)
	}
}
