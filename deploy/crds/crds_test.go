package crds

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/defaulting"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/pruning"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	kjson "sigs.k8s.io/json"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

// internal is the definition in the form that the API server works with.
func internal(t *testing.T) *apiextensions.CustomResourceDefinition {
	t.Helper()
	crd, err := NetworkPolicys()
	if err != nil {
		t.Fatal(err)
	}
	apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
	apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
	crd.Status.StoredVersions = []string{v1alpha1.Version}
	out := &apiextensions.CustomResourceDefinition{}
	if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, out, nil); err != nil {
		t.Fatal(err)
	}
	return out
}

// schemaOf is the schema, wherever the conversion has put it.
func schemaOf(t *testing.T) *apiextensions.JSONSchemaProps {
	t.Helper()
	crd := internal(t)
	if crd.Spec.Validation != nil {
		return crd.Spec.Validation.OpenAPIV3Schema
	}
	return crd.Spec.Versions[0].Schema.OpenAPIV3Schema
}

// TestAccepted: the API server takes the definition, and it is about the API of package v1alpha1.
func TestAccepted(t *testing.T) {
	crd := internal(t)
	if errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd); len(errs) > 0 {
		t.Errorf("refused: %v", errs)
	}
	if crd.Name != NetworkPolicysName || crd.Spec.Group != v1alpha1.GroupName || crd.Spec.Names.Plural != v1alpha1.Resource || crd.Spec.Names.Kind != v1alpha1.Kind {
		t.Errorf("defines %s: %s %s %s", crd.Name, crd.Spec.Group, crd.Spec.Names.Plural, crd.Spec.Names.Kind)
	}
	if len(crd.Spec.Names.ShortNames) > 0 {
		t.Errorf("short names %v could hide those of networking.k8s.io", crd.Spec.Names.ShortNames)
	}
	if approved := crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; !strings.HasPrefix(approved, "unapproved, ") {
		t.Errorf("annotation %s is %q", apiextensionsv1.KubeAPIApprovedAnnotation, approved)
	}
}

// spec makes an object of the text of its spec.
func spec(text string, args ...any) string {
	return `{"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy", "metadata": {"name": "p"}, "spec": ` + fmt.Sprintf(text, args...) + `}`
}

func ports(text string) string { return spec(`{"allowIncoming": {"toPorts": [%s]}}`, text) }

func from(text string) string { return spec(`{"allowIncoming": {"from": [%s]}}`, text) }

// documents are objects with the field paths that the schema must complain of. Those without a path are sound for the schema; when
// strict is set, package v1alpha1 refuses them nevertheless.
var documents = []struct {
	name, in string
	want     []string
	strict   bool
}{
	{name: "published", in: spec(`{"allowIncoming": {"from": [{"pods": {"segment": "frontend"}}], "toPorts": [{"port": 80, "protocol": "TCP"}]}, "podSelector": {"segment": "backend"}}`)},
	{name: "empty", in: spec(`{}`)},
	{name: "everybody", in: spec(`{"allowIncoming": {"from": [], "toPorts": []}, "podSelector": {}}`)},
	{name: "edges", in: ports(`{"port": 1}, {"port": 65535}, {"port": "a"}, {"port": "abcdefghijklmno"}, {"port": "1-a-2"}, {"protocol": "sCtP"}, {"protocol": "udp"}, {}`)},
	{name: "maps", in: from(`{"pods": {}}, {"namespaces": {}}, {"pods": {"a": ""}, "namespaces": {"x.y/z": "b_c.d-e"}}`)},
	{name: "unknown field", in: spec(`{"allowIncoming": {"form": []}}`), strict: true},
	{name: "unknown field at the top", in: `{"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy", "data": 1}`, strict: true},
	{name: "port 0", in: ports(`{"port": 80}, {"port": 0}`), want: []string{"spec.allowIncoming.toPorts[1].port"}},
	{name: "port 70000", in: ports(`{"port": 70000}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "negative port", in: ports(`{"port": -1}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port with a fraction", in: ports(`{"port": 80.5}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port in quotes", in: ports(`{"port": "80"}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port name too long", in: ports(`{"port": "abcdefghijklmnop"}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port name with a doubled dash", in: ports(`{"port": "a--b"}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port name in capitals", in: ports(`{"port": "HTTP"}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port name empty", in: ports(`{"port": ""}`), want: []string{"spec.allowIncoming.toPorts[0].port"}},
	{name: "port null", in: ports(`{"port": null}`), strict: true},
	{name: "ICMP", in: ports(`{"protocol": "ICMP"}`), want: []string{"spec.allowIncoming.toPorts[0].protocol"}},
	{name: "protocol empty", in: ports(`{"protocol": ""}`), want: []string{"spec.allowIncoming.toPorts[0].protocol"}},
	{name: "empty peer", in: from(`{"pods": {}}, {}`), want: []string{"spec.allowIncoming.from[1]"}},
	{name: "misspelt peer", in: from(`{"pod": {}}`), strict: true},
	{name: "too many peers", in: from(strings.TrimSuffix(strings.Repeat(`{"pods": {}},`, v1alpha1.MaxPeers+1), ",")), want: []string{"spec.allowIncoming.from"}},
	{name: "too many ports", in: ports(strings.TrimSuffix(strings.Repeat(`{"port": 1},`, v1alpha1.MaxPorts+1), ",")), want: []string{"spec.allowIncoming.toPorts"}},
	{name: "spec a list", in: spec(`[]`), want: []string{"spec"}},
	{name: "spec null", in: spec(`null`), strict: true},
	{name: "allowIncoming null", in: spec(`{"allowIncoming": null}`), strict: true},
	{name: "from null", in: spec(`{"allowIncoming": {"from": null}}`), strict: true},
	{name: "label null", in: spec(`{"podSelector": {"a": null}}`), strict: true},
	{name: "peer null", in: from(`null`), want: []string{"spec.allowIncoming.from[0]"}},
	{name: "from an object", in: spec(`{"allowIncoming": {"from": {}}}`), want: []string{"spec.allowIncoming.from"}},
	{name: "peer a string", in: from(`"all"`), want: []string{"spec.allowIncoming.from[0]"}},
	{name: "pods null", in: from(`{"pods": null}`), strict: true},
	{name: "pods a list", in: from(`{"pods": ["a"]}`), want: []string{"spec.allowIncoming.from[0].pods"}},
	{name: "label a number", in: from(`{"namespaces": {"tier": 1}}`), want: []string{"spec.allowIncoming.from[0].namespaces.tier"}},
	{name: "label value with a space", in: from(`{"pods": {"tier": "a b"}}`), want: []string{"spec.allowIncoming.from[0].pods.tier"}},
	{name: "label key with a space", in: from(`{"pods": {"a tier": ""}}`), strict: true},
	{name: "matchLabels", in: spec(`{"podSelector": {"matchLabels": {"a": "b"}}}`), want: []string{"spec.podSelector.matchLabels"}},
}

// stored is the object as the API server would store it, and what its schema has against it.
func stored(t *testing.T, text string) (map[string]any, field.ErrorList) {
	t.Helper()
	schema := schemaOf(t)
	structural, err := structuralschema.NewStructural(schema)
	if err != nil {
		t.Fatal(err)
	}
	validator, _, err := validation.NewSchemaValidator(schema)
	if err != nil {
		t.Fatal(err)
	}
	var object map[string]any
	if err := kjson.UnmarshalCaseSensitivePreserveInts([]byte(text), &object); err != nil {
		t.Fatal(err)
	}
	pruning.Prune(object, structural, true)
	defaulting.PruneNonNullableNullsWithoutDefaults(object, structural)
	return object, validation.ValidateCustomResource(nil, object, validator)
}

// TestSchema gives the documents to the API server's own code.
func TestSchema(t *testing.T) {
	for _, test := range documents {
		t.Run(test.name, func(t *testing.T) {
			_, errs := stored(t, test.in)
			var got []string
			for _, err := range errs {
				got = append(got, err.Field)
			}
			// An empty port name is complained of once for every rule that it breaks.
			got = slices.Compact(slices.Sorted(slices.Values(got)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("complains (-want +got):\n%s\n%v", diff, errs)
			}
		})
	}
}

// TestSchemaAndDecoderAgree: what the schema refuses, strict decoding and validation refuse too; what the schema lets through and they
// do not is still recognisable as wrong when it has been stored.
func TestSchemaAndDecoderAgree(t *testing.T) {
	for _, test := range documents {
		object, _ := stored(t, test.in)
		policy, errs := v1alpha1.DecodeObject(object)
		errs = append(errs, v1alpha1.Validate(policy)...)
		if want := len(test.want) > 0 || test.strict; (len(errs) > 0) != want {
			t.Errorf("%s: refused by package v1alpha1: %v, want %v: %v", test.name, len(errs) > 0, want, errs)
		}
	}
}

// TestNothingIsPruned: unknown fields survive wherever they may stand.
func TestNothingIsPruned(t *testing.T) {
	structural, err := structuralschema.NewStructural(schemaOf(t))
	if err != nil {
		t.Fatal(err)
	}
	const in = `{"u": {"v": 1}, "metadata": {"name": "p"}, "status": {"u": {"v": [1]}}, "spec": {"u": {"v": 1}, "podSelector": {"a": "b"}, "allowIncoming": {
		"u": [{"v": 1}], "from": [{"u": {"v": {}}, "pods": {"a": "b"}, "namespaces": {"c": "d"}}], "toPorts": [{"u": 1, "port": 80}]}}}`
	var object, want map[string]any
	for _, into := range []*map[string]any{&object, &want} {
		if err := json.Unmarshal([]byte(in), into); err != nil {
			t.Fatal(err)
		}
	}
	pruning.Prune(object, structural, true)
	if diff := cmp.Diff(want, object); diff != "" {
		t.Errorf("pruned (-want +got):\n%s", diff)
	}
}
