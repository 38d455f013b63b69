package thirdparty

import (
	"fmt"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

func resource(name string, versions ...string) *v1beta1.ThirdPartyResource {
	out := &v1beta1.ThirdPartyResource{ObjectMeta: metav1.ObjectMeta{Name: name, UID: "uid-of-resource"}, Description: "for people"}
	for _, version := range versions {
		out.Versions = append(out.Versions, v1beta1.APIVersion{Name: version})
	}
	return out
}

func TestValidate(t *testing.T) {
	builtIn := builtInOf([]string{"/", "/api/v1", "/apis", "/apis/networking.k8s.io", "/apis/networking.k8s.io/v1", "/apis/apps/v1", "/healthz"})
	many := make([]string, 0, maxVersions+1)
	for i := range cap(many) {
		many = append(many, fmt.Sprintf("v%d", i+1))
	}
	for _, test := range []struct {
		name     string
		resource *v1beta1.ThirdPartyResource
		want     []string
	}{
		{"one version", resource("cron-tab.example.com", "v1"), nil},
		{"as many versions as may be", resource("cron-tab.example.com", many[:maxVersions]...), nil},
		{"the policy", resource("network-policy.net.alpha.kubernetes.io", "v1alpha1"), nil},
		{"another kind of the policy's group", resource("foo.net.alpha.kubernetes.io", "v7"), nil},
		{"another version of a built-in group", resource("foo.networking.k8s.io", "v7"), nil},
		{"a bad name", resource("crontab", "v1"), []string{"FieldValueInvalid metadata.name"}},
		{"no version", resource("cron-tab.example.com"), []string{"FieldValueRequired versions"}},
		{"too many versions", resource("cron-tab.example.com", many...), []string{"FieldValueTooMany versions"}},
		{"bad versions", resource("cron-tab.example.com", "v1", "", "V2", "v.3"),
			[]string{"FieldValueInvalid versions[1].name", "FieldValueInvalid versions[2].name", "FieldValueInvalid versions[3].name"}},
		{"a version twice", resource("cron-tab.example.com", "v1", "v1"), []string{"FieldValueDuplicate versions[1].name"}},
		{"another version of the policy", resource("network-policy.net.alpha.kubernetes.io", "v1alpha1", "v1"), []string{"FieldValueNotSupported versions[1].name"}},
		{"a built-in version", resource("foo.networking.k8s.io", "v7", "v1"), []string{"FieldValueForbidden versions[1].name"}},
		{"a version of the aggregator", resource("foo.apiregistration.k8s.io", "v1"), []string{"FieldValueForbidden versions[0].name"}},
	} {
		var got []string
		for _, err := range validate(test.resource, builtIn) {
			got = append(got, string(err.Type)+" "+err.Field)
		}
		if diff := cmp.Diff(test.want, got); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.name, diff)
		}
	}
}
