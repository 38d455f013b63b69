// Command hedgerow-cni is the CNI plugin of Hedgerow. A container runtime runs it for every pod of a node; run by hand, it says
// what it is.
package main

import (
	"os"

	"github.com/hedgerow-net/hedgerow/internal/cni"
)

func main() { os.Exit(cni.Main()) }
