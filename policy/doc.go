// Package policy is the meaning of network policy: one model that every policy API is normalised to, the conversions into it, and
// Evaluate, the reference semantics, which decides a flow and says why.
//
// In flow API objects (namespaces, pods, policies); out flow Decisions, and the model that package compile turns into tables. Everything
// is a pure function of its arguments: no client, no clock, no goroutine, no logging. Values are made once and not changed
// afterwards, so they may be shared freely, and their pointers serve as identity for caches.
//
// What cannot be understood never opens anything, and harms nobody else. A policy of a namespace that is invalid allows nothing, and isolates the pods that it
// is about; of a policy for the whole cluster only the rule concerned fails closed, as its API says. Every such place is a Problem with its field.
package policy
