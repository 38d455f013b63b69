package thirdparty

import (
	"context"
	"encoding/json"
	"strings"
	"testing"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/admission"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

func object(t *testing.T, text string) runtime.Object {
	t.Helper()
	if text == "" {
		return nil
	}
	out := &unstructured.Unstructured{}
	if err := json.Unmarshal([]byte(text), &out.Object); err != nil {
		t.Fatal(err)
	}
	return out
}

func TestAdmission(t *testing.T) {
	policies := v1alpha1.GroupVersionResource
	const (
		good    = `{"spec":{"allowIncoming":{"from":[{"pods":{}}]}}}`
		unknown = `{"spec":{"allowIncoming":{"form":[]}}}`
		icmp    = `{"spec":{"allowIncoming":{"toPorts":[{"protocol":"ICMP"}]}}}`
	)
	for _, test := range []struct {
		name        string
		resource    schema.GroupVersionResource
		subresource string
		old, object string
		want        string // path in the refusal; none: admitted
	}{
		{name: "good", resource: policies, object: good},
		{name: "unknown field", resource: policies, object: unknown, want: "spec.allowIncoming.form"},
		{name: "bad value", resource: policies, object: icmp, want: "spec.allowIncoming.toPorts[0].protocol"},
		{name: "update to unknown field", resource: policies, old: good, object: unknown, want: "spec.allowIncoming.form"},
		{name: "update of another bad policy", resource: policies, old: icmp, object: unknown, want: "spec.allowIncoming.form"},
		{name: "update of metadata alone", resource: policies, old: unknown, object: `{"metadata":{"labels":{"a":"b"}},"spec":{"allowIncoming":{"form":[]}}}`},
		{name: "subresource", resource: policies, subresource: "status", object: unknown},
		{name: "another resource", resource: schema.GroupVersionResource{Group: "example.com", Version: "v1", Resource: "networkpolicys"}, object: unknown},
	} {
		t.Run(test.name, func(t *testing.T) {
			plugin, err := NewAdmission(nil)
			if err != nil {
				t.Fatal(err)
			}
			operation := admission.Create
			if test.old != "" {
				operation = admission.Update
			}
			attributes := admission.NewAttributesRecord(object(t, test.object), object(t, test.old), v1alpha1.GroupVersionKind, "ns", "pol1",
				test.resource, test.subresource, operation, nil, false, nil)
			if !plugin.Handles(operation) || plugin.Handles(admission.Delete) {
				t.Errorf("handles %s: %v, DELETE: %v", operation, plugin.Handles(operation), plugin.Handles(admission.Delete))
			}
			err = plugin.(admission.ValidationInterface).Validate(context.Background(), attributes, nil)
			if test.want == "" {
				if err != nil {
					t.Errorf("refused: %v", err)
				}
				return
			}
			if !apierrors.IsInvalid(err) || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v; want 422 that names %s", err, test.want)
			}
		})
	}
}
