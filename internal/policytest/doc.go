// Package policytest runs unit tests of policies: files that say who should reach whom, and who should not. In flow PolicyTest files and the
// manifests that they name; out flow what each case came to, with the reason, as text, JSON or JUnit. Cases are answered by the evaluator or, by way of
// package probe, with real packets; this package decides nothing by itself.
package policytest
