package policy

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// FromClusterNetworkPolicy converts a policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy. A rule that is broken, or whose peers are domain names, fails
// closed by itself, as the API says: an Accept rule matches nothing, a Deny or Pass rule denies everything; the others hold. Where the tier or the subject is
// broken, see clusterConverter.policy; an unknown tier counts as Admin, whose denials nothing overrides.
func FromClusterNetworkPolicy(cnp *v1alpha2.ClusterNetworkPolicy) *Policy {
	c := clusterConverter{portsName: "protocols", actions: map[string]Action{"Accept": Accept, "Deny": Deny, "Pass": Pass}}
	p := &Policy{
		Ref:      Ref{Kind: KindClusterNetworkPolicy, Name: cnp.Name},
		Tier:     c.tier(cnp.Spec.Tier),
		Priority: cnp.Spec.Priority,
		Subject:  c.subject(cnp.Spec.Subject.Namespaces, podsOfCNP(cnp.Spec.Subject.Pods)),
	}
	p.Rules[Ingress] = c.rules(Ingress, clusterRules(cnp.Spec.Ingress, cnpIngressRule))
	p.Rules[Egress] = c.rules(Egress, clusterRules(cnp.Spec.Egress, cnpEgressRule))
	return c.policy(p)
}

// tier: "ClusterNetworkPolicy can use 2 of these tiers: Admin and Baseline."
func (c *clusterConverter) tier(tier v1alpha2.Tier) Tier {
	switch tier {
	case v1alpha2.AdminTier:
		return Admin
	case v1alpha2.BaselineTier:
		return Baseline
	}
	var found problems
	found.add(field.NewPath("spec", "tier"), fmt.Errorf("%q is none of Admin, Baseline, and counts as Admin", tier))
	c.notClear(found)
	return Admin
}

func cnpIngressRule(r *v1alpha2.ClusterNetworkPolicyIngressRule) clusterRule {
	rule := clusterRule{name: r.Name, action: string(r.Action), hasPorts: r.Protocols != nil, ports: cnpPorts(r.Protocols)}
	for i := range r.From {
		rule.peers = append(rule.peers, clusterPeer{namespaces: r.From[i].Namespaces, pods: podsOfCNP(r.From[i].Pods)})
	}
	return rule
}

func cnpEgressRule(r *v1alpha2.ClusterNetworkPolicyEgressRule) clusterRule {
	rule := clusterRule{name: r.Name, action: string(r.Action), hasPorts: r.Protocols != nil, ports: cnpPorts(r.Protocols)}
	for i := range r.To {
		peer := &r.To[i]
		rule.peers = append(rule.peers, clusterPeer{
			namespaces: peer.Namespaces, pods: podsOfCNP(peer.Pods), nodes: peer.Nodes, networks: texts(peer.Networks), domainNames: len(peer.DomainNames) > 0,
		})
	}
	return rule
}

func podsOfCNP(pods *v1alpha2.NamespacedPod) *namespacedPods {
	if pods == nil {
		return nil
	}
	return &namespacedPods{namespaces: pods.NamespaceSelector, pods: pods.PodSelector}
}

// texts returns the items as plain strings.
func texts[T ~string](items []T) []string {
	var all []string
	for _, item := range items {
		all = append(all, string(item))
	}
	return all
}

// cnpPort is an entry of protocols. Exactly one field must be set.
type cnpPort v1alpha2.ClusterNetworkPolicyProtocol

func cnpPorts(protocols []v1alpha2.ClusterNetworkPolicyProtocol) []clusterPort {
	var ports []clusterPort
	for i := range protocols {
		ports = append(ports, (*cnpPort)(&protocols[i]))
	}
	return ports
}

func (p *cnpPort) convert(path *field.Path, found *problems) []Port {
	set := count(p.TCP != nil, p.UDP != nil, p.SCTP != nil, p.DestinationNamedPort != "")
	if !oneOf(path, set, "tcp, udp, sctp, destinationNamedPort", found) {
		return nil
	}
	switch {
	case p.TCP != nil:
		return cnpDestination(path, "tcp", TCP, p.TCP.DestinationPort, found)
	case p.UDP != nil:
		return cnpDestination(path, "udp", UDP, p.UDP.DestinationPort, found)
	case p.SCTP != nil:
		return cnpDestination(path, "sctp", SCTP, p.SCTP.DestinationPort, found)
	}
	return named(p.DestinationNamedPort, path)
}

// cnpDestination converts the port of a protocol: "You must specify either Port or Range." A protocol with no field at all (minProperties 1) is, most
// probably, one with a field of a newer version of the API, which would have narrowed it.
func cnpDestination(entry *field.Path, name string, protocol Protocol, port *v1alpha2.Port, found *problems) []Port {
	if port == nil {
		found.add(entry.Child(name), errors.New("has no destinationPort, which is the only field known here (every port is the range from 1 to 65535)"))
		return nil
	}
	path := entry.Child(name, "destinationPort")
	switch {
	case port.Range != nil && port.Number != 0:
		found.add(path, errors.New("has both number and range"))
		return nil
	case port.Range != nil:
		return portRange(path.Child("range"), protocol, port.Range.Start, port.Range.End, entry.String(), found)
	}
	number, err := portNumber(port.Number)
	if err != nil {
		found.add(path.Child("number"), err)
	}
	return []Port{{Protocol: protocol, Number: number, Field: entry.String()}}
}
