package lint

import (
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// dnsPorts are the ports on which DNS pods are known to listen, behind a Service with port 53.
var dnsPorts = [...]uint16{53, 1053, 5353, 8053, 10053}

// usualDNS is the DNS pod that nearly every cluster has, for manifests that do not hold it.
func usualDNS() *policy.Pod {
	return &policy.Pod{
		Namespace: metaSystem, Name: "kube-dns", Labels: map[string]string{"k8s-app": "kube-dns"},
		Ports: []policy.NamedPort{{Name: "dns", Protocol: policy.UDP, Number: 53}, {Name: "dns-tcp", Protocol: policy.TCP, Number: 53}},
	}
}

// system returns the namespace of the usual DNS pod.
func (v *view) system() *policy.Namespace {
	if ns := v.namespaces[metaSystem]; ns != nil {
		return ns
	}
	return &policy.Namespace{Name: metaSystem, Labels: map[string]string{corev1.LabelMetadataName: metaSystem}}
}

// dnsPods returns the DNS pods of the world: those of namespace kube-system and those behind a Service with port 53 of UDP.
func (v *view) dnsPods() []*policy.Pod {
	return v.filter("", func(_ *policy.Namespace, pod *policy.Pod) bool { return v.isDNS(pod) })
}

func (v *view) isDNS(pod *policy.Pod) bool {
	if pod.Labels["k8s-app"] == "kube-dns" {
		return true
	}
	return slices.ContainsFunc(v.Services, func(s *policy.Service) bool {
		return s.Selects(pod) && slices.ContainsFunc(s.Ports, func(p policy.ServicePort) bool { return p.Protocol == policy.UDP && p.Port == 53 })
	})
}

// mayBeDNS reports whether the selector may mean DNS pods that are not in the manifests.
func (v *view) mayBeDNS(s *policy.PodSelector) bool {
	if len(v.dnsPods()) > 0 {
		return false
	}
	inSystem := s.MatchesNamespace(v.system()) || s.Namespace == "" && v.mayBeSystem(s.Namespaces)
	return inSystem && (s.Pods.Matches(usualDNS().Labels) || strings.Contains(s.Pods.String(), "dns"))
}

// allowsDNS reports whether the rule may be what lets names be resolved by the protocol. In doubt it is.
func (v *view) allowsDNS(r rule, protocol policy.Protocol) bool {
	if r.direction != policy.Egress || r.Action != policy.Accept || r.Peers != nil && len(r.Peers) == 0 {
		return false
	}
	if r.Ports == nil {
		return v.reachesDNS(r)
	}
	for _, port := range r.Ports {
		switch {
		case port.Protocol != protocol:
		case port.Name != "" && (strings.Contains(port.Name, "dns") || strings.Contains(port.Name, "domain")):
			return true
		case port.Name != "":
		case port.Number == 0:
			return v.reachesDNS(r)
		case slices.ContainsFunc(dnsPorts[:], port.Includes):
			return true // whoever names this port means DNS, wherever it is
		}
	}
	return false
}

// reachesDNS reports whether one of the rule's peers may have DNS pods, or be a DNS server outside the cluster or on the node.
func (v *view) reachesDNS(r rule) bool {
	if r.Peers == nil {
		return true
	}
	return slices.ContainsFunc(r.Peers, func(p policy.Peer) bool {
		if p.Pods == nil {
			return p.Network != nil || p.Nodes != nil
		}
		elsewhere := p.Pods.Namespace == "" && len(v.inNamespaces(p.Pods)) == 0 // in namespaces that were not written
		return elsewhere || v.mayBeDNS(p.Pods) || slices.ContainsFunc(v.selected(p.Pods), v.isDNS)
	})
}
