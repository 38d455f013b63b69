package thirdparty

import (
	"strings"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/deploy/crds"
	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// definitionOf is the CustomResourceDefinition that a ThirdPartyResource of this name asks for: namespaced, any content kept, the first version
// stored, owned by the resource. For the alpha policy's own name it is the one Hedgerow brings along, owned by nobody.
func definitionOf(resource *v1beta1.ThirdPartyResource, name Name) (*apiextensionsv1.CustomResourceDefinition, error) {
	if name.Definition() == crds.NetworkPolicysName {
		return crds.NetworkPolicys()
	}
	crd := &apiextensionsv1.CustomResourceDefinition{
		ObjectMeta: metav1.ObjectMeta{
			Name:            name.Definition(),
			OwnerReferences: []metav1.OwnerReference{ownerOf(resource)},
		},
		Spec: apiextensionsv1.CustomResourceDefinitionSpec{
			Group: name.Group,
			Scope: apiextensionsv1.NamespaceScoped,
			Names: apiextensionsv1.CustomResourceDefinitionNames{
				Plural: name.Resource(), Singular: name.Singular(), Kind: name.Kind, ListKind: name.Kind + "List",
			},
			Versions: versionsOf(resource),
		},
	}
	if isProtected(name.Group) {
		crd.Annotations = map[string]string{apiextensionsv1.KubeAPIApprovedAnnotation: "unapproved, made by the ThirdPartyResource " + resource.Name}
	}
	return crd, nil
}

// ownerOf is the reference by which a definition is known to be this resource's. The garbage collector follows it, so a definition
// goes with its owner even if the process dies between the two deletions.
func ownerOf(resource *v1beta1.ThirdPartyResource) metav1.OwnerReference {
	return metav1.OwnerReference{
		APIVersion: v1beta1.SchemeGroupVersion.String(), Kind: v1beta1.Kind, Name: resource.Name, UID: resource.UID, Controller: new(true),
	}
}

// isProtected tells whether the API server wants to know who approved an API of this group.
func isProtected(group string) bool {
	for _, domain := range []string{"k8s.io", "kubernetes.io"} {
		if group == domain || strings.HasSuffix(group, "."+domain) {
			return true
		}
	}
	return false
}

func versionsOf(resource *v1beta1.ThirdPartyResource) []apiextensionsv1.CustomResourceDefinitionVersion {
	versions := make([]apiextensionsv1.CustomResourceDefinitionVersion, 0, len(resource.Versions))
	for i, version := range resource.Versions {
		versions = append(versions, apiextensionsv1.CustomResourceDefinitionVersion{
			Name: version.Name, Served: true, Storage: i == 0,
			Schema: &apiextensionsv1.CustomResourceValidation{OpenAPIV3Schema: &apiextensionsv1.JSONSchemaProps{
				Type: "object", Description: resource.Description, XPreserveUnknownFields: new(true),
			}},
		})
	}
	return versions
}
