package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// networks goes through the peers that are networks.
func (v *view) networks(visit func(r rule, p policy.Peer)) {
	for r := range v.rules() {
		for _, p := range r.Peers {
			if p.Network != nil {
				visit(r, p)
			}
		}
	}
}

// podRanges finds networks that contain pods. That works, but a pod's address lasts only as long as the pod. A network of all addresses means it.
func (v *view) podRanges() []Finding {
	var found []Finding
	v.networks(func(r rule, p policy.Peer) {
		if p.Network.CIDR.Bits() == 0 {
			return
		}
		if what := v.podsIn(p.Network); what != "" {
			message := fmt.Sprintf("ipBlock %s contains %s: it matches pods too, and addresses of pods change", p.Network, what)
			found = append(found, r.finding(p.Field, message, "select pods with podSelector and namespaceSelector, or cut the pods' range out with except"))
		}
	})
	return found
}

// podsIn names a pod, or a range of pods, inside the network.
func (v *view) podsIn(n *policy.Network) string {
	for _, pod := range v.Pods {
		if pod.HostNetwork || pod.Terminated || v.Invented[pod] {
			continue
		}
		for _, a := range pod.Addresses {
			if n.Contains(a) {
				return fmt.Sprintf("the address %s of pod %s", a, pod)
			}
		}
	}
	for _, r := range v.PodRanges {
		if networksOverlap(n, &policy.Network{CIDR: r}) {
			return fmt.Sprintf("addresses of the pod range %s", r)
		}
	}
	return ""
}

// emptyBlocks finds networks of which everything is cut out again.
func (v *view) emptyBlocks() []Finding {
	var found []Finding
	v.networks(func(r rule, p policy.Peer) {
		if len(p.Network.Prefixes()) == 0 {
			message := fmt.Sprintf("ipBlock %s matches nothing: except leaves no address of it", p.Network)
			found = append(found, r.finding(p.Field, message, "cut less out, or remove the peer"))
		}
	})
	return found
}

// oneFamily finds rules about every IPv4 address that forget IPv6, where pods have both.
func (v *view) oneFamily() []Finding {
	if !v.dualStack() {
		return nil
	}
	var found []Finding
	v.networks(func(r rule, p policy.Peer) {
		if p.Network.CIDR != netip.PrefixFrom(netip.IPv4Unspecified(), 0) || namesIPv6(r.policy.Rules[r.direction]) {
			return
		}
		message := fmt.Sprintf("%s is every IPv4 address and no IPv6 address, but pods have both", p.Network)
		found = append(found, r.finding(p.Field, message, "add a peer with ::/0"))
	})
	return found
}

func namesIPv6(rules []policy.Rule) bool {
	return slices.ContainsFunc(rules, func(r policy.Rule) bool {
		return slices.ContainsFunc(r.Peers, func(p policy.Peer) bool { return p.Network != nil && p.Network.CIDR.Addr().Is6() })
	})
}

// dualStack reports whether addresses of both families were written for a pod, or ranges of both for pods.
func (v *view) dualStack() bool {
	both := func(four, six bool) bool { return four && six }
	for _, pod := range v.Pods {
		if !v.Invented[pod] && both(slices.ContainsFunc(pod.Addresses, netip.Addr.Is4), slices.ContainsFunc(pod.Addresses, netip.Addr.Is6)) {
			return true
		}
	}
	is4 := func(p netip.Prefix) bool { return p.Addr().Is4() }
	is6 := func(p netip.Prefix) bool { return p.Addr().Is6() }
	return both(slices.ContainsFunc(v.PodRanges, is4), slices.ContainsFunc(v.PodRanges, is6))
}
