package manifest

import (
	"reflect"
	"slices"
	"strings"

	appsv1 "k8s.io/api/apps/v1"
	batchv1 "k8s.io/api/batch/v1"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime/schema"
	apiv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	apiv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// kind is a kind of object that policies look at.
type kind struct {
	gvk   schema.GroupVersionKind
	typed reflect.Type
	// cluster: objects of the kind lie in no namespace.
	cluster bool
	// policy: a field that is not known is an error, because what it was meant to narrow would be wide open. Other kinds may come from newer versions.
	policy bool
}

// custom reports whether objects of the kind are custom resources.
func (k *kind) custom() bool {
	return k.gvk.Group == policyGroup || k.gvk.Group == v1alpha1.SchemeGroupVersion.Group
}

const policyGroup = "policy.networking.k8s.io"

// kinds are all of them.
var kinds = []kind{
	{gvk: corev1.SchemeGroupVersion.WithKind("Namespace"), typed: reflect.TypeFor[corev1.Namespace](), cluster: true},
	{gvk: corev1.SchemeGroupVersion.WithKind("Node"), typed: reflect.TypeFor[corev1.Node](), cluster: true},
	{gvk: corev1.SchemeGroupVersion.WithKind("Pod"), typed: reflect.TypeFor[corev1.Pod]()},
	{gvk: corev1.SchemeGroupVersion.WithKind("Service"), typed: reflect.TypeFor[corev1.Service]()},
	{gvk: corev1.SchemeGroupVersion.WithKind("ReplicationController"), typed: reflect.TypeFor[corev1.ReplicationController]()},
	{gvk: appsv1.SchemeGroupVersion.WithKind("Deployment"), typed: reflect.TypeFor[appsv1.Deployment]()},
	{gvk: appsv1.SchemeGroupVersion.WithKind("ReplicaSet"), typed: reflect.TypeFor[appsv1.ReplicaSet]()},
	{gvk: appsv1.SchemeGroupVersion.WithKind("StatefulSet"), typed: reflect.TypeFor[appsv1.StatefulSet]()},
	{gvk: appsv1.SchemeGroupVersion.WithKind("DaemonSet"), typed: reflect.TypeFor[appsv1.DaemonSet]()},
	{gvk: batchv1.SchemeGroupVersion.WithKind("Job"), typed: reflect.TypeFor[batchv1.Job]()},
	{gvk: batchv1.SchemeGroupVersion.WithKind("CronJob"), typed: reflect.TypeFor[batchv1.CronJob]()},
	{gvk: networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"), typed: reflect.TypeFor[networkingv1.NetworkPolicy](), policy: true},
	{gvk: v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.Kind), typed: reflect.TypeFor[v1alpha1.NetworkPolicy](), policy: true},
	{
		gvk:   schema.GroupVersionKind{Group: policyGroup, Version: "v1alpha2", Kind: "ClusterNetworkPolicy"},
		typed: reflect.TypeFor[apiv1alpha2.ClusterNetworkPolicy](), cluster: true, policy: true,
	},
	{
		gvk:   schema.GroupVersionKind{Group: policyGroup, Version: "v1alpha1", Kind: "AdminNetworkPolicy"},
		typed: reflect.TypeFor[apiv1alpha1.AdminNetworkPolicy](), cluster: true, policy: true,
	},
	{
		gvk:   schema.GroupVersionKind{Group: policyGroup, Version: "v1alpha1", Kind: "BaselineAdminNetworkPolicy"},
		typed: reflect.TypeFor[apiv1alpha1.BaselineAdminNetworkPolicy](), cluster: true, policy: true,
	},
}

// formerGroup is where workloads and NetworkPolicies lay before they got groups of their own.
const formerGroup = "extensions"

// kindOf finds the kind; nil: policies do not look at it. problem says what is wrong with the apiVersion of a kind that seems to be meant.
func kindOf(apiVersion, name string) (k *kind, problem string) {
	var known []string
	for i := range kinds {
		if kinds[i].gvk.Kind != name {
			continue
		}
		version := kinds[i].gvk.GroupVersion().String()
		if version == apiVersion {
			return &kinds[i], ""
		}
		known = append(known, version)
	}
	switch {
	case len(known) == 0:
		return nil, misspelt(apiVersion, name)
	case apiVersion == "" && len(known) > 1:
		return nil, name + " without apiVersion is ambiguous: write " + strings.Join(known, " or ")
	case apiVersion == "":
		return nil, "apiVersion is missing: write " + known[0]
	case meantOneOf(apiVersion, known):
		return nil, "apiVersion " + shorten(apiVersion) + " of " + name + " is not known: write " + strings.Join(known, " or ")
	}
	return nil, ""
}

// misspelt says which kind of the same group seems to be meant by one that is not known; empty: none. An API server refuses it, too, and to pass over a
// policy because of a letter would open what it closes.
func misspelt(apiVersion, name string) string {
	if apiVersion == "" {
		return ""
	}
	var all []string
	for _, k := range kinds {
		if k.gvk.Group == groupOf(apiVersion) {
			all = append(all, k.gvk.Kind)
		}
	}
	if hint := nearest.DidYouMean(name, all); hint != "" {
		return "kind " + shorten(name) + " of " + shorten(apiVersion) + " is not known" + hint
	}
	return ""
}

// groupOf returns the group of an apiVersion; empty for the core group.
func groupOf(apiVersion string) string {
	group, _, found := strings.Cut(apiVersion, "/")
	if !found {
		return ""
	}
	return group
}

// meantOneOf tells an old or misspelt version of a known API from the API of somebody else with a kind of the same name.
func meantOneOf(apiVersion string, known []string) bool {
	group, _, _ := strings.Cut(apiVersion, "/")
	return group == formerGroup || nearest.Name(apiVersion, known) != "" || slices.ContainsFunc(known, func(k string) bool {
		g, _, hasGroup := strings.Cut(k, "/")
		return g == group || !hasGroup && !strings.Contains(apiVersion, "/")
	})
}
