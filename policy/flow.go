package policy

import (
	"fmt"
	"net/netip"
)

// Flow is one connection attempt, or the packets of a protocol without ports.
type Flow struct {
	Source, Destination End
	Protocol            Protocol
	// Port is the destination port at the pod (after Service translation); 0 for OtherProtocols.
	Port uint16
}

func (f Flow) String() string {
	return fmt.Sprintf("%s from %s to %s", portWords(f.Protocol, f.Port), f.Source, f.Destination)
}

// Place is where one end of a flow is.
type Place uint8

// The places. The zero value is closed.
const (
	// InDispute: an address that two live pods claim. Nothing passes.
	InDispute Place = iota
	// Unattached: an address in a node's own pod range without a pod. Only traffic with the node passes.
	Unattached
	// Unknown: an address in the cluster's pod ranges of which no pod is known.
	Unknown
	// InPod: the pod in End.Pod.
	InPod
	// OnNode: the node on which the flow's other end runs.
	OnNode
	// Outside: an address outside the cluster.
	Outside
)

// End is one end of a flow.
type End struct {
	Place Place
	Pod   *Pod // for InPod
	// Address is the address. For InPod and OnNode it may be left out: then the pod's or node's first of the flow's family is meant.
	Address netip.Addr
	// Node is the node that has the address, for OnNode and Outside. It may be left out: Evaluate finds it by the address.
	Node *Node
}

// PodEnd returns the end that is a pod.
func PodEnd(pod *Pod) End { return End{Place: InPod, Pod: pod} }

// OutsideEnd returns the end that is an address outside the cluster.
func OutsideEnd(address netip.Addr) End { return End{Place: Outside, Address: address} }

// String names the end for people: "namespace/pod", "the node", or the address and what is known of it.
func (e End) String() string {
	switch e.Place {
	case InPod:
		return e.Pod.String()
	case OnNode:
		return "the node"
	case Outside:
		return e.addressOr("an address outside the cluster")
	case Unknown:
		return "the unknown pod address " + e.addressOr("(unspecified)")
	case Unattached:
		return "the local address without a pod " + e.addressOr("(unspecified)")
	}
	return "the disputed address " + e.addressOr("(unspecified)")
}

func (e End) addressOr(fallback string) string {
	if e.Address.IsValid() {
		return e.Address.String()
	}
	return fallback
}

// same reports whether both ends are one pod, or one address.
func (e End) same(o End) bool {
	if e.Address.IsValid() && o.Address.IsValid() {
		return e.Address == o.Address
	}
	return e.Place == InPod && o.Place == InPod && e.Pod.Namespace == o.Pod.Namespace && e.Pod.Name == o.Pod.Name && e.Pod.UID == o.Pod.UID
}
