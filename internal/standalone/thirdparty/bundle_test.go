package thirdparty

import (
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
)

func TestNewerBundle(t *testing.T) {
	of := func(version string) *apiextensionsv1.CustomResourceDefinition {
		crd := &apiextensionsv1.CustomResourceDefinition{}
		if version != "" {
			crd.Annotations = map[string]string{bundleVersion: version}
		}
		return crd
	}
	for _, test := range []struct {
		existing, want string
		newer          bool
	}{
		{"v0.2.1", "v0.2.0", true}, {"v0.10.0", "v0.9.0", true}, {"v0.2.0", "v0.2.0", false}, {"v0.1.7", "v0.2.0", false}, {"v0.2.0-rc1", "v0.2.0", false},
		{"", "v0.2.0", false}, {"main", "v0.2.0", false}, {"v0.2.0", "", false},
	} {
		if got := newerBundle(of(test.existing), of(test.want)); got != test.newer {
			t.Errorf("%q is newer than %q: %t, want %t", test.existing, test.want, got, test.newer)
		}
	}
}
