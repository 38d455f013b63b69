package compile

import (
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// reference is what the policies say about a world, computed naively.
type reference struct {
	world *World
	set   *policy.Set
	ends  map[netip.Addr]policy.End
	local map[netip.Addr]bool // the address is that of a known local pod
}

// sides is what each direction says; true accepts.
type sides struct{ egress, ingress bool }

func newReference(w *World) *reference {
	r := &reference{world: w, set: policy.NewSet(w.Namespaces, w.Nodes, w.Policies), ends: map[netip.Addr]policy.End{}, local: map[netip.Addr]bool{}}
	for _, a := range allAddresses {
		r.ends[a] = r.end(a)
	}
	return r
}

// end finds out whose an address is by asking everybody.
func (r *reference) end(a netip.Addr) policy.End {
	e := policy.End{Place: r.rangeOf(a), Address: a}
	own, other := r.nodesAt(a)
	if a == nodeAddress || own != nil && slices.Contains(own.Addresses, a) {
		e.Place, e.Node = policy.OnNode, own
		return e
	}
	claims := 0
	attached := map[*policy.Pod]bool{}
	for _, at := range r.world.Attachments {
		pod := r.podOf(&at)
		attached[pod] = true
		if !slices.Contains(at.Addresses, a) || pod != nil && pod.Terminated {
			continue
		}
		claims++
		if e.Place = policy.Unattached; pod != nil && r.knows(pod) && !pod.HostNetwork {
			e.Place, e.Pod = policy.InPod, pod
			r.local[a] = true
		}
	}
	if other != nil && claims == 0 {
		// Another node's address, unless it lies among this node's pods.
		if e.Place != policy.Unattached {
			e.Place, e.Node = policy.Outside, other
		}
		return e
	}
	for _, pod := range r.world.Pods {
		if !slices.Contains(pod.Addresses, a) || pod.Terminated || pod.HostNetwork || attached[pod] {
			continue
		}
		if pod.Node == "here" {
			// Not attached: no rightful owner, but closed when nobody else is here.
			if claims == 0 {
				e.Place = policy.Unattached
			}
			continue
		}
		claims++
		switch {
		case r.rangeOf(a) == policy.Unattached:
			if claims == 1 {
				e.Place = policy.Unattached
			}
		case r.knows(pod):
			e.Place, e.Pod = policy.InPod, pod
		default:
			e.Place = r.rangeOf(a)
		}
	}
	if claims > 1 {
		e.Place, r.local[a] = policy.InDispute, false
	}
	return e
}

// nodesAt returns this node, and the first of the others by name that has the address.
func (r *reference) nodesAt(a netip.Addr) (own, other *policy.Node) {
	for _, n := range r.world.Nodes {
		switch {
		case n.Name == r.world.Node:
			own = n
		case slices.Contains(n.Addresses, a) && (other == nil || n.Name < other.Name):
			other = n
		}
	}
	return own, other
}

// rangeOf goes by the smallest pod range with the address; one that is the cluster's and this node's is this node's.
func (r *reference) rangeOf(a netip.Addr) policy.Place {
	place, bits := policy.Outside, -1
	for _, p := range r.world.ClusterCIDRs {
		if p.Contains(a) && p.Bits() > bits {
			place, bits = policy.Unknown, p.Bits()
		}
	}
	for _, p := range r.world.LocalCIDRs {
		if p.Contains(a) && p.Bits() >= bits {
			place, bits = policy.Unattached, p.Bits()
		}
	}
	return place
}

func (r *reference) podOf(a *Attachment) *policy.Pod {
	for _, pod := range r.world.Pods {
		if pod.Namespace == a.Namespace && pod.Name == a.Pod && pod.UID == a.UID {
			return pod
		}
	}
	return nil
}

func (r *reference) knows(pod *policy.Pod) bool {
	for _, ns := range r.world.Namespaces {
		if ns.Name == pod.Namespace {
			return true
		}
	}
	return false
}

// decide is the decision of the policies, whoever enforces it.
func (r *reference) decide(f datapathtest.Flow) policy.Decision {
	return policy.Evaluate(r.set, policy.Flow{
		Source: r.ends[f.Source], Destination: r.ends[f.Destination], Protocol: protocol(f), Port: f.Port,
	})
}

func protocol(f datapathtest.Flow) policy.Protocol {
	if f.Protocol == icmp {
		return policy.OtherProtocols
	}
	return policy.Protocol(f.Protocol)
}

// sides is the decision as far as this node enforces it: egress of local sources, ingress of local destinations, closed addresses.
func (r *reference) sides(f datapathtest.Flow) sides { return r.sidesOf(f, r.decide(f)) }

func (r *reference) sidesOf(f datapathtest.Flow, d policy.Decision) sides {
	if d.Egress.Cause == policy.CauseClosed {
		return sides{}
	}
	return sides{
		egress:  !r.local[f.Source] || d.Egress.Action == policy.Accept,
		ingress: !r.local[f.Destination] || d.Ingress.Action == policy.Accept,
	}
}

const icmp = 1

// flows are between all addresses that are of one family, of which one may be a local pod's, at these ports.
func flows(ports ...datapathtest.Flow) []datapathtest.Flow {
	var all []datapathtest.Flow
	locals := slices.Concat(localPool, localPool6)
	for _, s := range allAddresses {
		for _, d := range allAddresses {
			if s.Is4() != d.Is4() || !slices.Contains(locals, s) && !slices.Contains(locals, d) {
				continue
			}
			for _, f := range ports {
				f.Source, f.Destination = s, d
				all = append(all, f)
			}
		}
	}
	return all
}

// usualPorts are a few that tell most rules apart.
var usualPorts = []datapathtest.Flow{
	{Protocol: 6, Port: 80}, {Protocol: 6, Port: 81}, {Protocol: 6, Port: 9}, {Protocol: 6, Port: 1023}, {Protocol: 6, Port: 30000},
	{Protocol: 17, Port: 53}, {Protocol: 17, Port: 80}, {Protocol: 132, Port: 80}, {Protocol: icmp},
}

// portsOfInterest are all ports at which a rule of the world begins or ends, and their neighbours.
func portsOfInterest(w *World) []datapathtest.Flow {
	numbers := map[uint16]bool{0: true, 1: true, 65535: true}
	around := func(n uint16) { numbers[n-1], numbers[n], numbers[n+1] = true, true, true }
	for _, p := range w.Policies {
		for _, r := range slices.Concat(p.Rules[0], p.Rules[1]) {
			for _, port := range r.Ports {
				around(port.Number)
				around(port.End)
			}
		}
	}
	for _, pod := range w.Pods {
		for _, port := range pod.Ports {
			around(port.Number)
		}
	}
	ports := []datapathtest.Flow{{Protocol: icmp}}
	for n := range numbers {
		for _, protocol := range []uint8{6, 17, 132} {
			ports = append(ports, datapathtest.Flow{Protocol: protocol, Port: n})
		}
	}
	return ports
}
