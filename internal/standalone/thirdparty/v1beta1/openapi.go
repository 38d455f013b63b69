package v1beta1

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"
)

// Names of the types in OpenAPI documents.
const (
	resourceModel = "com.github.hedgerow-net.hedgerow.extensions.v1beta1.ThirdPartyResource"
	listModel     = resourceModel + "List"
	versionModel  = "com.github.hedgerow-net.hedgerow.extensions.v1beta1.APIVersion"
)

// OpenAPIModelName is the name of the type in OpenAPI documents.
func (ThirdPartyResource) OpenAPIModelName() string { return resourceModel }

// OpenAPIModelName is the name of the type in OpenAPI documents.
func (ThirdPartyResourceList) OpenAPIModelName() string { return listModel }

// OpenAPIModelName is the name of the type in OpenAPI documents.
func (APIVersion) OpenAPIModelName() string { return versionModel }

// Definitions describes the types for OpenAPI documents, keyed by model name. Ref makes a reference to another model.
func Definitions(ref common.ReferenceCallback) map[string]common.OpenAPIDefinition {
	objectMeta, listMeta := metav1.ObjectMeta{}.OpenAPIModelName(), metav1.ListMeta{}.OpenAPIModelName()
	resource := object("ThirdPartyResource names a kind that the API server then serves.", true, map[string]spec.Schema{
		"metadata":    reference(ref, objectMeta),
		"description": text("Description is for people."),
		"versions":    *spec.ArrayProperty(new(reference(ref, versionModel))),
	})
	list := object("ThirdPartyResourceList is a list of ThirdPartyResources.", true, map[string]spec.Schema{
		"metadata": reference(ref, listMeta),
		"items":    *spec.ArrayProperty(new(reference(ref, resourceModel))),
	})
	list.Required = []string{"items"}
	version := object("APIVersion is one version of the kind.", false, map[string]spec.Schema{
		"name": text("Name is a version such as v1 or v1alpha1."),
	})
	return map[string]common.OpenAPIDefinition{
		resourceModel: {Schema: resource, Dependencies: []string{objectMeta, versionModel}},
		listModel:     {Schema: list, Dependencies: []string{listMeta, resourceModel}},
		versionModel:  {Schema: version},
	}
}

// DefinitionExtensions returns the kind that a model is, for OpenAPI documents; false for models of others.
func DefinitionExtensions(model string) (spec.Extensions, bool) {
	switch model {
	case resourceModel:
		return kind(Kind), true
	case listModel:
		return kind(Kind + "List"), true
	case versionModel:
		return nil, true
	}
	return nil, false
}

// kind is the extension by which clients find the model of a kind.
func kind(name string) spec.Extensions {
	return spec.Extensions{"x-kubernetes-group-version-kind": []any{
		map[string]any{"group": GroupName, "version": Version, "kind": name},
	}}
}

// object describes a JSON object. Those that are kinds get the two fields of every kind.
func object(description string, isKind bool, properties map[string]spec.Schema) spec.Schema {
	if isKind {
		properties["apiVersion"] = text("APIVersion is " + SchemeGroupVersion.String() + ".")
		properties["kind"] = text("Kind says which of the group's kinds this is.")
	}
	return spec.Schema{SchemaProps: spec.SchemaProps{Type: []string{"object"}, Description: description, Properties: properties}}
}

func text(description string) spec.Schema { return *spec.StringProperty().WithDescription(description) }

func reference(ref common.ReferenceCallback, model string) spec.Schema {
	return spec.Schema{SchemaProps: spec.SchemaProps{Default: map[string]any{}, Ref: ref(model)}}
}
