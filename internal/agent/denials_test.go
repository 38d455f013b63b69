package agent

import (
	"net/netip"
	"testing"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hedgerow-net/hedgerow/internal/cluster"
	"github.com/hedgerow-net/hedgerow/policy"
)

// TestNames: addresses are called what people call them.
func TestNames(t *testing.T) {
	at := netip.MustParseAddr
	a := &Agent{world: cluster.NewWorld(), attachments: &attachments{}, addresses: []netip.Addr{at("192.0.2.1")}}
	a.world.Nodes["n1"] = &policy.Node{Name: "n1", Addresses: []netip.Addr{at("192.0.2.1")}}
	a.world.Nodes["n2"] = &policy.Node{Name: "n2", Addresses: []netip.Addr{at("2001:db8::2")}}
	for _, p := range []*policy.Pod{
		{Namespace: "a", Name: "p", Addresses: []netip.Addr{at("10.244.1.2")}},
		{Namespace: "a", Name: "host", HostNetwork: true, Addresses: []netip.Addr{at("2001:db8::2")}},
	} {
		a.world.Pods[types.NamespacedName{Namespace: p.Namespace, Name: p.Name}] = p
	}
	n := a.makeNames(nil)
	for address, want := range map[string]string{
		"192.0.2.1": "the node", "2001:db8::2": "node n2", "10.244.1.2": "a/p", "203.0.113.7": "203.0.113.7",
	} {
		if got := n.of(at(address)); got != want {
			t.Errorf("%s is called %q, want %q", address, got, want)
		}
	}
}
