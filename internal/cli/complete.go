package cli

import (
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// completeEnds completes FROM and TO with what the manifests of -f hold. Where they cannot be read there is nothing to offer.
func completeEnds(paths *[]string) cobra.CompletionFunc {
	return func(c *cobra.Command, args []string, begun string) ([]cobra.Completion, cobra.ShellCompDirective) {
		const none = cobra.ShellCompDirectiveNoFileComp
		if len(args) > 1 || len(*paths) == 0 || slices.Contains(*paths, "-") {
			return nil, none
		}
		w, err := manifest.Read(*paths, nil)
		if err != nil {
			return nil, none
		}
		var all []string
		for _, name := range endNames(w) {
			if strings.HasPrefix(name, begun) {
				all = append(all, name)
			}
		}
		return all, none
	}
}

// endNames are the names of pods, workloads, Services and nodes that can be an end.
func endNames(w *manifest.World) []string {
	var all []string
	for _, p := range w.Pods {
		if !strings.Contains(p.Name, ":") { // a workload that shares its name with a Pod: offered below
			all = append(all, p.String())
		}
	}
	for _, s := range w.Services {
		all = append(all, "svc/"+s.Namespace+"/"+s.Name)
	}
	for _, wl := range w.Workloads {
		all = append(all, strings.ToLower(wl.Kind)+"/"+wl.Namespace+"/"+wl.Name)
	}
	for _, n := range w.Nodes {
		all = append(all, "node/"+n.Name)
	}
	return all
}
