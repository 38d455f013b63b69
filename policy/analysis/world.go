// Package analysis answers questions about whole sets of policies that no single flow answers: who reaches whom, what a change changes. In
// flow a World of package policy's model; out flow values that others print. It is pure: no client, no file, no clock, no goroutine.
package analysis

import "github.com/hedgerow-net/hedgerow/policy"

// World is what is analysed. It is not changed.
type World struct {
	Namespaces []*policy.Namespace
	Pods       []*policy.Pod
	Nodes      []*policy.Node
	Services   []*policy.Service
	// Policies are those of all kinds, without the isolations of namespaces, which are taken from Namespaces.
	Policies []*policy.Policy
}

// Set returns what policy.Evaluate needs of the world.
func (w *World) Set() *policy.Set { return policy.NewSet(w.Namespaces, w.Nodes, w.Policies) }
