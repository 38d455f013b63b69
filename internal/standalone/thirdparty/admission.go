package thirdparty

import (
	"context"
	"fmt"
	"io"
	"maps"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apiserver/pkg/admission"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

// AdmissionName is the name of the admission plugin that NewAdmission makes.
const AdmissionName = "AlphaNetworkPolicy"

// NewAdmission makes the admission plugin that refuses alpha policies which hold what their API does not know or values it
// does not allow: 422 with the path of each field. It takes no configuration. Annotations of namespaces are never refused: a value
// that makes no sense isolates, and the agent says so.
func NewAdmission(io.Reader) (admission.Interface, error) {
	return &policyAdmission{Handler: admission.NewHandler(admission.Create, admission.Update)}, nil
}

type policyAdmission struct{ *admission.Handler }

var _ admission.ValidationInterface = (*policyAdmission)(nil)

// Validate implements admission.ValidationInterface.
func (*policyAdmission) Validate(_ context.Context, attributes admission.Attributes, _ admission.ObjectInterfaces) error {
	if attributes.GetResource().GroupResource() != v1alpha1.GroupVersionResource.GroupResource() || attributes.GetSubresource() != "" {
		return nil
	}
	object, ok := attributes.GetObject().(*unstructured.Unstructured)
	if !ok {
		return apierrors.NewInternalError(fmt.Errorf("validate alpha policy: the object is a %T", attributes.GetObject()))
	}
	if old, ok := attributes.GetOldObject().(*unstructured.Unstructured); ok && sameContent(old, object) {
		return nil
	}
	policy, errs := v1alpha1.DecodeObject(object.Object)
	errs = append(errs, v1alpha1.Validate(policy)...)
	if len(errs) == 0 {
		return nil
	}
	return apierrors.NewInvalid(v1alpha1.GroupVersionKind.GroupKind(), attributes.GetName(), errs)
}

// sameContent tells whether an update changes metadata alone. Such an update is let through whatever the content, so that a policy which
// was stored before anybody judged it can still be labelled and be freed of its finalizers.
func sameContent(old, updated *unstructured.Unstructured) bool {
	content := func(object *unstructured.Unstructured) map[string]any {
		out := maps.Clone(object.Object)
		delete(out, "metadata")
		return out
	}
	return equality.Semantic.DeepEqual(content(old), content(updated))
}
