package v1alpha1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Names of the API.
const (
	// GroupName is the API group.
	GroupName = "net.alpha.kubernetes.io"
	// Version is the version of the group.
	Version = "v1alpha1"
	// Kind is the kind of a policy.
	Kind = "NetworkPolicy"
	// Resource is the plural under which policies are served. It is not networkpolicies, which means networking.k8s.io/v1.
	Resource = "networkpolicys"
)

// SchemeGroupVersion is the group and version of every type here.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: Version}

// GroupVersionResource is where policies are served.
var GroupVersionResource = SchemeGroupVersion.WithResource(Resource)

// GroupVersionKind is the kind of a policy.
var GroupVersionKind = SchemeGroupVersion.WithKind(Kind)

// AddToScheme registers the types with a scheme.
func AddToScheme(s *runtime.Scheme) error {
	s.AddKnownTypes(SchemeGroupVersion, &NetworkPolicy{}, &NetworkPolicyList{})
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	return nil
}
