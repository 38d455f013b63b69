package cli

import (
	"fmt"
	"slices"

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
