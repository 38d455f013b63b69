package v1beta1

import metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

// ThirdPartyResource names a kind that the API server then serves. Its own name says which: network-policy.net.alpha.kubernetes.io
// is the kind NetworkPolicy in the group net.alpha.kubernetes.io, served as networkpolicys.
type ThirdPartyResource struct {
	metav1.TypeMeta   `json:",inline"`
	metav1.ObjectMeta `json:"metadata,omitempty"`

	// Description is for people.
	Description string `json:"description,omitempty"`
	// Versions are the versions under which the kind is served. The first is the one that is stored.
	Versions []APIVersion `json:"versions,omitempty"`
}

// APIVersion is one version of the kind.
type APIVersion struct {
	// Name is a version such as v1 or v1alpha1.
	Name string `json:"name,omitempty"`
}

// ThirdPartyResourceList is a list of ThirdPartyResources.
type ThirdPartyResourceList struct {
	metav1.TypeMeta `json:",inline"`
	metav1.ListMeta `json:"metadata,omitempty"`

	Items []ThirdPartyResource `json:"items"`
}
