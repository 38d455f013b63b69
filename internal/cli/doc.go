// Package cli is the command hedgerow: one file per verb. In flow arguments and manifests; out flow answers on stdout and talk on stderr, and an
// exit code that scripts can use. It decides nothing by itself: packages policy and analysis do. It never touches a kernel, except by way of
// package policytest when it is told to.
//
//go:generate go test . -run ^TestReference$ -update
package cli
