package manifest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"
	"testing"
)

func addresses(w *World) map[string]string {
	all := map[string]string{}
	for _, p := range w.Pods {
		all[p.Name] = fmt.Sprint(p.Addresses)
	}
	return all
}

// TestAddressesAreStable: a pod keeps its addresses whatever the order, and whoever else is there.
func TestAddressesAreStable(t *testing.T) {
	var parts []string
	for i := range 60 {
		parts = append(parts, pod(fmt.Sprintf("p%d", i)))
	}
	all := addresses(read(t, strings.Join(parts, "---\n")))
	slices.Reverse(parts)
	for name, got := range addresses(read(t, strings.Join(parts, "---\n"))) {
		if got != all[name] {
			t.Errorf("%s has %s, and %s in the other order", name, all[name], got)
		}
	}
	for name, got := range addresses(read(t, strings.Join(parts[:10], "---\n"))) {
		if got != all[name] {
			t.Errorf("%s has %s, and %s among fewer", name, all[name], got)
		}
	}
}

// TestAddressesDoNotCollide: neither with each other, nor with those that were written for pods and nodes.
func TestAddressesDoNotCollide(t *testing.T) {
	first := read(t, pod("a")).Pods[0].Addresses
	text := pod("a") + "---\n" + pod("b") + fmt.Sprintf("status: {podIP: %s}\n", first[0]) +
		fmt.Sprintf("---\napiVersion: v1\nkind: Node\nmetadata: {name: n1}\nstatus: {addresses: [{type: InternalIP, address: %q}]}\n", first[1].Next())
	for i := range 3000 {
		text += "---\n" + pod(fmt.Sprintf("p%d", i))
	}
	w := read(t, text)
	seen := map[netip.Addr]string{w.Nodes[0].Addresses[0]: "the node"}
	for _, p := range w.Pods {
		if len(p.Addresses) != 2 && p.Name != "b" {
			t.Errorf("pod %s has %v", p, p.Addresses)
		}
		for _, a := range p.Addresses {
			if seen[a] != "" {
				t.Fatalf("%s has the address of %s", p, seen[a])
			}
			seen[a] = p.Name
			if p.Name != "b" && !inventedRange4.Contains(a) && !inventedRange6.Contains(a) {
				t.Errorf("%s has %s", p, a)
			}
		}
	}
}

// TestAddressesRunOut: more pods than the IPv4 range holds get IPv6 alone.
func TestAddressesRunOut(t *testing.T) {
	taken := map[netip.Addr]bool{}
	for i := range 1 << 16 {
		taken[nth4(uint32(i))] = true
	}
	got := invent("x/y", taken)
	if len(got) != 1 || !got[0].Is6() || taken[got[0]] == false {
		t.Errorf("got %v", got)
	}
	if more := invent("x/y", taken); len(more) != 1 || more[0] == got[0] {
		t.Errorf("got %v again", more)
	}
}
