package policy

import (
	"net/netip"
	"testing"
)

// Which addresses of two ends meet, and what becomes of the ends.
func TestSettle(t *testing.T) {
	addresses := func(texts ...string) []netip.Addr {
		var all []netip.Addr
		for _, text := range texts {
			all = append(all, netip.MustParseAddr(text))
		}
		return all
	}
	nodes := []*Node{{Name: "n1", Addresses: addresses("192.168.0.1")}, {Name: "n2", Addresses: addresses("192.168.0.2", "fd01::2")}}
	set := NewSet([]*Namespace{{Name: "a"}}, nodes, nil)
	both := &Pod{Namespace: "a", Name: "both", Node: "n1", Addresses: addresses("10.0.0.1", "fd00::1")}
	six := &Pod{Namespace: "a", Name: "six", Node: "n1", Addresses: addresses("fd00::6")}
	four := &Pod{Namespace: "a", Name: "four", Node: "n2", Addresses: addresses("10.0.0.4")}
	bare := &Pod{Namespace: "a", Name: "bare"}
	host := &Pod{Namespace: "a", Name: "host", Node: "n2", HostNetwork: true}
	stray := &Pod{Namespace: "a", Name: "stray", HostNetwork: true, Addresses: addresses("192.168.0.1")}
	over := &Pod{Namespace: "a", Name: "over", Terminated: true, Addresses: addresses("10.0.0.9")}
	mapped := netip.MustParseAddr("::ffff:203.0.113.7")
	for _, test := range []struct {
		name             string
		from, to         End
		source, dest     string // addresses
		sourceAt, destAt Place
		node             string // of the source
	}{
		{"the first family of both", PodEnd(both), PodEnd(four), "10.0.0.1", "10.0.0.4", InPod, InPod, ""},
		{"the family that both have", PodEnd(both), PodEnd(six), "fd00::1", "fd00::6", InPod, InPod, ""},
		{"no family in common", PodEnd(four), PodEnd(six), "10.0.0.4", "fd00::6", InPod, InPod, ""},
		{"a given address", End{Place: InPod, Pod: both, Address: netip.MustParseAddr("fd00::1")}, OutsideEnd(netip.MustParseAddr("2001:db8::1")), "fd00::1", "2001:db8::1", InPod, Outside, ""},
		{"the other end's family", OutsideEnd(netip.MustParseAddr("2001:db8::1")), PodEnd(both), "2001:db8::1", "fd00::1", Outside, InPod, ""},
		{"IPv4 in IPv6 is IPv4", OutsideEnd(mapped), PodEnd(both), "203.0.113.7", "10.0.0.1", Outside, InPod, ""},
		{"a pod without addresses", OutsideEnd(netip.MustParseAddr("203.0.113.7")), PodEnd(bare), "203.0.113.7", "invalid IP", Outside, InPod, ""},
		{"the node", End{Place: OnNode}, PodEnd(both), "192.168.0.1", "10.0.0.1", OnNode, InPod, "n1"},
		{"a node may have addresses that are not told", End{Place: OnNode}, PodEnd(six), "invalid IP", "fd00::6", OnNode, InPod, "n1"},
		{"the node by its address", OutsideEnd(netip.MustParseAddr("192.168.0.1")), PodEnd(both), "192.168.0.1", "10.0.0.1", OnNode, InPod, "n1"},
		{"another node", OutsideEnd(netip.MustParseAddr("192.168.0.1")), PodEnd(four), "192.168.0.1", "10.0.0.4", Outside, InPod, "n1"},
		{"a pod in its node's network has the node's addresses", PodEnd(host), PodEnd(six), "fd01::2", "fd00::6", Outside, InPod, "n2"},
		{"and is the node for pods there", PodEnd(host), PodEnd(four), "192.168.0.2", "10.0.0.4", OnNode, InPod, "n2"},
		{"or is known by its address", PodEnd(stray), PodEnd(both), "192.168.0.1", "10.0.0.1", OnNode, InPod, "n1"},
		{"two pods in their nodes' network", PodEnd(host), PodEnd(stray), "192.168.0.2", "192.168.0.1", Outside, Outside, "n2"},
		{"a pod that is over", PodEnd(over), PodEnd(both), "10.0.0.9", "10.0.0.1", Unknown, InPod, ""},
	} {
		t.Run(test.name, func(t *testing.T) {
			f := Decide(set, Flow{Source: test.from, Destination: test.to, Protocol: TCP, Port: 80}).Flow
			if f.Source.Address.String() != test.source || f.Destination.Address.String() != test.dest {
				t.Errorf("addresses %s, %s, want %s, %s", f.Source.Address, f.Destination.Address, test.source, test.dest)
			}
			if f.Source.Place != test.sourceAt || f.Destination.Place != test.destAt {
				t.Errorf("places %d, %d, want %d, %d", f.Source.Place, f.Destination.Place, test.sourceAt, test.destAt)
			}
			node := ""
			if f.Source.Node != nil {
				node = f.Source.Node.Name
			}
			if node != test.node {
				t.Errorf("node %q, want %q", node, test.node)
			}
		})
	}
}
