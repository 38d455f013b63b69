package thirdparty

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// builtIn are the group versions that the API server serves by itself. A definition in one of them would never be asked for anything.
type builtIn map[schema.GroupVersion]bool

// aggregatorVersion is served by the aggregator in front of all other servers, so it is in nobody's paths.
var aggregatorVersion = schema.GroupVersion{Group: "apiregistration.k8s.io", Version: "v1"}

// builtInOf finds the group versions in the paths that a server lists.
func builtInOf(paths []string) builtIn {
	found := builtIn{aggregatorVersion: true}
	for _, path := range paths {
		part := strings.Split(strings.Trim(path, "/"), "/")
		if len(part) == 3 && part[0] == "apis" {
			found[schema.GroupVersion{Group: part[1], Version: part[2]}] = true
		}
	}
	return found
}
