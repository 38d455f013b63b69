// Command hedgerow answers what network policies mean: who reaches whom, why, and what a change changes.
package main

import (
	"os"

	"github.com/hedgerow-net/hedgerow/internal/cli"
)

func main() { os.Exit(cli.Run(os.Stdin, os.Stdout, os.Stderr, os.Args[1:]...)) }
