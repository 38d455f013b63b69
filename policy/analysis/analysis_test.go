package analysis

import (
	"net/netip"
	"testing"

	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/policy"
)

// probes are ports on and beside everything that random rules name.
var probes = []uint16{1, 2, 78, 79, 80, 81, 82, 443, 65534, 65535}

// end is one end of flows for a test, with the group it belongs to.
type end struct {
	policy.End
	group *Group
	node  string // the node that the end is
}

// ends returns every end of the world in one family.
func ends(a *Analysis, f Family) []end {
	var list []end
	for _, g := range a.Groups() {
		for _, pod := range g.Pods {
			e := end{End: policy.PodEnd(pod), group: g}
			if pod.HostNetwork {
				e.node = pod.Node
			}
			if e.Address = firstAddresses(pod.Addresses)[f]; e.Address.IsValid() || len(pod.Addresses) == 0 {
				list = append(list, e)
			}
		}
		for _, n := range g.Nodes {
			list = append(list, end{policy.OutsideEnd(firstAddresses(n.Addresses)[f]), g, n.Name})
		}
		if g.Kind != Outside {
			continue
		}
		for _, text := range []string{"203.0.113.1", "203.0.113.200", "8.8.8.8", "10.0.0.77", "10.0.1.77", "2001:db8::1", "fd00::77"} {
			if address := netip.MustParseAddr(text); familyOf(address) == f && narrowest(a, address) == g {
				list = append(list, end{policy.OutsideEnd(address), g, ""})
			}
		}
	}
	return list
}

// narrowest returns the group whose networks hold the address most narrowly.
func narrowest(a *Analysis, address netip.Addr) *Group {
	var best *Group
	bits := -1
	for _, g := range a.Groups() {
		for _, p := range g.Networks {
			if p.Contains(address) && p.Bits() > bits {
				best, bits = g, p.Bits()
			}
		}
	}
	return best
}

// Every flow between any two ends is decided as Reach says of their groups; so members of a group cannot be told apart either.
func TestReachIsEvaluate(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		w := drawer{t}.world()
		a, set := New(w), w.Set()
		for _, f := range Families {
			list := ends(a, f)
			for _, src := range list {
				for _, dst := range list {
					checkReach(t, a, set, f, src, dst)
				}
			}
		}
	})
}

func checkReach(t *rapid.T, a *Analysis, set *policy.Set, f Family, src, dst end) {
	if src.Pod != nil && src.Pod == dst.Pod || src.group.Kind != Pods && dst.group.Kind != Pods {
		return
	}
	allowed := a.Reach(src.group, dst.group).Ports[f]
	if dst.Pod != nil && src.node != "" && src.node == dst.Pod.Node {
		allowed = AllPorts()
	}
	for _, protocol := range policy.Protocols {
		for _, port := range probes {
			if protocol == policy.OtherProtocols && port > 1 {
				break
			}
			want := policy.Decide(set, policy.Flow{Source: src.End, Destination: dst.End, Protocol: protocol, Port: port}).Action() == policy.Accept
			if got := allowed.Contains(protocol, port); got != want {
				t.Fatalf("%s %v %d, from %v (%s) to %v (%s): reach says %t, evaluate %t", f, protocol, port, src, src.group.Name, dst, dst.group.Name, got, want)
			}
		}
	}
}
