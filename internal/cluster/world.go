// Package cluster keeps the world: namespaces, pods, nodes and policies, as the latest word of a source has them. Sources are
// the API server (Informers) and a folder of manifests (Files). In flow API objects, which are stripped on arrival to what policies look at; out
// flow Updates, applied by the one goroutine that owns the World. The package decides nothing and never touches the kernel.
package cluster

import (
	"context"
	"net/netip"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hedgerow-net/hedgerow/policy"
)

// World is everything known of the cluster. It belongs to one goroutine. Values are replaced, never changed, so pointers may be kept and
// serve as identity.
type World struct {
	Namespaces map[string]*policy.Namespace
	Pods       map[types.NamespacedName]*policy.Pod
	Policies   map[policy.Ref]*policy.Policy
	Nodes      map[string]*policy.Node
	// PodCIDRs are the pod ranges of the own node; nil before the node is known.
	PodCIDRs []netip.Prefix
	// Awaited names, for people, what the first complete list has not arrived of.
	Awaited map[string]bool
	// Synced: the first complete list of everything has arrived. Before that nothing may be concluded from absence.
	Synced bool
}

// NewWorld returns an empty world that is not synced.
func NewWorld() *World {
	return &World{
		Namespaces: map[string]*policy.Namespace{},
		Pods:       map[types.NamespacedName]*policy.Pod{},
		Policies:   map[policy.Ref]*policy.Policy{},
		Nodes:      map[string]*policy.Node{},
		Awaited:    map[string]bool{},
	}
}

// Update is one change of the world. Calling it applies it; only the world's owner may.
type Update func(*World)

// Source brings the world's changes.
type Source interface {
	// Run calls emit for every change, in an order that keeps the changes of each object in sequence, until ctx ends. emit may block. An
	// error means that the source cannot work at all.
	Run(ctx context.Context, emit func(Update)) error
}

// Synced is the update that says: the first complete list has arrived.
func Synced(w *World) { w.Synced = true }

// await is the update that says: these have not been listed.
func await(names ...string) Update {
	return func(w *World) {
		for _, name := range names {
			w.Awaited[name] = true
		}
	}
}

// listed is the update that says: the first complete list of these has arrived.
func listed(name string) Update {
	return func(w *World) { delete(w.Awaited, name) }
}

func setNamespace(ns *policy.Namespace) Update {
	return func(w *World) { w.Namespaces[ns.Name] = ns }
}

func deleteNamespace(name string) Update {
	return func(w *World) { delete(w.Namespaces, name) }
}

func setPod(pod *policy.Pod) Update {
	return func(w *World) { w.Pods[types.NamespacedName{Namespace: pod.Namespace, Name: pod.Name}] = pod }
}

func deletePod(namespace, name string) Update {
	return func(w *World) { delete(w.Pods, types.NamespacedName{Namespace: namespace, Name: name}) }
}

func setPolicy(p *policy.Policy) Update {
	return func(w *World) { w.Policies[p.Ref] = p }
}

func deletePolicy(ref policy.Ref) Update {
	return func(w *World) { delete(w.Policies, ref) }
}
