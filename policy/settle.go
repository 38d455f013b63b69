package policy

import (
	"net/netip"
	"slices"
)

// settle returns the ends of the flow as policies see them: a pod in its node's network is the node or an address outside, and a pod
// that is over, or whose namespace is not in the set, is unknown. Addresses that were left out are filled in.
func (s *Set) settle(f Flow) (source, destination End) {
	source, destination = s.place(f.Source, f.Destination), s.place(f.Destination, f.Source)
	s.addresses(&source, &destination)
	s.findNode(&source, destination)
	s.findNode(&destination, source)
	return source, destination
}

func (s *Set) place(e, other End) End {
	if e.Place != InPod {
		return e
	}
	switch {
	case e.Pod.HostNetwork && other.Place == InPod && e.Pod.Node != "" && e.Pod.Node == other.Pod.Node:
		return End{Place: OnNode, Pod: e.Pod, Address: e.Address}
	case e.Pod.HostNetwork:
		return End{Place: Outside, Pod: e.Pod, Address: e.Address}
	case e.Pod.Terminated || s.namespaces[e.Pod.Namespace] == nil:
		return End{Place: Unknown, Pod: e.Pod, Address: e.Address}
	}
	return e
}

// addresses fills in what was left out: the first addresses of the two ends that are of one family.
func (s *Set) addresses(a, b *End) {
	for _, x := range s.addressesOf(*a, *b) {
		for _, y := range s.addressesOf(*b, *a) {
			if x.Is4() == y.Is4() {
				a.Address, b.Address = x, y
				return
			}
		}
	}
	if !a.Address.IsValid() {
		a.Address = first(s.addressesOf(*a, *b))
	}
	if !b.Address.IsValid() {
		b.Address = first(s.addressesOf(*b, *a))
	}
}

func first(addresses []netip.Addr) netip.Addr {
	if len(addresses) == 0 {
		return netip.Addr{}
	}
	return addresses[0]
}

// addressesOf returns the addresses that the end may have.
func (s *Set) addressesOf(e, other End) []netip.Addr {
	switch {
	case e.Address.IsValid():
		return []netip.Addr{e.Address}
	case e.Pod != nil && (e.Place == InPod || len(e.Pod.Addresses) > 0):
		return e.Pod.Addresses
	case e.Node != nil:
		return e.Node.Addresses
	case e.Place == OnNode && other.Place == InPod:
		if n := s.nodeNamed(other.Pod.Node); n != nil {
			return n.Addresses
		}
	}
	return nil
}

// findNode finds out which node has the address of an end that is no pod. An address of the very node that the other end's pod runs on makes
// it that node.
func (s *Set) findNode(e *End, other End) {
	if e.Place != OnNode && e.Place != Outside {
		return
	}
	switch {
	case e.Node != nil:
	case e.Pod != nil:
		e.Node = s.nodeNamed(e.Pod.Node)
	case e.Place == OnNode && other.Place == InPod:
		e.Node = s.nodeNamed(other.Pod.Node)
	}
	if e.Node == nil && e.Address.IsValid() {
		e.Node = s.nodeAt(e.Address)
	}
	if e.Node != nil && other.Place == InPod && other.Pod.Node != "" && e.Node.Name == other.Pod.Node {
		e.Place = OnNode
	}
}

func (s *Set) nodeNamed(name string) *Node {
	for _, n := range s.nodes {
		if n.Name == name && name != "" {
			return n
		}
	}
	return nil
}

func (s *Set) nodeAt(a netip.Addr) *Node {
	for _, n := range s.nodes {
		if slices.Contains(n.Addresses, a) {
			return n
		}
	}
	return nil
}
