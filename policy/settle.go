package policy

import (
	"net/netip"
	"slices"
)

// settle returns the ends of the flow as policies see them: a pod in its node's network is the node or an address outside, and a pod
// that is over, or whose namespace is not in the set, is unknown. Addresses that were left out are filled in.
func (s *Set) settle(f Flow) (source, destination End) {
	f.Source.Address, f.Destination.Address = f.Source.Address.Unmap().WithZone(""), f.Destination.Address.Unmap().WithZone("")
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

// addresses fills in what was left out: the first addresses of the two ends that are of one family. Where there are none, a pod still has its
// first; but a node may have addresses that the API does not tell, so it then has none that is known.
func (s *Set) addresses(a, b *End) {
	ofA, ofB := s.addressesOf(*a, *b), s.addressesOf(*b, *a)
	for _, x := range ofA {
		for _, y := range ofB {
			if x.Is4() == y.Is4() {
				a.Address, b.Address = x, y
				return
			}
		}
	}
	if !a.Address.IsValid() && (a.Place == InPod || len(ofB) == 0) {
		a.Address = first(ofA)
	}
	if !b.Address.IsValid() && (b.Place == InPod || len(ofA) == 0) {
		b.Address = first(ofB)
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
	case e.Pod != nil && e.Pod.HostNetwork:
		return s.nodeNamed(e.Pod.Node).addresses()
	case e.Place == OnNode && other.Place == InPod:
		return s.nodeNamed(other.Pod.Node).addresses()
	}
	return nil
}

// addresses returns the node's addresses; of a node that is not known, none.
func (n *Node) addresses() []netip.Addr {
	if n == nil {
		return nil
	}
	return n.Addresses
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
