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
			if p.Name != "b" && !podRanges.ipv4.Contains(a) && !podRanges.ipv6.Contains(a) {
				t.Errorf("%s has %s", p, a)
			}
		}
	}
}

// TestAddressesRunOut: more pods than the IPv4 range holds get IPv6 alone.
func TestAddressesRunOut(t *testing.T) {
	taken := map[netip.Addr]bool{}
	for i := range 1 << 16 {
		taken[podRanges.nth4(uint32(i))] = true
	}
	got := podRanges.invent("x/y", taken)
	if len(got) != 1 || !got[0].Is6() || taken[got[0]] == false {
		t.Errorf("got %v", got)
	}
	if more := podRanges.invent("x/y", taken); len(more) != 1 || more[0] == got[0] {
		t.Errorf("got %v again", more)
	}
}

// TestHostAddresses: a pod in its node's network has the node's addresses. Of a node of which no manifest says them they are invented, the same for all
// its pods; a pod that names no node has a node of its own.
func TestHostAddresses(t *testing.T) {
	host := func(name, node string) string {
		return fmt.Sprintf("apiVersion: v1\nkind: Pod\nmetadata: {name: %s, namespace: a}\nspec: {hostNetwork: true, nodeName: %q}\n---\n", name, node)
	}
	w := read(t, host("one", "n1")+host("two", "n1")+host("three", "")+host("four", "")+host("five", "n2")+
		"apiVersion: v1\nkind: Node\nmetadata: {name: n2}\nstatus: {addresses: [{type: InternalIP, address: 192.0.2.2}]}\n")
	of := map[string]string{}
	for _, p := range w.Pods {
		of[p.Name] = fmt.Sprint(p.Addresses)
		if p.Name != "five" && (len(p.Addresses) != 2 || !nodeRanges.ipv4.Contains(p.Addresses[0]) || !nodeRanges.ipv6.Contains(p.Addresses[1])) {
			t.Errorf("%s has %v", p.Name, p.Addresses)
		}
	}
	if of["one"] != of["two"] || of["three"] == of["four"] || of["one"] == of["three"] || of["five"] != "[192.0.2.2]" {
		t.Errorf("got %v", of)
	}
}
