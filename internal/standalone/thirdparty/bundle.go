package thirdparty

import (
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apimachinery/pkg/util/version"
)

// bundleVersion is the annotation by which definitions of policy.networking.k8s.io say which release they are of.
const bundleVersion = "policy.networking.k8s.io/bundle-version"

// newerBundle tells whether the existing definition is of a later release than the wanted one. Somebody has installed it, and objects may be stored in
// versions that the wanted one does not have.
func newerBundle(existing, want *apiextensionsv1.CustomResourceDefinition) bool {
	there, err := version.ParseSemantic(existing.Annotations[bundleVersion])
	if err != nil {
		return false
	}
	ours, err := version.ParseSemantic(want.Annotations[bundleVersion])
	return err == nil && ours.LessThan(there)
}
