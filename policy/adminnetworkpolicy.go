package policy

import (
	"errors"
	"fmt"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
)

// FromAdminNetworkPolicy converts a policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy. What is broken in it fails closed as with
// FromClusterNetworkPolicy; "Allow" is Accept.
func FromAdminNetworkPolicy(anp *v1alpha1.AdminNetworkPolicy) *Policy {
	c := clusterConverter{portsName: "ports", actions: map[string]Action{"Allow": Accept, "Deny": Deny, "Pass": Pass}}
	p := &Policy{
		Ref:      Ref{Kind: KindAdminNetworkPolicy, Name: anp.Name},
		Tier:     Admin,
		Priority: anp.Spec.Priority,
		Subject:  c.subject(anp.Spec.Subject.Namespaces, podsOfANP(anp.Spec.Subject.Pods)),
	}
	p.Rules[Ingress] = c.rules(Ingress, clusterRules(anp.Spec.Ingress, func(r *v1alpha1.AdminNetworkPolicyIngressRule) clusterRule {
		return anpRule(r.Name, string(r.Action), anpIngressPeers(r.From), r.Ports)
	}))
	p.Rules[Egress] = c.rules(Egress, clusterRules(anp.Spec.Egress, func(r *v1alpha1.AdminNetworkPolicyEgressRule) clusterRule {
		return anpRule(r.Name, string(r.Action), anpEgressPeers(r.To), r.Ports)
	}))
	return c.policy(p)
}

// FromBaselineAdminNetworkPolicy converts a policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy. What is broken in it fails closed as with
// FromClusterNetworkPolicy; "Allow" is Accept, and there is no Pass. A cluster has only one, called default, so it has no priority: it comes first in
// its tier, before every ClusterNetworkPolicy there.
func FromBaselineAdminNetworkPolicy(banp *v1alpha1.BaselineAdminNetworkPolicy) *Policy {
	c := clusterConverter{portsName: "ports", actions: map[string]Action{"Allow": Accept, "Deny": Deny}}
	p := &Policy{
		Ref:     Ref{Kind: KindBaselineAdminNetworkPolicy, Name: banp.Name},
		Tier:    Baseline,
		Subject: c.subject(banp.Spec.Subject.Namespaces, podsOfANP(banp.Spec.Subject.Pods)),
	}
	p.Rules[Ingress] = c.rules(Ingress, clusterRules(banp.Spec.Ingress, func(r *v1alpha1.BaselineAdminNetworkPolicyIngressRule) clusterRule {
		return anpRule(r.Name, string(r.Action), anpIngressPeers(r.From), r.Ports)
	}))
	p.Rules[Egress] = c.rules(Egress, clusterRules(banp.Spec.Egress, func(r *v1alpha1.BaselineAdminNetworkPolicyEgressRule) clusterRule {
		return anpRule(r.Name, string(r.Action), banpEgressPeers(r.To), r.Ports)
	}))
	return c.policy(p)
}

func anpRule(name, action string, peers []clusterPeer, ports *[]v1alpha1.AdminNetworkPolicyPort) clusterRule {
	rule := clusterRule{name: name, action: action, peers: peers, hasPorts: ports != nil}
	if ports != nil {
		for i := range *ports {
			rule.ports = append(rule.ports, (*anpPort)(&(*ports)[i]))
		}
	}
	return rule
}

func podsOfANP(pods *v1alpha1.NamespacedPod) *namespacedPods {
	if pods == nil {
		return nil
	}
	return &namespacedPods{namespaces: pods.NamespaceSelector, pods: pods.PodSelector}
}

func anpIngressPeers(from []v1alpha1.AdminNetworkPolicyIngressPeer) []clusterPeer {
	var peers []clusterPeer
	for i := range from {
		peers = append(peers, clusterPeer{namespaces: from[i].Namespaces, pods: podsOfANP(from[i].Pods)})
	}
	return peers
}

func anpEgressPeers(to []v1alpha1.AdminNetworkPolicyEgressPeer) []clusterPeer {
	var peers []clusterPeer
	for i := range to {
		p := &to[i]
		peers = append(peers, clusterPeer{
			namespaces: p.Namespaces, pods: podsOfANP(p.Pods), nodes: p.Nodes, networks: texts(p.Networks), domainNames: len(p.DomainNames) > 0,
		})
	}
	return peers
}

func banpEgressPeers(to []v1alpha1.BaselineAdminNetworkPolicyEgressPeer) []clusterPeer {
	var peers []clusterPeer
	for i := range to {
		p := &to[i]
		peers = append(peers, clusterPeer{namespaces: p.Namespaces, pods: podsOfANP(p.Pods), nodes: p.Nodes, networks: texts(p.Networks)})
	}
	return peers
}

// anpPort is an entry of ports. Exactly one field must be set.
type anpPort v1alpha1.AdminNetworkPolicyPort

func (p *anpPort) convert(path *field.Path, found *problems) []Port {
	set := count(p.PortNumber != nil, p.NamedPort != nil, p.PortRange != nil)
	if !oneOf(path, set, "portNumber, namedPort, portRange", found) {
		return nil
	}
	switch {
	case p.NamedPort != nil:
		if *p.NamedPort == "" {
			found.add(path.Child("namedPort"), errors.New("is empty"))
		}
		return named(*p.NamedPort, path)
	case p.PortRange != nil:
		at := path.Child("portRange")
		return portRange(at, anpProtocol(at, p.PortRange.Protocol, found), p.PortRange.Start, p.PortRange.End, path.String(), found)
	}
	at := path.Child("portNumber")
	number, err := portNumber(p.PortNumber.Port)
	if err != nil {
		found.add(at.Child("port"), err)
	}
	return []Port{{Protocol: anpProtocol(at, p.PortNumber.Protocol, found), Number: number, Field: path.String()}}
}

// anpProtocol converts a protocol: "If not specified, this field defaults to TCP."
func anpProtocol(path *field.Path, p corev1.Protocol, found *problems) Protocol {
	protocol, ok := ProtocolOf(p)
	if !ok {
		found.add(path.Child("protocol"), fmt.Errorf("%q is none of TCP, UDP, SCTP", p))
	}
	return protocol
}
