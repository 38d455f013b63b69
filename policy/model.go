package policy

import (
	"cmp"
	"fmt"
	"slices"
)

// Tier is a layer of policies. Tiers are evaluated in their order; the first that decides wins.
type Tier uint8

// The tiers, in the order of evaluation.
const (
	Admin Tier = iota
	NetworkPolicy
	Baseline
)

func (t Tier) String() string { return [...]string{"Admin", "NetworkPolicy", "Baseline"}[t%3] }

// Direction is the side of a pod that a policy looks at.
type Direction uint8

// The directions. They index the arrays of a Policy.
const (
	Ingress Direction = iota
	Egress
)

// Directions holds both, for loops.
var Directions = [...]Direction{Ingress, Egress}

func (d Direction) String() string { return [...]string{"ingress", "egress"}[d%2] }

// Action is what a rule does with the flows that it matches.
type Action uint8

// The actions. Pass leaves the flow to the next tier.
const (
	Deny Action = iota
	Accept
	Pass
)

func (a Action) String() string { return [...]string{"Deny", "Accept", "Pass"}[a%3] }

// Protocol is the protocol number of the IP header, or OtherProtocols.
type Protocol uint8

// The protocols that policies can tell apart. OtherProtocols stands for all the rest (ICMP and so on), which have no ports.
const (
	OtherProtocols Protocol = 0
	TCP            Protocol = 6
	UDP            Protocol = 17
	SCTP           Protocol = 132
)

// Protocols holds every Protocol.
var Protocols = [...]Protocol{TCP, UDP, SCTP, OtherProtocols}

func (p Protocol) String() string {
	switch p {
	case TCP:
		return "TCP"
	case UDP:
		return "UDP"
	case SCTP:
		return "SCTP"
	}
	return "other protocols"
}

// ProtocolOfNumber converts the protocol number of an IP header.
func ProtocolOfNumber(number uint8) Protocol {
	if p := Protocol(number); slices.Contains(Protocols[:], p) {
		return p
	}
	return OtherProtocols
}

// Kind is the kind of object that a policy was made from.
type Kind string

// The kinds.
const (
	KindNetworkPolicy              Kind = "NetworkPolicy"              // networking.k8s.io/v1
	KindAlphaNetworkPolicy         Kind = "alpha NetworkPolicy"        // net.alpha.kubernetes.io/v1alpha1
	KindNamespaceIsolation         Kind = "NamespaceIsolation"         // the isolation annotation of a namespace
	KindClusterNetworkPolicy       Kind = "ClusterNetworkPolicy"       // policy.networking.k8s.io/v1alpha2
	KindAdminNetworkPolicy         Kind = "AdminNetworkPolicy"         // policy.networking.k8s.io/v1alpha1
	KindBaselineAdminNetworkPolicy Kind = "BaselineAdminNetworkPolicy" // policy.networking.k8s.io/v1alpha1
)

// Ref names the object that a policy was made from.
type Ref struct {
	Kind Kind
	// Namespace is empty for kinds of the whole cluster.
	Namespace string
	// Name is the object's name; of a KindNamespaceIsolation the value of the annotation.
	Name string
}

func (r Ref) String() string {
	if r.Kind == KindNamespaceIsolation {
		return fmt.Sprintf("namespace %s (annotation %s=%s)", r.Namespace, IsolationAnnotation, r.Name)
	}
	if r.Namespace == "" {
		return fmt.Sprintf("%s %s", r.Kind, r.Name)
	}
	return fmt.Sprintf("%s %s/%s", r.Kind, r.Namespace, r.Name)
}

// compare orders refs: by namespace, then kind, then name.
func (r Ref) compare(o Ref) int {
	return cmp.Or(cmp.Compare(r.Namespace, o.Namespace), cmp.Compare(r.Kind, o.Kind), cmp.Compare(r.Name, o.Name))
}

// Port is a set of destination ports.
type Port struct {
	Protocol Protocol // TCP, UDP or SCTP
	// Number is one port, or the first of a range. 0, with no Name, is every port of the protocol.
	Number uint16
	// End is the last port of a range, itself included; 0: there is only Number. Never less than Number.
	End uint16
	// Name is the name of a container port of the destination pod; a pod without it has no such port. Number is 0 then.
	Name string
	// Field is where the port was written in its object, such as "spec.ingress[0].ports[1]".
	Field string
}

func (p Port) String() string {
	switch {
	case p.Name != "":
		return fmt.Sprintf("%s %q", p.Protocol, p.Name)
	case p.End > p.Number:
		return fmt.Sprintf("%s %d-%d", p.Protocol, p.Number, p.End)
	case p.Number != 0:
		return fmt.Sprintf("%s %d", p.Protocol, p.Number)
	}
	return p.Protocol.String()
}

// Includes reports whether the port number is in the set. Not for a port with a Name.
func (p Port) Includes(number uint16) bool {
	return p.Number == 0 || number == p.Number || p.Number < number && number <= p.End
}

// Peer is a set of possible other ends of a flow. At most one of Pods, Network and Nodes is set; a Peer with none matches nothing.
type Peer struct {
	Pods    *PodSelector
	Network *Network
	// Nodes selects the addresses of nodes by the nodes' labels.
	Nodes *Selector
	// Field is where the peer was written in its object, such as "spec.ingress[0].from[1]".
	Field string
}

// Rule is one line of a policy: peers × ports → action.
type Rule struct {
	Action Action
	// Name is what the author called the rule; mostly empty.
	Name string
	// Peers are the other ends that the rule matches. nil: every peer, also outside the cluster; empty but not nil: none.
	Peers []Peer
	// Ports are the destination ports that the rule matches. nil: every port and protocol; empty but not nil: none.
	Ports []Port
	// Index is the rule's place in the object that it was made from, and Field its path, such as "spec.ingress[0]".
	Index int
	Field string
}

// Policy is one policy, whatever API it came from.
type Policy struct {
	Ref  Ref
	Tier Tier
	// Priority orders policies of the tiers Admin and Baseline: the lower number is evaluated first.
	Priority int32
	// Subject is the pods that the policy is about.
	Subject PodSelector
	// Isolates says, by Direction, that what no rule of tier NetworkPolicy accepts is denied. Only in that tier.
	Isolates [2]bool
	// Rules are the rules by Direction, in order.
	Rules [2][]Rule
	// WhenIsolated: the policy takes part only while its namespace is isolated by annotation (alpha policies).
	WhenIsolated bool
	// Problems are what could not be understood or is not supported; what they are about fails closed. None: nothing is wrong.
	Problems []Problem
}

// Problem is something in an object that could not be understood or is not supported.
type Problem struct {
	// Field is the path of the field at fault, such as "spec.egress[0].to[1].domainNames"; empty: the whole object.
	Field string
	// Unsupported: the API allows it, but Hedgerow cannot enforce it. Otherwise it is invalid.
	Unsupported bool
	// Message says, for people, what is wrong and what follows, without the field.
	Message string
}

func (p Problem) String() string {
	if p.Field == "" {
		return p.Message
	}
	return p.Field + ": " + p.Message
}

// Problem returns the problems as one text for people; empty: nothing is wrong.
func (p *Policy) Problem() string {
	return join(p.Problems, Problem.String, "", "; ")
}

// InEffect reports whether the policy takes part at all, given the namespace that it lies in (nil: not known).
func (p *Policy) InEffect(own *Namespace) bool {
	return !p.WhenIsolated || own != nil && own.Isolation != nil
}

// Concerns reports whether the policy says anything about flows in the direction.
func (p *Policy) Concerns(d Direction) bool { return p.Isolates[d] || len(p.Rules[d]) > 0 }

// Compare orders policies as they are evaluated: by tier, priority and name.
func Compare(a, b *Policy) int {
	return cmp.Or(cmp.Compare(a.Tier, b.Tier), cmp.Compare(a.Priority, b.Priority), a.Ref.compare(b.Ref))
}

// Sort orders policies as they are evaluated.
func Sort(policies []*Policy) { slices.SortFunc(policies, Compare) }
