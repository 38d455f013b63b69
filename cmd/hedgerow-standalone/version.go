package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
	"github.com/hedgerow-net/hedgerow/internal/version"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print versions", Args: cobra.NoArgs,
		Example: `  hedgerow-standalone version`,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(c.OutOrStdout(), "hedgerow-standalone %s, Kubernetes %s\n", version.Own(), apiserver.KubernetesVersion())
		},
	}
}
