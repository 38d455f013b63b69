package lint

import (
	"fmt"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// adminDNS finds rules of tier Admin that deny pods the DNS of the cluster, where no earlier rule accepts it: no NetworkPolicy can allow it any
// more. A rule that denies everything means it.
func (v *view) adminDNS() []Finding {
	set, server := v.adminSet()
	var found []Finding
	for _, pod := range v.askers() {
		if v.isDNS(pod) {
			continue
		}
		flow := policy.Flow{Source: policy.PodEnd(pod), Destination: policy.PodEnd(server), Protocol: policy.UDP, Port: dnsPort(server)}
		reason := policy.Evaluate(set, flow).Egress.Reason
		if reason.Cause != policy.CauseRule || reason.Action != policy.Deny {
			continue
		}
		if r, ok := v.ruleOf(reason); ok && !deniesEverything(r) {
			message := fmt.Sprintf("%s denies pods such as %s the cluster's DNS (%s), and no policy of a lower tier can allow it", r.policy.Ref, pod, server)
			found = append(found, r.finding(r.Field, message, "accept UDP and TCP 53 to namespace kube-system in an earlier rule"))
		}
	}
	return oncePerField(found)
}

// adminSet returns the policies of tier Admin alone, in a world with a DNS pod, and that pod.
func (v *view) adminSet() (*policy.Set, *policy.Pod) {
	server := v.dnsServer()
	namespaces := slices.Clone(v.Namespaces)
	for _, ns := range []*policy.Namespace{v.system(), {Name: anyPod().Namespace}} {
		if v.namespaces[ns.Name] == nil {
			namespaces = append(namespaces, ns)
		}
	}
	admin := slices.DeleteFunc(slices.Clone(v.policies), func(p *policy.Policy) bool { return p.Tier != policy.Admin })
	return policy.NewSet(namespaces, v.Nodes, admin), server
}

// dnsServer returns a DNS pod. Where its address is not known it gets one that lies in no network but those of nearly everything ("240.0.0.0/4 reserved
// for future use", RFC 1112), because cluster-internal traffic is compared with networks, too.
func (v *view) dnsServer() *policy.Pod {
	server := *usualDNS()
	if pods := v.dnsPods(); len(pods) > 0 {
		server = *pods[0]
		if len(server.Addresses) > 0 && !v.Invented[pods[0]] {
			return &server
		}
	}
	server.Addresses = []netip.Addr{netip.AddrFrom4([4]byte{240, 0, 0, 1})}
	return &server
}

// askers returns the pods that may ask for names; without workloads one that is about nothing in particular.
func (v *view) askers() []*policy.Pod {
	if !v.HasWorkloads() {
		return []*policy.Pod{anyPod()}
	}
	return v.filter("", func(_ *policy.Namespace, pod *policy.Pod) bool { return !pod.HostNetwork && !pod.Terminated })
}

func anyPod() *policy.Pod { return &policy.Pod{Namespace: "any-namespace", Name: "any-pod"} }

func dnsPort(server *policy.Pod) uint16 {
	for _, p := range server.Ports {
		if p.Name == "dns" && p.Protocol == policy.UDP {
			return p.Number
		}
	}
	return dnsPorts[0]
}

// ruleOf returns the rule that decided.
func (v *view) ruleOf(reason policy.Reason) (rule, bool) {
	for r := range v.rules() {
		if r.policy.Ref == reason.Policy && r.direction == reason.Direction && r.Index == reason.Rule {
			return r, true
		}
	}
	return rule{}, false
}

// oncePerField keeps the first finding of each field.
func oncePerField(found []Finding) []Finding {
	type place struct {
		ref   policy.Ref
		field string
	}
	seen := map[place]bool{}
	return slices.DeleteFunc(found, func(f Finding) bool {
		at := place{f.Ref, f.Field}
		again := seen[at]
		seen[at] = true
		return again
	})
}
