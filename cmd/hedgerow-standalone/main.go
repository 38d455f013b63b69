// Command hedgerow-standalone runs a whole Kubernetes cluster with enforced network policies on one machine: etcd, the real API server and
// controllers, nodes as network namespaces, real pods. Its child processes that carry Kubernetes code are sub-commands of it.
package main

import (
	"fmt"
	"os"

	"github.com/spf13/cobra"
	"github.com/spf13/pflag"

	"github.com/hedgerow-net/hedgerow/internal/standalone/controllers"
)

func main() {
	if err := command().Execute(); err != nil {
		fmt.Fprintf(os.Stderr, "hedgerow-standalone: %v\n", err)
		os.Exit(1)
	}
}

func command() *cobra.Command {
	c := &cobra.Command{
		Use:   "hedgerow-standalone",
		Short: "Run a cluster with enforced network policies on this machine",
		Long: `Run a cluster with enforced network policies on this machine, in one command.

Nodes are network namespaces of their own: the machine's network, firewall and routes are never changed, and everything is
gone when the command ends. On the machine it listens on 127.0.0.1 only.`,
		Example: `  # start, and keep everything in /var/lib/hedgerow-standalone
  sudo hedgerow-standalone up

  # start two nodes and keep nothing
  sudo hedgerow-standalone up --ephemeral --nodes 2

  # use it from another terminal
  sudo hedgerow-standalone kubectl get nodes

  # why is a connection denied?
  sudo hedgerow-standalone denials

  # remove what a killed instance left
  sudo hedgerow-standalone clean`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return c.Help() }, // with it, a misspelt command is an error
	}
	// Kubernetes' own flag, which would end nothing here. The command version says what it would.
	if f := pflag.CommandLine.Lookup("version"); f != nil {
		f.Hidden = true
	}
	c.AddCommand(upCommand(), demoCommand(), benchCommand(), cleanCommand(), kubectlCommand(), denialsCommand(), versionCommand())
	c.AddCommand(controllers.Commands()...)
	c.CompletionOptions.HiddenDefaultCmd = true
	return c
}
