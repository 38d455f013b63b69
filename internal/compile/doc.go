// Package compile turns a world (namespaces, pods, policies, the pods attached to this node) into the tables of package datapath, and the
// way from one world to the next into ordered changes.
//
// Pods that no peer selector in use can tell apart form a group; the policies that select a local pod, for one direction, are its
// profile; verdicts are computed once for every (profile, group). The order of changes guarantees that while they are applied, write by
// write, every flow is judged in each direction either as in the old world or as in the new one, never as a mix.
//
// The package is pure and single-threaded: no clock, no goroutine, no kernel. It never opens what it does not understand: addresses
// without a known pod stay closed.
package compile
