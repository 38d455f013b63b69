package crds

import (
	"context"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apiextensions-apiserver/pkg/apis/apiextensions"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	crdvalidation "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/validation"
	structuralschema "k8s.io/apiextensions-apiserver/pkg/apiserver/schema"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/schema/cel"
	"k8s.io/apiextensions-apiserver/pkg/apiserver/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
	celconfig "k8s.io/apiserver/pkg/apis/cel"
	kjson "sigs.k8s.io/json"
	"sigs.k8s.io/yaml"
)

// clusterPolicies are the definitions of policy.networking.k8s.io, by kind, in the form that the API server works with.
func clusterPolicies(t *testing.T) map[string]*apiextensions.CustomResourceDefinition {
	t.Helper()
	all, err := All()
	if err != nil {
		t.Fatal(err)
	}
	found := map[string]*apiextensions.CustomResourceDefinition{}
	for _, crd := range all {
		if crd.Spec.Group != "policy.networking.k8s.io" {
			continue
		}
		apiextensionsv1.SetDefaults_CustomResourceDefinition(crd)
		apiextensionsv1.SetDefaults_CustomResourceDefinitionSpec(&crd.Spec)
		crd.Status.StoredVersions = []string{crd.Spec.Versions[0].Name}
		out := &apiextensions.CustomResourceDefinition{}
		if err := apiextensionsv1.Convert_v1_CustomResourceDefinition_To_apiextensions_CustomResourceDefinition(crd, out, nil); err != nil {
			t.Fatal(err)
		}
		found[crd.Spec.Names.Kind] = out
	}
	return found
}

// TestClusterPoliciesAccepted: the API server takes the definitions; they are of the whole cluster, have a status of its own, and say who approved
// the API.
func TestClusterPoliciesAccepted(t *testing.T) {
	versions := map[string]string{}
	for kind, crd := range clusterPolicies(t) {
		versions[kind] = crd.Spec.Versions[0].Name
		if errs := crdvalidation.ValidateCustomResourceDefinition(context.Background(), crd); len(errs) > 0 {
			t.Errorf("%s: refused: %v", kind, errs)
		}
		if crd.Spec.Scope != apiextensions.ClusterScoped || crd.Spec.Subresources == nil || crd.Spec.Subresources.Status == nil {
			t.Errorf("%s: scope %s, subresources %v", kind, crd.Spec.Scope, crd.Spec.Subresources)
		}
		if approved := crd.Annotations[apiextensionsv1.KubeAPIApprovedAnnotation]; !strings.HasPrefix(approved, "https://github.com/kubernetes-sigs/network-policy-api/") {
			t.Errorf("%s: annotation %s is %q", kind, apiextensionsv1.KubeAPIApprovedAnnotation, approved)
		}
	}
	want := map[string]string{"ClusterNetworkPolicy": "v1alpha2", "AdminNetworkPolicy": "v1alpha1", "BaselineAdminNetworkPolicy": "v1alpha1"}
	if diff := cmp.Diff(want, versions); diff != "" {
		t.Errorf("kinds and versions (-want +got):\n%s", diff)
	}
}

// specs are specs of cluster policies and the field paths that the definitions complain of.
var specs = []struct {
	name, kind, in string
	want           []string
}{
	{name: "every experimental field", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1000, subject: {namespaces: {}}, egress: [
		{action: Accept, to: [{nodes: {}}, {networks: [10.0.0.0/8, "fd00::/8"]}, {domainNames: ["*.example.com"]}], protocols: [{tcp: {destinationPort: {range: {start: 80, end: 81}}}}]},
		{action: Deny, to: [{namespaces: {}}], protocols: [{destinationNamedPort: web}]}]}`},
	{name: "priority", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1001, subject: {namespaces: {}}}`, want: []string{"spec.priority"}},
	{name: "tier", kind: "ClusterNetworkPolicy", in: `{tier: NetworkPolicy, priority: 1, subject: {namespaces: {}}}`, want: []string{"spec.tier"}},
	{name: "range that is a port", kind: "ClusterNetworkPolicy",
		in:   `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 80, end: 80}}}}]}]}`,
		want: []string{"spec.ingress[0].protocols[0].tcp.destinationPort.range"}},
	{name: "networks", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [10.0.0.0/8, 10.0.0.0/33]}]}]}`,
		want: []string{"spec.egress[0].to[0].networks[1]"}},
	{name: "named port of a network", kind: "ClusterNetworkPolicy",
		in:   `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [10.0.0.0/8]}], protocols: [{destinationNamedPort: web}]}]}`,
		want: []string{"spec.egress[0]"}},
	{name: "empty peer", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{}]}]}`,
		want: []string{"spec.ingress[0].from[0]"}},
	{name: "empty subject", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1, subject: {}}`, want: []string{"spec.subject"}},
	{name: "no peers", kind: "ClusterNetworkPolicy", in: `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: []}]}`,
		want: []string{"spec.ingress[0].from"}},
	{name: "sound", kind: "AdminNetworkPolicy", in: `{priority: 0, subject: {pods: {namespaceSelector: {}, podSelector: {}}}, egress: [
		{action: Pass, to: [{nodes: {}}], ports: [{portNumber: {protocol: TCP, port: 1}}, {portRange: {start: 1, end: 2}}]}]}`},
	{name: "named port of nodes", kind: "AdminNetworkPolicy",
		in: `{priority: 0, subject: {namespaces: {}}, egress: [{action: Allow, to: [{nodes: {}}], ports: [{namedPort: web}]}]}`, want: []string{"spec.egress[0]"}},
	{name: "priority", kind: "AdminNetworkPolicy", in: `{priority: -1, subject: {namespaces: {}}}`, want: []string{"spec.priority"}},
	{name: "Pass has nothing to pass to", kind: "BaselineAdminNetworkPolicy", in: `{subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}]}`,
		want: []string{"spec.ingress[0].action"}},
	{name: "sound", kind: "BaselineAdminNetworkPolicy", in: `{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`},
}

// TestClusterPolicySchemas gives specs to the API server's own code.
func TestClusterPolicySchemas(t *testing.T) {
	crds := clusterPolicies(t)
	for _, test := range specs {
		t.Run(test.kind+"/"+test.name, func(t *testing.T) {
			text, err := yaml.YAMLToJSON([]byte(`{metadata: {name: default}, spec: ` + test.in + `}`))
			if err != nil {
				t.Fatal(err)
			}
			var object map[string]any
			if err := kjson.UnmarshalCaseSensitivePreserveInts(text, &object); err != nil {
				t.Fatal(err)
			}
			var got []string
			errs := complaints(t, crds[test.kind], object)
			for _, err := range errs {
				got = append(got, err.Field)
			}
			got = slices.Compact(slices.Sorted(slices.Values(got)))
			if diff := cmp.Diff(test.want, got); diff != "" {
				t.Errorf("complains (-want +got):\n%s\n%v", diff, errs)
			}
		})
	}
}

// complaints are what schema and rules of a definition have against an object.
func complaints(t *testing.T, crd *apiextensions.CustomResourceDefinition, object map[string]any) field.ErrorList {
	t.Helper()
	schema := crd.Spec.Validation.OpenAPIV3Schema
	validator, _, err := validation.NewSchemaValidator(schema)
	if err != nil {
		t.Fatal(err)
	}
	structural, err := structuralschema.NewStructural(schema)
	if err != nil {
		t.Fatal(err)
	}
	errs := validation.ValidateCustomResource(nil, object, validator)
	rules := cel.NewValidator(structural, true, celconfig.PerCallLimit)
	found, _ := rules.Validate(context.Background(), nil, structural, object, nil, celconfig.RuntimeCELCostBudget)
	return append(errs, found...)
}
