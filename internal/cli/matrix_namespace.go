package cli

import (
	"fmt"
	"slices"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

func namespaceNames(w *manifest.World) []string {
	names := make([]string, len(w.Namespaces))
	for i, ns := range w.Namespaces {
		names[i] = ns.Name
	}
	return names
}

// checkNamespaces refuses names that no namespace of the manifests has: the answer would be empty, and look like "nothing".
func checkNamespaces(w *manifest.World, namespaces []string) error {
	all := namespaceNames(w)
	for _, name := range namespaces {
		if !slices.Contains(all, name) {
			return fmt.Errorf("there is no namespace %s in the manifests%s", name, nearest.DidYouMean(name, all))
		}
	}
	return nil
}

// completeNamespaces offers the namespaces of the manifests of -f; nothing where they cannot be read.
func completeNamespaces(paths *[]string) cobra.CompletionFunc {
	return func(*cobra.Command, []string, string) ([]cobra.Completion, cobra.ShellCompDirective) {
		if len(*paths) == 0 || slices.Contains(*paths, "-") {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		w, err := manifest.Read(*paths, nil)
		if err != nil {
			return nil, cobra.ShellCompDirectiveNoFileComp
		}
		return namespaceNames(w), cobra.ShellCompDirectiveNoFileComp
	}
}

// completeFlag says how the values of a flag, which the command must have, are completed.
func completeFlag(c *cobra.Command, name string, complete cobra.CompletionFunc) {
	if err := c.RegisterFlagCompletionFunc(name, complete); err != nil {
		panic(fmt.Sprintf("hedgerow: the flag that was just added is missing: %v", err)) // broken invariant of cobra
	}
}
