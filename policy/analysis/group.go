package analysis

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Kind is what the members of a Group are.
type Kind uint8

// The kinds, in the order in which groups are sorted.
const (
	// Pods: pods with addresses of their own.
	Pods Kind = iota
	// Nodes: addresses of nodes, which are also those of the pods in the network of their node.
	Nodes
	// Outside: addresses that belong to neither.
	Outside
)

func (k Kind) String() string { return [...]string{"pods", "nodes", "outside"}[k%3] }

// Family is a family of addresses.
type Family uint8

// The families. They index arrays.
const (
	IPv4 Family = iota
	IPv6
)

// Families holds both, for loops.
var Families = [...]Family{IPv4, IPv6}

func (f Family) String() string { return [...]string{"IPv4", "IPv6"}[f%2] }

// Group is a set of ends that no policy can tell apart: the same policies select them, the same peers match them, by address too, and named
// ports that policies use have the same numbers. Groups are made once and not changed; their pointers are their identity.
type Group struct {
	Kind Kind
	// Name names the group for people; no other group of the same analysis has it.
	Name string
	// Pods are the members of kind Pods, and the pods in the network of their node of kind Nodes; by namespace and name.
	Pods []*policy.Pod
	// Nodes are the members of kind Nodes, by name.
	Nodes []*policy.Node
	// Networks are the parts of kind Outside: each is a network without those other networks inside it that policies mention.
	Networks []netip.Prefix

	key string       // the least of the members' keys
	at  [2]*endpoint // a member, in each world that is looked at; nil: the members are not in that world
}

// Namespaces returns the names of the namespaces of the group's pods, sorted.
func (g *Group) Namespaces() []string {
	var names []string
	for _, pod := range g.Pods {
		if n := len(names); n == 0 || names[n-1] != pod.Namespace {
			names = append(names, pod.Namespace)
		}
	}
	return names
}

// endpoint is one end as one world sees it: a pod, an address of a node, or a region outside.
type endpoint struct {
	kind Kind
	key  string // the same in every world
	pod  *policy.Pod
	node *policy.Node
	// addresses has the address in each family that the end has. An end without any has both families, and no network contains it.
	addresses [2]netip.Addr
	parts     []netip.Prefix // of a region

	asPeer, asSubject *policy.Pod // see peer and subject
}

func (e *endpoint) hasFamily(f Family) bool {
	return e.addresses[f].IsValid() || !e.addresses[IPv4].IsValid() && !e.addresses[IPv6].IsValid()
}

// peer returns the endpoint as the other end of a flow: what rules compare with.
func (e *endpoint) peer(f Family) policy.End {
	switch {
	case e.pod != nil && e.kind == Pods:
		if e.asPeer == nil {
			e.asPeer = withoutPlace(e.pod)
		}
		return policy.End{Place: policy.InPod, Pod: e.asPeer, Address: e.addresses[f]}
	case e.pod != nil:
		return policy.End{Place: policy.InPod, Pod: e.pod, Address: e.addresses[f]}
	}
	return policy.End{Place: policy.Outside, Node: e.node, Address: e.addresses[f]}
}

// subject returns the endpoint as the end whose policies count. Its own address plays no part in that; it is left out, and the UID changed, so
// that a flow between two members of one group is not taken for one of a pod with itself.
func (e *endpoint) subject(f Family) policy.End {
	if e.kind != Pods {
		return e.peer(f)
	}
	if e.asSubject == nil {
		e.asSubject = withoutPlace(e.pod)
		e.asSubject.UID += " and another"
		e.asSubject.Addresses = nil
	}
	return policy.End{Place: policy.InPod, Pod: e.asSubject}
}

// withoutPlace returns the pod on no node, so that no other end is the node it runs on.
func withoutPlace(pod *policy.Pod) *policy.Pod {
	c := *pod
	c.Node = ""
	return &c
}
