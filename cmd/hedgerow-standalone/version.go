package main

import (
	"fmt"
	"runtime/debug"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print versions", Args: cobra.NoArgs,
		Example: `  hedgerow-standalone version`,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(c.OutOrStdout(), "hedgerow-standalone %s, Kubernetes %s\n", ownVersion(), apiserver.KubernetesVersion())
		},
	}
}

// ownVersion is the module's version, or in a build from a working tree the commit.
func ownVersion() string {
	info, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	if v := info.Main.Version; v != "" && v != "(devel)" {
		return v
	}
	for _, s := range info.Settings {
		if s.Key == "vcs.revision" {
			return s.Value
		}
	}
	return "unknown"
}
