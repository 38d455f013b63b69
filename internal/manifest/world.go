// Package manifest reads ordinary Kubernetes YAML and JSON from files, folders and standard input into a world: the things that policies look at, and
// where each of them, and each of their fields, was written. It also finds what people's names for the ends of flows stand for (FindEnd, SplitTarget,
// Flows). In flow manifests and names; out flow package policy's model, and positions for messages. It knows no cluster, decides nothing, and loses
// nothing silently: what cannot be read is an error with file and line.
package manifest

import (
	"fmt"
	"net/netip"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// World is what a set of manifests says. Namespaces holds those of the manifests, and those that other objects lie in, with nothing but their
// default label; Pods the Pods, and one pod for every workload with a pod template none of whose Pods is there. A pod without status.podIPs was given addresses.
type World struct {
	analysis.World
	Workloads []*Workload
	// Objects are all objects of the manifests, in the order in which they were written.
	Objects []*Object

	byRef  map[refKey]*Object
	claims map[netip.Addr]int // how many pods have the address
}

// Workload is an object with a pod template: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, ReplicationController.
type Workload struct {
	Kind, Namespace, Name string
	// Pods are those of the workload, among World.Pods.
	Pods []*policy.Pod
	// Pod is the only one of Pods where it stands for all pods of the workload; nil where Pods are Pods of the manifests.
	Pod *policy.Pod
}

// Position is where something was written.
type Position struct {
	File string // "-" is standard input
	Line int    // from 1
}

func (p Position) String() string {
	if p.File == "" {
		return ""
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}

// Object is one object as it was written.
type Object struct {
	Kind            schema.GroupVersionKind
	Namespace, Name string
	// Position is the line on which the object begins.
	Position Position
	// Value is the object in the type of its API, its namespace filled in: *corev1.Pod, *networkingv1.NetworkPolicy, *v1alpha2.ClusterNetworkPolicy, the alpha API's
	// *v1alpha1.NetworkPolicy and so on; nil for kinds that policies do not look at.
	Value any
	// Policy is what the object amounts to, for policies, and the isolation of a namespace (nil: not isolated).
	Policy *policy.Policy
	// Pod is what the object amounts to, for Pods, and the pod that was added for a workload; nil: none was.
	Pod *policy.Pod

	value *value
}
