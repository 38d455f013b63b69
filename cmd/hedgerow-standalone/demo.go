package main

import (
	"context"
	"errors"
	"fmt"
	"io"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone"
	"github.com/hedgerow-net/hedgerow/internal/standalone/demo"
	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
)

// errUnexpected is the end of a demonstration in which some cell was not as it must be.
var errUnexpected = errors.New("the table is not as it must be: cells marked with ! show where")

func demoCommand() *cobra.Command {
	var o standalone.Options
	var exit bool
	c := &cobra.Command{
		Use:   "demo",
		Short: "Start a cluster and show a tenant being isolated, with real packets",
		Long: `Start a cluster and show a tenant being isolated, with real packets.

Four steps: everything is open; tenant-a is isolated; a policy opens exactly one way in; the policy is deleted. After each step every
connection of a table is really opened, and what denied it is printed. Then the cluster stays up. Nothing is kept afterwards unless
--data-dir names a folder.`,
		Example: `  # show it, then keep the cluster to play with
  sudo hedgerow-standalone demo

  # show it and end: exit code 0 only if every cell is as it must be
  sudo hedgerow-standalone demo --exit`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			o.Ephemeral = o.DataDir == ""
			return run(o, func(ctx context.Context, i *standalone.Instance, p *progress.Reporter) error {
				ok, err := demo.Run(ctx, i, c.OutOrStdout(), p)
				if ctx.Err() != nil {
					return nil
				}
				if err == nil && !ok {
					err = errUnexpected
				}
				if err != nil || exit {
					return err
				}
				sayNext(c.OutOrStdout(), i)
				sayTry(c.OutOrStdout())
				return wait(ctx, i)
			})
		},
	}
	addOptions(c, &o)
	c.Flags().Lookup("data-dir").Usage = "folder that keeps everything (default: nothing is kept)"
	c.Flags().BoolVar(&exit, "exit", false, "end after the table")
	return c
}

// sayTry suggests what to do with the tenants. The resource must be written networkpolicys: kubectl takes networkpolicy for the v1 API.
func sayTry(out io.Writer) {
	fmt.Fprintf(out, `
Things to try:
  %[1]s kubectl -n tenant-a get networkpolicys
  %[1]s kubectl create -f examples/tenant-a/pol1.json \
    --raw /apis/net.alpha.kubernetes.io/v1alpha1/namespaces/tenant-a/networkpolicys/
  %[1]s kubectl annotate ns tenant-a --overwrite net.alpha.kubernetes.io/network-isolation=off
`, program())
}
