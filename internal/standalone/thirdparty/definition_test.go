package thirdparty

import (
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/deploy/crds"
)

func define(t *testing.T, name string, versions ...string) *apiextensionsv1.CustomResourceDefinition {
	t.Helper()
	parsed, err := ParseName(name)
	if err != nil {
		t.Fatal(err)
	}
	crd, err := definitionOf(resource(name, versions...), parsed)
	if err != nil {
		t.Fatal(err)
	}
	return crd
}

func TestDefinitionOf(t *testing.T) {
	schema := &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
		Type: "object", Description: "for people", XPreserveUnknownFields: new(true),
	}}
	want := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name: "crontabs.example.com",
			OwnerReferences: []metav1.OwnerReference{{
				APIVersion: "extensions/v1beta1", Kind: "ThirdPartyResource", Name: "cron-tab.example.com", UID: "uid-of-resource", Controller: new(true),
			}},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: "example.com", Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{Plural: "crontabs", Singular: "crontab", Kind: "CronTab", ListKind: "CronTabList"},
			Versions: []apiextensionsv1.CustomResourceDefinitionVersion{
				{Name: "v2", Served: true, Storage: true, Schema: schema},
				{Name: "v1", Served: true, Schema: schema},
			},
		},
	}
	if diff := cmp.Diff(want, define(t, "cron-tab.example.com", "v2", "v1")); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
}

func TestDefinitionOfThePolicyIsOurs(t *testing.T) {
	want, err := crds.NetworkPolicys()
	if err != nil {
		t.Fatal(err)
	}
	got := define(t, "network-policy.net.alpha.kubernetes.io", "v1alpha1")
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("definition (-want +got):\n%s", diff)
	}
	if len(got.OwnerReferences) > 0 {
		t.Errorf("owned by %v: it would go with its owner", got.OwnerReferences)
	}
}

func TestProtectedGroupsAreApproved(t *testing.T) {
	for group, protected := range map[string]bool{
		"foo.kubernetes.io": true, "foo.k8s.io": true, "a.b.k8s.io": true, "k8s.io": true,
		"example.com": false, "notk8s.io": false, "k8s.io.example.com": false,
	} {
		approved := define(t, "foo."+group, "v1").Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]
		if strings.HasPrefix(approved, "unapproved, ") != protected {
			t.Errorf("%s: annotation %q", group, approved)
		}
	}
}
