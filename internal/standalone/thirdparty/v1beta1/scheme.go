package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Names of the API.
const (
	// GroupName is the API group.
	GroupName = "extensions"
	// Version is the version of the group.
	Version = "v1beta1"
	// Kind is the kind of a ThirdPartyResource.
	Kind = "ThirdPartyResource"
	// Resource is the plural under which they are served.
	Resource = "thirdpartyresources"
)

// SchemeGroupVersion is the group and version of every type here.
var SchemeGroupVersion = schema.GroupVersion{Group: GroupName, Version: Version}

// GroupResource names the resource without its version.
var GroupResource = schema.GroupResource{Group: GroupName, Resource: Resource}

// AddToScheme registers the types with a scheme, as v1beta1 and as the internal version that an API server converts
// to: there is one version, so both are the same Go types.
func AddToScheme(s *runtime.Scheme) error {
	internal := schema.GroupVersion{Group: GroupName, Version: runtime.APIVersionInternal}
	for _, version := range []schema.GroupVersion{SchemeGroupVersion, internal} {
		s.AddKnownTypes(version, &ThirdPartyResource{}, &ThirdPartyResourceList{})
	}
	metav1.AddToGroupVersion(s, SchemeGroupVersion)
	return s.SetVersionPriority(SchemeGroupVersion)
}
