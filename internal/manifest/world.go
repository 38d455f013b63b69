// Package manifest reads ordinary Kubernetes YAML and JSON from files, folders and standard input into a world: the things that policies look at, and
// where each of them, and each of their fields, was written. In flow manifests; out flow package policy's model, and positions for messages. It
// knows no cluster, decides nothing, and loses nothing silently: what cannot be read is an error with file and line.
package manifest

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hedgerow-net/hedgerow/policy"
)

// World is what a set of manifests says.
type World struct {
	// Namespaces holds the namespaces of the manifests, and those that other objects lie in, with nothing but their default label.
	Namespaces []*policy.Namespace
	// Pods are the Pods, and one pod for every workload with a pod template. A pod without status.podIPs was given addresses.
	Pods      []*policy.Pod
	Nodes     []*policy.Node
	Workloads []*Workload
	Services  []*policy.Service
	// Policies are the policies of all kinds, without the isolations of namespaces.
	Policies []*policy.Policy
	// Objects are all objects of the manifests, in the order in which they were written.
	Objects []*Object
}

// Set returns what policy.Evaluate needs of the world.
func (w *World) Set() *policy.Set { return policy.NewSet(w.Namespaces, w.Nodes, w.Policies) }

// Workload is an object with a pod template: Deployment, ReplicaSet, StatefulSet, DaemonSet, Job, CronJob, ReplicationController.
type Workload struct {
	Kind, Namespace, Name string
	// Pod stands for all pods of the workload. It is in World.Pods.
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
	// Value is the object in the type of its API: *corev1.Pod, *networkingv1.NetworkPolicy, *v1alpha2.ClusterNetworkPolicy, the alpha API's
	// *v1alpha1.NetworkPolicy and so on; nil for kinds that policies do not look at.
	Value any
	// Policy is what the object amounts to, for policies, and the isolation of a namespace (nil: not isolated).
	Policy *policy.Policy

	node node
}
