package main

import (
	"context"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone"
	"github.com/hedgerow-net/hedgerow/internal/standalone/demo"
	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
)

func benchCommand() *cobra.Command {
	var o standalone.Options
	var toggles int
	c := &cobra.Command{
		Use:   "bench",
		Short: "Start a cluster and measure how fast an isolation takes effect",
		Long: `Start a cluster and measure how fast an isolation takes effect.

While datagrams flow between two pods of a tenant, the tenant is isolated and opened again. Printed are the distributions of the
times from before the API write to the last datagram that passes, and to the first. Nothing is asserted: times belong to the machine.`,
		Example: `  sudo hedgerow-standalone bench --toggles 100`,
		Args:    cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			if toggles < 1 {
				return fmt.Errorf("--toggles is %d: must be at least 1", toggles)
			}
			o.Ephemeral = o.DataDir == ""
			return run(o, func(ctx context.Context, i *standalone.Instance, p *progress.Reporter) error {
				return demo.Latency(ctx, i, toggles, c.OutOrStdout(), p)
			})
		},
	}
	addOptions(c, &o)
	c.Flags().IntVar(&toggles, "toggles", 100, "how often isolation is switched on and off")
	return c
}
