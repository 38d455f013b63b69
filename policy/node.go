package policy

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Node is what policies look at of a node.
type Node struct {
	Name   string
	Labels map[string]string
	// Addresses are those of status.addresses that are IP addresses, of both families.
	Addresses []netip.Addr
}

// FromNode converts a node of the API. Host names among its addresses are left out.
func FromNode(node *corev1.Node) *Node {
	n := &Node{Name: node.Name, Labels: node.Labels}
	for _, address := range node.Status.Addresses {
		if a, err := netip.ParseAddr(address.Address); err == nil {
			n.Addresses = append(n.Addresses, a.Unmap().WithZone(""))
		}
	}
	return n
}
