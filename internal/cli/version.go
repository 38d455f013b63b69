package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/version"
)

func versionCommand() *cobra.Command {
	return &cobra.Command{
		Use: "version", Short: "Print the version", Args: args(),
		Example: `  hedgerow version`,
		Run: func(c *cobra.Command, _ []string) {
			fmt.Fprintf(c.OutOrStdout(), "hedgerow %s\n", version.Own())
		},
	}
}
