package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// filenameFlag adds -f, which may be given several times, to a command.
func filenameFlag(c *cobra.Command, usage string) *[]string {
	paths := c.Flags().StringArrayP("filename", "f", nil, usage)
	completeFlag(c, "filename", cobra.FixedCompletions([]string{"yaml", "yml", "json"}, cobra.ShellCompDirectiveFilterFileExt))
	return paths
}

// filenameUsage is the usage of -f in verbs that take one world.
const filenameUsage = "manifests: `PATH` of a file, a folder with everything below it, or - for standard input (may be given several times)"

// world reads the one world that a verb is about, and warns of policies in it that do not mean what is written in them.
func world(c *cobra.Command, paths []string) (*manifest.World, error) {
	w, err := readWorld(c, paths)
	if err != nil {
		return nil, err
	}
	warn(c, w.Warnings())
	return w, nil
}

func readWorld(c *cobra.Command, paths []string) (*manifest.World, error) {
	if len(paths) == 0 {
		return nil, usageError(c, "which manifests? name them with --filename (-f)")
	}
	return manifest.Read(paths, c.InOrStdin())
}

func warn(c *cobra.Command, warnings []string) {
	for _, warning := range warnings {
		fmt.Fprintln(c.ErrOrStderr(), warning)
	}
}
