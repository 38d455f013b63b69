package policy

import (
	"errors"
	"fmt"

	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// FromNetworkPolicy converts a networking.k8s.io/v1 NetworkPolicy. A policy with anything in it that is invalid fails closed as a whole: it
// isolates its subjects in the directions of its types, allows nothing, and has a Problem for every field at fault.
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
	if len(c.problems) > 0 {
		p.Rules = [2][]Rule{}
		p.Problems = c.problems.followedBy("until that is changed the policy allows nothing")
	}
	return p
}

// v1Converter converts the parts of one policy and keeps what is wrong with them.
type v1Converter struct {
	namespace string
	problems  problems
}

// subject falls back to every pod of the namespace: whom a broken selector means is unknown, and all of them are the author's.
func (c *v1Converter) subject(np *networkingv1.NetworkPolicy) PodSelector {
	pods, err := NewSelector(&np.Spec.PodSelector)
	if err != nil {
		c.problems.add(field.NewPath("spec", "podSelector"), err)
		pods = Everything()
	}
	return PodSelector{Namespace: np.Namespace, Pods: pods}
}

// types applies the API's default (policyTypes: "policies that contain an egress section are assumed to affect egress, and all policies
// (whether or not they contain an ingress section) are assumed to affect ingress").
func (c *v1Converter) types(spec *networkingv1.NetworkPolicySpec) [2]bool {
	if len(spec.PolicyTypes) == 0 {
		return [2]bool{Ingress: true, Egress: len(spec.Egress) > 0}
	}
	var isolates [2]bool
	unknown := false
	for i, t := range spec.PolicyTypes {
		switch t {
		case networkingv1.PolicyTypeIngress:
			isolates[Ingress] = true
		case networkingv1.PolicyTypeEgress:
			isolates[Egress] = true
		default:
			c.problems.add(field.NewPath("spec", "policyTypes").Index(i), fmt.Errorf("%q is neither Ingress nor Egress", t))
			unknown = true
		}
	}
	if unknown {
		// Which direction was meant is not known, so both are closed.
		return [2]bool{true, true}
	}
	return isolates
}

func (c *v1Converter) ingress(rules []networkingv1.NetworkPolicyIngressRule) []Rule {
	path := field.NewPath("spec", "ingress")
	var converted []Rule
	for i, r := range rules {
		at := path.Index(i)
		converted = append(converted, Rule{
			Action: Accept, Index: i, Field: at.String(),
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
			Action: Accept, Index: i, Field: at.String(),
			Peers: c.peers(at.Child("to"), r.To),
			Ports: c.ports(at.Child("ports"), r.Ports),
		})
	}
	return converted
}

// peers converts a list of peers; an empty one is nil, which is everybody ("If this field is empty or missing, this rule matches all
// sources").
func (c *v1Converter) peers(path *field.Path, peers []networkingv1.NetworkPolicyPeer) []Peer {
	var converted []Peer
	for i := range peers {
		converted = append(converted, c.peer(path.Index(i), &peers[i]))
	}
	return converted
}

// peer converts one peer. Which fields may stand together is what the API server validates: both selectors may, ipBlock stands alone.
func (c *v1Converter) peer(path *field.Path, peer *networkingv1.NetworkPolicyPeer) Peer {
	selects := peer.PodSelector != nil || peer.NamespaceSelector != nil
	switch {
	case peer.IPBlock != nil && selects:
		c.problems.add(path.Child("ipBlock"), errors.New("stands beside a selector, where it must stand alone (make it a peer of its own)"))
		return Peer{}
	case peer.IPBlock != nil:
		return Peer{Network: c.ipBlock(path.Child("ipBlock"), peer.IPBlock), Field: path.String()}
	case !selects:
		c.problems.add(path, errors.New("needs podSelector, namespaceSelector or ipBlock"))
		return Peer{}
	}
	pods := PodSelector{Namespace: c.namespace, Pods: Everything()}
	var err error
	if peer.PodSelector != nil {
		if pods.Pods, err = NewSelector(peer.PodSelector); err != nil {
			c.problems.add(path.Child("podSelector"), err)
		}
	}
	if peer.NamespaceSelector != nil {
		pods.Namespace = ""
		if pods.Namespaces, err = NewSelector(peer.NamespaceSelector); err != nil {
			c.problems.add(path.Child("namespaceSelector"), err)
		}
	}
	return Peer{Pods: &pods, Field: path.String()}
}

// ipBlock converts a CIDR and its exceptions ("Except values will be rejected if they are outside the cidr range"; validation also wants them to be
// smaller).
func (c *v1Converter) ipBlock(path *field.Path, block *networkingv1.IPBlock) *Network {
	cidr, err := parseCIDR(block.CIDR)
	if err != nil {
		c.problems.add(path.Child("cidr"), err)
		return nil
	}
	network := &Network{CIDR: cidr}
	for i, text := range block.Except {
		except, err := parseCIDR(text)
		if err == nil && (!cidr.Contains(except.Addr()) || except.Bits() <= cidr.Bits()) {
			err = fmt.Errorf("%s is not a part of %s", except, cidr)
		}
		if err != nil {
			c.problems.add(path.Child("except").Index(i), err)
		}
		network.Except = append(network.Except, except)
	}
	return network
}
