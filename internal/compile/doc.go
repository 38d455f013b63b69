// Package compile turns a world (namespaces, pods, nodes, policies, the pods attached to this node) into the tables of package datapath, and the
// way from one world to the next into ordered changes.
//
// Addresses that no peer in use can tell apart (neither by pod, nor by node, nor by network) form a group; the policies that select a local pod, for
// one direction, are its profile; verdicts are computed once for every (profile, group). The order of changes guarantees that while they are
// applied, write by write, every flow is judged in each direction either as in the old world or as in the new one, never as a mix.
//
// What fills a table beyond its limit is shut, clause by clause, and named in a Problem; others are not harmed.
//
// The package is pure and single-threaded: no clock, no goroutine, no kernel. It never opens what it does not understand: addresses
// without a known pod stay closed.
package compile
