package cli

import (
	"fmt"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// portsWorld draws a world of two pods with named ports, and policies with all forms of ports in every tier.
func portsWorld(t *rapid.T) *manifest.World {
	var b strings.Builder
	number := rapid.SampledFrom([]int{1, 2, 53, 79, 80, 81, 8080, 65534, 65535})
	for _, name := range []string{"front", "web"} {
		fmt.Fprintf(&b, "---\napiVersion: v1\nkind: Pod\nmetadata: {name: %s, labels: {app: %s}}\nspec: {containers: [{name: c, ports: [{name: http, containerPort: %d}, {name: dns, protocol: UDP, containerPort: %d}]}]}\n",
			name, name, number.Draw(t, "http"), number.Draw(t, "dns"))
	}
	port := rapid.Custom(func(t *rapid.T) string {
		protocol := rapid.SampledFrom([]string{"TCP", "UDP", "SCTP"}).Draw(t, "protocol")
		switch first, last := number.Draw(t, "first"), number.Draw(t, "last"); rapid.IntRange(0, 3).Draw(t, "form") {
		case 0:
			return fmt.Sprintf("{protocol: %s}", protocol)
		case 1:
			return fmt.Sprintf("{protocol: %s, port: %s}", protocol, rapid.SampledFrom([]string{"http", "dns"}).Draw(t, "name"))
		case 2:
			return fmt.Sprintf("{protocol: %s, port: %d, endPort: %d}", protocol, min(first, last), max(first, last))
		default:
			return fmt.Sprintf("{protocol: %s, port: %d}", protocol, first)
		}
	})
	ports := rapid.SliceOfN(port, 1, 3)
	for i := range rapid.IntRange(0, 3).Draw(t, "policies") {
		direction := rapid.SampledFrom([]string{"ingress", "egress"}).Draw(t, "direction")
		fmt.Fprintf(&b, "---\napiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p%d}\nspec: {podSelector: {}, policyTypes: [%s], %s: [{ports: [%s]}]}\n",
			i, map[string]string{"ingress": "Ingress", "egress": "Egress"}[direction], direction, strings.Join(ports.Draw(t, "ports"), ", "))
	}
	for i := range rapid.IntRange(0, 2).Draw(t, "cluster policies") {
		first, last := number.Draw(t, "start"), number.Draw(t, "end")
		fmt.Fprintf(&b, "---\napiVersion: policy.networking.k8s.io/v1alpha2\nkind: ClusterNetworkPolicy\nmetadata: {name: c%d}\nspec: {tier: %s, priority: %d, subject: {namespaces: {}}, ingress: [{action: %s, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: %d, end: %d}}}}]}]}\n",
			i, rapid.SampledFrom([]string{"Admin", "Baseline"}).Draw(t, "tier"), i, rapid.SampledFrom([]string{"Accept", "Deny", "Pass"}).Draw(t, "action"),
			min(first, last), max(first, last)+map[bool]int{true: 1}[first == last && last < 65535])
	}
	w, err := manifest.Read([]string{"-"}, strings.NewReader(b.String()))
	if err != nil {
		t.Fatalf("%v in\n%s", err, b.String())
	}
	return w
}

// TestOpenPortsAreWhatEachPortIsAnswered: without a port the answer covers every port of every protocol once, and says of each what asking about it
// alone says.
func TestOpenPortsAreWhatEachPortIsAnswered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := portsWorld(t)
		e := explainer{world: w, set: w.Set()}
		from, to := end(t, w, "default/front"), end(t, w, "default/web")
		all, err := e.explain(from, to, nil)
		if err != nil {
			t.Fatal(err)
		}
		ports := map[string]int{}
		open := false
		for _, x := range all.Flows {
			for _, p := range x.Ports {
				ports[p.Protocol+" "+x.From.Address] += p.Last - p.First + 1
				open = open || x.Allowed
				for _, number := range []int{p.First, (p.First + p.Last) / 2, p.Last} {
					one, err := e.explain(from, to, asked(p.Protocol, number))
					if err != nil {
						t.Fatal(err)
					}
					if one.Allowed != x.Allowed {
						t.Fatalf("%s %d alone is allowed=%v, among all ports %v: %+v", p.Protocol, number, one.Allowed, x.Allowed, x.Ports)
					}
				}
			}
		}
		if all.Allowed != open {
			t.Fatalf("the answer is %v, something is open: %v", all.Allowed, open)
		}
		for _, protocol := range []string{"TCP", "UDP", "SCTP"} {
			for _, p := range w.Pods[0].Addresses {
				if got := ports[protocol+" "+p.String()]; got != 65535 {
					t.Fatalf("%d ports of %s from %s were answered: %v", got, protocol, p, ports)
				}
			}
		}
	})
}

func end(t *rapid.T, w *manifest.World, name string) *manifest.End {
	e, err := w.FindEnd(name)
	if err != nil {
		t.Fatal(err)
	}
	return e
}

func asked(protocol string, number int) *manifest.Port {
	if number == 0 {
		return &manifest.Port{Protocol: policy.OtherProtocols}
	}
	p := map[string]policy.Protocol{"TCP": policy.TCP, "UDP": policy.UDP, "SCTP": policy.SCTP}[protocol]
	return &manifest.Port{Protocol: p, Number: uint16(number)}
}
