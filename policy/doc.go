// Package policy is the meaning of network policy: one model that every policy API is normalised to, the conversions into it, and
// Evaluate, the reference semantics, which decides a flow and says why.
//
// In flow API objects (namespaces, pods, policies); out flow Decisions, and the model that package compile turns into tables. Everything
// is a pure function of its arguments: no client, no clock, no goroutine, no logging. Values are made once and not changed
// afterwards, so they may be shared freely, and their pointers serve as identity for caches.
//
// What cannot be understood never opens anything: an object that cannot be converted becomes a policy that allows nothing and carries
// a Problem.
package policy
