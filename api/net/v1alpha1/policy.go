package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Limits of one policy. Validate refuses what exceeds them.
const (
	// MaxPeers is the largest number of entries in spec.allowIncoming.from.
	MaxPeers = 1000
	// MaxPorts is the largest number of entries in spec.allowIncoming.toPorts.
	MaxPorts = 1000
)

// NetworkPolicy opens ways into pods of its namespace. It has an effect only while the namespace is isolated (see
// IsolationAnnotation). What several policies allow adds up; a policy never takes away what another one allows.
type NetworkPolicy struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	Spec NetworkPolicySpec `json:"spec,omitempty"`
}

// NetworkPolicySpec says for which pods the policy opens which ways.
type NetworkPolicySpec struct {
	// AllowIncoming is what may reach the selected pods. Absent: the policy allows nothing.
	AllowIncoming *AllowIncoming `json:"allowIncoming,omitempty"`
	// PodSelector selects pods of the policy's namespace that carry all of these labels. Absent or empty: every pod of the
	// namespace.
	PodSelector map[string]string `json:"podSelector,omitempty"`
}

// AllowIncoming lets every peer of From reach every port of ToPorts. An empty AllowIncoming lets everything in.
type AllowIncoming struct {
	// From names who may connect; entries add up. Absent or empty: every peer, also outside the cluster. At most MaxPeers.
	From []Peer `json:"from,omitempty"`
	// ToPorts names what they may reach; entries add up. Absent or empty: every port and protocol. At most MaxPorts.
	ToPorts []Port `json:"toPorts,omitempty"`
}

// Peer selects pods as senders. Both fields are pointers because absent and empty differ: an absent map does not select,
// an empty one selects all of its kind. Pods alone: pods of the policy's namespace. Namespaces alone: every pod of
// those namespaces. Both: those pods in those namespaces. Neither: Validate refuses it; where it is already stored it matches nothing.
type Peer struct {
	// Pods holds the labels that a pod must carry.
	Pods *map[string]string `json:"pods,omitempty"`
	// Namespaces holds the labels that the pod's namespace must carry.
	Namespaces *map[string]string `json:"namespaces,omitempty"`
}

// Port is a port of the selected pods.
type Port struct {
	// Port is a number from 1 to 65535 or the name of a container port. Absent: every port of the protocol.
	Port *intstr.IntOrString `json:"port,omitempty"`
	// Protocol is TCP, UDP or SCTP in any case; see ParseProtocol. Absent: TCP.
	Protocol *string `json:"protocol,omitempty"`
}

// NetworkPolicyList is a list of policies, as the API server answers it.
type NetworkPolicyList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []NetworkPolicy `json:"items"`
}
