package cli

import (
	"fmt"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// completeEnds completes FROM and TO with what the manifests of -f hold.
func completeEnds(paths *[]string) cobra.CompletionFunc {
	names := completeFrom(paths, (*manifest.World).EndNames)
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(args) > 1 {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return names(c, args, begun)
	}
}

// completeNamespaces offers the namespaces of the manifests of -f.
func completeNamespaces(paths *[]string) cobra.CompletionFunc {
	return completeFrom(paths, namespaceNames)
}

// completeFrom offers names that the manifests of -f hold; nothing where they cannot be read.
func completeFrom(paths *[]string, names func(*manifest.World) []string) cobra.CompletionFunc {
	return func(_ *cobra.Command, _ []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(*paths) == 0 || slices.Contains(*paths, "-") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		w, err := manifest.Read(*paths, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		all := slices.DeleteFunc(names(w), func(name string) bool { return !strings.HasPrefix(name, begun) })
		return all, cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag says how the values of a flag, which the command must have, are completed.
func completeFlag(c *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(fmt.Sprintf("hedgerow: the flag that was just added is missing: %v", err)) // broken invariant of cobra
	}
}
