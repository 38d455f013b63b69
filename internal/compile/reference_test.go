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
	r := &reference{world: w, set: policy.NewSet(w.Namespaces, nil, w.Policies), ends: map[netip.Addr]policy.End{}, local: map[netip.Addr]bool{}}
	for _, a := range allAddresses {
		r.ends[a] = r.end(a)
	}
	return r
}

// end finds out whose an address is by asking everybody.
func (r *reference) end(a netip.Addr) policy.End {
	e := policy.End{Place: r.rangeOf(a), Address: a}
	if a == nodeAddress {
		e.Place = policy.OnNode
		return e
	}
	claims := 0
	attached := map[*policy.Pod]bool{}
	for _, at := range r.world.Attachments {
		pod := r.podOf(&at)
		attached[pod] = true
		if at.Addresses[0] != a || pod != nil && pod.Terminated {
			continue
		}
		claims++
		if e.Place = policy.Unattached; pod != nil && r.knows(pod) && !pod.HostNetwork {
			e.Place, e.Pod = policy.InPod, pod
			r.local[a] = true
		}
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

func (r *reference) rangeOf(a netip.Addr) policy.Place {
	for _, local := range r.world.LocalCIDRs {
		if local.Contains(a) {
			return policy.Unattached
		}
	}
	switch {
	case clusterCIDR.Contains(a):
		return policy.Unknown
	}
	return policy.Outside
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
func (r *reference) sides(f datapathtest.Flow) sides {
	d := r.decide(f)
	if d.Egress.Cause == policy.CauseClosed {
		return sides{}
	}
	return sides{
		egress:  !r.local[f.Source] || d.Egress.Action == policy.Accept,
		ingress: !r.local[f.Destination] || d.Ingress.Action == policy.Accept,
	}
}

const icmp = 1

// flows are between all addresses, at ports that rules mention and others.
func flows() []datapathtest.Flow {
	var all []datapathtest.Flow
	for _, s := range allAddresses {
		for _, d := range allAddresses {
			for _, f := range []datapathtest.Flow{{Protocol: 6, Port: 80}, {Protocol: 6, Port: 81}, {Protocol: 6, Port: 9}, {Protocol: 17, Port: 80}, {Protocol: icmp}} {
				f.Source, f.Destination = s, d
				all = append(all, f)
			}
		}
	}
	return all
}
