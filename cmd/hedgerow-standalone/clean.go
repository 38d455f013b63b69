package main

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone/datadir"
)

func cleanCommand() *cobra.Command {
	dir, all := datadir.Default, false
	c := &cobra.Command{
		Use:   "clean",
		Short: "Remove what killed instances left",
		Long: `Remove what killed instances left: the run folder of a data folder, and the data folders of ephemeral instances that are
dead. Namespaces, interfaces, mounts and processes are gone already; the kernel sees to that. A live instance is never touched.`,
		Example: `  # after a kill -9
  sudo hedgerow-standalone clean

  # remove an instance with all its data
  sudo hedgerow-standalone clean --data-dir /srv/other --all`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			removed, err := datadir.Sweep(datadir.EphemeralRoot)
			for _, path := range removed {
				fmt.Fprintf(c.OutOrStdout(), "removed %s\n", path)
			}
			if err != nil {
				return err
			}
			did, err := datadir.Clean(dir, all)
			if did {
				fmt.Fprintf(c.OutOrStdout(), "cleaned %s\n", dir)
			}
			return err
		},
	}
	c.Flags().StringVar(&dir, "data-dir", dir, "data folder to clean")
	c.Flags().BoolVar(&all, "all", all, "remove the data as well")
	return c
}
