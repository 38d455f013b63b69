package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/policy"
)

// World is one consistent snapshot, as far as one node needs it. The compiler does not keep the slices, but it does keep the pointers
// and uses them as identity: whoever changes one of them puts a new value in its place.
type World struct {
	// Node is this node's name. Pods of this node that are not attached get no endpoint.
	Node string
	// Namespaces are all namespaces. A pod whose namespace is missing here is not known yet.
	Namespaces []*policy.Namespace
	// Pods are all pods of the cluster, also those in host networks and terminated ones.
	Pods []*policy.Pod
	// Policies are all converted policies. Isolations of namespaces are not among them: they are taken from Namespaces.
	Policies []*policy.Policy
	// Nodes are all nodes of the cluster, as far as they are known. The addresses of the one named Node are this node's, like NodeAddresses.
	Nodes []*policy.Node
	// Attachments are the pod interfaces on this node.
	Attachments []Attachment
	// NodeAddresses are the addresses of this node itself, as the node has them.
	NodeAddresses []netip.Addr
	// ClusterCIDRs are the pod ranges of the cluster, LocalCIDRs those of this node.
	ClusterCIDRs, LocalCIDRs []netip.Prefix
}

// Attachment is the interface of one pod on this node. A pod with an attachment is a local pod: its addresses are those of the
// attachment, whatever its API object says. Without an API object of the same namespace, name and UID its addresses stay closed.
type Attachment struct {
	// Key identifies the attachment for as long as it exists.
	Key string
	// Interface is the index of the host-side interface.
	Interface uint32
	Addresses []netip.Addr
	// Namespace, Pod and UID name the pod. An empty UID means any.
	Namespace, Pod, UID string
}
