package policy

import (
	"errors"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// errUnsupported marks what the API allows and this version cannot express yet.
var errUnsupported = errors.New("is not supported yet")

// FromNetworkPolicy converts a networking.k8s.io/v1 NetworkPolicy. A policy with anything in it that cannot be expressed fails
// closed: it isolates its subjects in the directions of its types, allows nothing, and its Problem names the field.
func FromNetworkPolicy(np *networkingv1.NetworkPolicy) *Policy {
	p := &Policy{
		Ref:  Ref{Kind: KindNetworkPolicy, Namespace: np.Namespace, Name: np.Name},
		Tier: NetworkPolicy,
	}
	c := v1Converter{namespace: np.Namespace}
	p.Subject = c.subject(np)
	p.Isolates = c.types(&np.Spec)
	if p.Isolates[Ingress] {
		p.Rules[Ingress] = c.ingress(np.Spec.Ingress)
	}
	if p.Isolates[Egress] {
		p.Rules[Egress] = c.egress(np.Spec.Egress)
	}
	if c.problem != nil {
		p.Rules = [2][]Rule{}
		p.Problems = []Problem{{Message: fmt.Sprintf("%v; until that is changed the policy allows nothing", c.problem)}}
	}
	return p
}

// v1Converter converts the parts of one policy and keeps the first problem.
type v1Converter struct {
	namespace string
	problem   error
}

func (c *v1Converter) fail(path *field.Path, err error) {
	if c.problem == nil {
		c.problem = fmt.Errorf("%s: %w", path, err)
	}
}

// subject falls back to every pod of the namespace: whom a broken selector means is unknown, and all of them are the author's.
func (c *v1Converter) subject(np *networkingv1.NetworkPolicy) PodSelector {
	pods, err := NewSelector(&np.Spec.PodSelector)
	if err != nil {
		c.fail(field.NewPath("spec", "podSelector"), err)
		pods = Everything()
	}
	return PodSelector{Namespace: np.Namespace, Pods: pods}
}

// types applies the API's default: ingress always, egress when there are egress rules.
func (c *v1Converter) types(spec *networkingv1.NetworkPolicySpec) [2]bool {
	if len(spec.PolicyTypes) == 0 {
		return [2]bool{Ingress: true, Egress: len(spec.Egress) > 0}
	}
	var isolates [2]bool
	for i, t := range spec.PolicyTypes {
		switch t {
		case networkingv1.PolicyTypeIngress:
			isolates[Ingress] = true
		case networkingv1.PolicyTypeEgress:
			isolates[Egress] = true
		default:
			// Which direction was meant is unknown, so both are closed.
			c.fail(field.NewPath("spec", "policyTypes").Index(i), fmt.Errorf("%q is neither Ingress nor Egress", t))
			isolates = [2]bool{true, true}
		}
	}
	return isolates
}

func (c *v1Converter) ingress(rules []networkingv1.NetworkPolicyIngressRule) []Rule {
	path := field.NewPath("spec", "ingress")
	var converted []Rule
	for i, r := range rules {
		at := path.Index(i)
		converted = append(converted, Rule{
			Action: Accept, Index: i,
			Peers: c.peers(at.Child("from"), r.From),
			Ports: c.ports(at.Child("ports"), r.Ports),
		})
	}
	return converted
}

func (c *v1Converter) egress(rules []networkingv1.NetworkPolicyEgressRule) []Rule {
	path := field.NewPath("spec", "egress")
	var converted []Rule
	for i, r := range rules {
		at := path.Index(i)
		converted = append(converted, Rule{
			Action: Accept, Index: i,
			Peers: c.peers(at.Child("to"), r.To),
			Ports: c.ports(at.Child("ports"), r.Ports),
		})
	}
	return converted
}

func (c *v1Converter) peers(path *field.Path, peers []networkingv1.NetworkPolicyPeer) []Peer {
	var converted []Peer
	for i := range peers {
		converted = append(converted, c.peer(path.Index(i), &peers[i]))
	}
	return converted
}

func (c *v1Converter) peer(path *field.Path, peer *networkingv1.NetworkPolicyPeer) Peer {
	switch {
	case peer.IPBlock != nil:
		c.fail(path.Child("ipBlock"), errUnsupported)
		return Peer{}
	case peer.PodSelector == nil && peer.NamespaceSelector == nil:
		c.fail(path, errors.New("needs podSelector, namespaceSelector or ipBlock"))
		return Peer{}
	}
	pods := PodSelector{Namespace: c.namespace, Pods: Everything()}
	var err error
	if peer.PodSelector != nil {
		if pods.Pods, err = NewSelector(peer.PodSelector); err != nil {
			c.fail(path.Child("podSelector"), err)
		}
	}
	if peer.NamespaceSelector != nil {
		pods.Namespace = ""
		if pods.Namespaces, err = NewSelector(peer.NamespaceSelector); err != nil {
			c.fail(path.Child("namespaceSelector"), err)
		}
	}
	return Peer{Pods: &pods}
}

func (c *v1Converter) ports(path *field.Path, ports []networkingv1.NetworkPolicyPort) []Port {
	var converted []Port
	for i := range ports {
		converted = append(converted, c.port(path.Index(i), &ports[i]))
	}
	return converted
}

func (c *v1Converter) port(path *field.Path, port *networkingv1.NetworkPolicyPort) Port {
	var converted Port
	protocol, ok := TCP, true
	if port.Protocol != nil {
		protocol, ok = protocolOf(*port.Protocol)
	}
	if !ok {
		c.fail(path.Child("protocol"), fmt.Errorf("%q is none of TCP, UDP, SCTP", *port.Protocol))
	}
	converted.Protocol = protocol
	if port.EndPort != nil {
		c.fail(path.Child("endPort"), errUnsupported)
	}
	if port.Port != nil {
		c.portValue(path.Child("port"), *port.Port, &converted)
	}
	return converted
}

func (c *v1Converter) portValue(path *field.Path, value intstr.IntOrString, port *Port) {
	switch {
	case value.Type == intstr.String && value.StrVal != "":
		port.Name = value.StrVal
	case value.Type == intstr.Int && value.IntVal >= 1 && value.IntVal <= 65535:
		port.Number = uint16(value.IntVal)
	default:
		c.fail(path, fmt.Errorf("%q is neither a port from 1 to 65535 nor a name", value.String()))
	}
}
