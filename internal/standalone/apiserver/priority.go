package apiserver

import (
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/version"
	controlplane "k8s.io/kubernetes/pkg/controlplane/apiserver"
)

// groupOrder lists API groups that clients should prefer, where two have resources of one name; groups that are in neither this list nor
// the generic server's come after, by name.
var groupOrder = []string{
	"apps", "autoscaling", "batch", "networking.k8s.io", "policy", "storage.k8s.io", "scheduling.k8s.io", "node.k8s.io", "resource.k8s.io",
}

// Greatest priority of groups of groupOrder and of all others. The core group has 18000, custom resources 1000.
const (
	listedPriority = 17800
	otherPriority  = 10000
	priorityStep   = 50
)

// priorities gives every group version among a server's paths the place in discovery without which no APIService is made for it.
func priorities(paths []string) map[schema.GroupVersion]controlplane.APIServicePriority {
	all := controlplane.DefaultGenericAPIServicePriorities()
	missing := map[string][]string{}
	for _, path := range paths {
		part := strings.Split(strings.TrimPrefix(path, "/apis/"), "/")
		if !strings.HasPrefix(path, "/apis/") || len(part) != 2 {
			continue
		}
		if _, known := all[schema.GroupVersion{Group: part[0], Version: part[1]}]; !known {
			missing[part[0]] = append(missing[part[0]], part[1])
		}
	}
	for group, versions := range missing {
		slices.SortFunc(versions, version.CompareKubeAwareVersionStrings)
		for i, v := range versions {
			all[schema.GroupVersion{Group: group, Version: v}] = controlplane.APIServicePriority{
				Group: groupPriority(group, missing), Version: int32(i + 1),
			}
		}
	}
	return all
}

func groupPriority(group string, all map[string][]string) int32 {
	if i := slices.Index(groupOrder, group); i >= 0 {
		return int32(listedPriority - i*priorityStep)
	}
	place := 0
	for other := range all {
		if other < group && !slices.Contains(groupOrder, other) {
			place++
		}
	}
	return int32(otherPriority - place*priorityStep)
}
