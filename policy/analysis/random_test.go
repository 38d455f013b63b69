package analysis

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/policy"
)

// drawer draws worlds in which little is rare: few labels, few ports, few networks, so that rules meet pods.
type drawer struct{ t *rapid.T }

func (d drawer) chance(name string, outOf int) bool {
	return rapid.IntRange(1, outOf).Draw(d.t, name) == 1
}

func (d drawer) world() *World {
	w := &World{}
	for _, name := range []string{"a", "b"} {
		ns := &policy.Namespace{Name: name, Labels: d.labels()}
		if d.chance("isolated", 4) {
			ns.Isolation = isolationOf(name)
		}
		w.Namespaces = append(w.Namespaces, ns)
	}
	for i := range 2 {
		w.Nodes = append(w.Nodes, &policy.Node{
			Name: fmt.Sprintf("n%d", i), Labels: d.labels(),
			Addresses: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("192.168.0.%d", i+1)), netip.MustParseAddr(fmt.Sprintf("fd01::%d", i+1))},
		})
	}
	for i := range rapid.IntRange(1, 7).Draw(d.t, "pods") {
		w.Pods = append(w.Pods, d.pod(i, w.Nodes))
	}
	for i := range rapid.IntRange(0, 5).Draw(d.t, "policies") {
		w.Policies = append(w.Policies, d.policy(i))
	}
	return w
}

func isolationOf(name string) *policy.Policy {
	annotations := map[string]string{policy.IsolationAnnotation: "on"}
	return policy.FromNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Annotations: annotations}}).Isolation
}

func (d drawer) labels() map[string]string {
	labels := map[string]string{}
	for _, key := range []string{"k", "l"} {
		if v := rapid.SampledFrom([]string{"", "", "x", "y"}).Draw(d.t, key); v != "" {
			labels[key] = v
		}
	}
	return labels
}

func (d drawer) pod(i int, nodes []*policy.Node) *policy.Pod {
	pod := &policy.Pod{
		Namespace: rapid.SampledFrom([]string{"a", "b"}).Draw(d.t, "namespace"), Name: fmt.Sprintf("p%d", i), Labels: d.labels(),
		Node: rapid.SampledFrom([]string{"", "n0", "n1"}).Draw(d.t, "node"), HostNetwork: d.chance("host network", 6),
		Terminated: d.chance("terminated", 10),
	}
	v4, v6 := netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i%2, i+1)), netip.MustParseAddr(fmt.Sprintf("fd00::%d:%d", i%2, i+1))
	switch rapid.SampledFrom([]string{"both", "both", "v4", "v6", "none"}).Draw(d.t, "addresses") {
	case "both":
		pod.Addresses = []netip.Addr{v4, v6}
	case "v4":
		pod.Addresses = []netip.Addr{v4}
	case "v6":
		pod.Addresses = []netip.Addr{v6}
	}
	if pod.HostNetwork {
		pod.Addresses = nil
		for _, n := range nodes {
			if n.Name == pod.Node {
				pod.Addresses = n.Addresses
			}
		}
	}
	for _, port := range []policy.NamedPort{{Name: "web", Protocol: policy.TCP, Number: 80}, {Name: "web", Protocol: policy.TCP, Number: 81},
		{Name: "web", Protocol: policy.UDP, Number: 80}, {Name: "db", Protocol: policy.TCP, Number: 65535}} {
		if rapid.Bool().Draw(d.t, "named port") {
			pod.Ports = append(pod.Ports, port)
		}
	}
	return pod
}

func (d drawer) policy(i int) *policy.Policy {
	p := &policy.Policy{
		Ref:      policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: fmt.Sprintf("policy%d", i)},
		Tier:     rapid.SampledFrom([]policy.Tier{policy.Admin, policy.NetworkPolicy, policy.NetworkPolicy, policy.Baseline}).Draw(d.t, "tier"),
		Priority: int32(rapid.IntRange(0, 3).Draw(d.t, "priority")),
		Subject:  d.pods(),
	}
	actions := []policy.Action{policy.Accept, policy.Deny, policy.Pass}
	if p.Tier == policy.NetworkPolicy {
		namespace := rapid.SampledFrom([]string{"a", "b"}).Draw(d.t, "namespace")
		p.Ref.Kind, p.Ref.Namespace, p.Priority = policy.KindNetworkPolicy, namespace, 0
		p.Subject = policy.PodSelector{Namespace: namespace, Pods: d.selector()}
		p.Isolates = [2]bool{rapid.Bool().Draw(d.t, "ingress"), rapid.Bool().Draw(d.t, "egress")}
		p.WhenIsolated = d.chance("alpha", 4)
		actions = actions[:1]
	}
	for _, direction := range policy.Directions {
		for j := range rapid.IntRange(0, 3).Draw(d.t, "rules") {
			p.Rules[direction] = append(p.Rules[direction], policy.Rule{
				Action: rapid.SampledFrom(actions).Draw(d.t, "action"), Peers: d.peers(), Ports: d.ports(), Index: j,
			})
		}
	}
	return p
}

func (d drawer) pods() policy.PodSelector {
	s := policy.PodSelector{Namespaces: d.selector(), Pods: d.selector()}
	if rapid.Bool().Draw(d.t, "own namespace") {
		s = policy.PodSelector{Namespace: rapid.SampledFrom([]string{"a", "b"}).Draw(d.t, "namespace"), Pods: s.Pods}
	}
	return s
}

func (d drawer) selector() policy.Selector {
	var text string
	switch rapid.IntRange(0, 4).Draw(d.t, "selector") {
	case 0, 1:
		return policy.Everything()
	case 2:
		text = "k=x"
	case 3:
		text = "k notin (x)"
	default:
		text = "l"
	}
	parsed, err := metav1.ParseToLabelSelector(text)
	if err != nil {
		d.t.Fatal(err)
	}
	s, err := policy.NewSelector(parsed)
	if err != nil {
		d.t.Fatal(err)
	}
	return s
}

func (d drawer) peers() []policy.Peer {
	if d.chance("every peer", 4) {
		return nil
	}
	peers := []policy.Peer{}
	for range rapid.IntRange(0, 2).Draw(d.t, "peers") {
		var p policy.Peer
		switch rapid.IntRange(0, 4).Draw(d.t, "peer") {
		case 0, 1:
			s := d.pods()
			p.Pods = &s
		case 2:
			s := d.selector()
			p.Nodes = &s
		default:
			p.Network = d.network()
		}
		peers = append(peers, p)
	}
	return peers
}

func (d drawer) network() *policy.Network {
	n := &policy.Network{CIDR: netip.MustParsePrefix(rapid.SampledFrom(
		[]string{"10.0.0.0/23", "10.0.0.0/24", "10.0.0.1/32", "192.168.0.0/24", "0.0.0.0/0", "203.0.113.0/24", "::/0", "fd00::/112"}).Draw(d.t, "cidr"))}
	for _, e := range []string{"10.0.0.2/32", "10.0.1.0/24", "203.0.113.128/25", "fd00::2/128"} {
		if p := netip.MustParsePrefix(e); n.CIDR.Bits() < p.Bits() && n.CIDR.Contains(p.Addr()) && d.chance("except", 3) {
			n.Except = append(n.Except, p)
		}
	}
	return n
}

func (d drawer) ports() []policy.Port {
	if d.chance("every port", 3) {
		return nil
	}
	ports := []policy.Port{}
	for range rapid.IntRange(0, 2).Draw(d.t, "ports") {
		p := policy.Port{Protocol: rapid.SampledFrom([]policy.Protocol{policy.TCP, policy.TCP, policy.UDP, policy.SCTP}).Draw(d.t, "protocol")}
		switch rapid.IntRange(0, 4).Draw(d.t, "port") {
		case 0:
			p.Number = rapid.SampledFrom([]uint16{1, 80, 81, 65535}).Draw(d.t, "number")
		case 1:
			p.Number, p.End = 79, rapid.SampledFrom([]uint16{79, 80, 65535}).Draw(d.t, "end")
		case 2, 3:
			p.Name = rapid.SampledFrom([]string{"web", "web", "db", "none"}).Draw(d.t, "name")
		}
		ports = append(ports, p)
	}
	return ports
}
