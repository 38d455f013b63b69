package thirdparty

import (
	"context"
	"strings"

	"k8s.io/apimachinery/pkg/api/meta"
	metatable "k8s.io/apimachinery/pkg/api/meta/table"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// table prints ThirdPartyResources for kubectl get.
type table struct{}

var columns = []metav1.TableColumnDefinition{
	{Name: "Name", Type: "string", Format: "name", Description: "The kind with dashes, and its group."},
	{Name: "Description", Type: "string", Description: "For people."},
	{Name: "Version(s)", Type: "string", Description: "Versions under which the kind is served; the first is stored."},
	{Name: "Age", Type: "string", Description: "Time since it was created."},
}

// ConvertToTable implements rest.TableConvertor.
func (table) ConvertToTable(_ context.Context, object, options runtime.Object) (*metav1.Table, error) {
	out := &metav1.Table{}
	if wanted, ok := options.(*metav1.TableOptions); !ok || !wanted.NoHeaders {
		out.ColumnDefinitions = columns
	}
	if list, err := meta.ListAccessor(object); err == nil {
		out.ResourceVersion, out.Continue, out.RemainingItemCount = list.GetResourceVersion(), list.GetContinue(), list.GetRemainingItemCount()
	} else if one, err := meta.CommonAccessor(object); err == nil {
		out.ResourceVersion = one.GetResourceVersion()
	}
	var err error
	out.Rows, err = metatable.MetaToTableRow(object, func(object runtime.Object, _ metav1.Object, name, age string) ([]any, error) {
		resource, ok := object.(*v1beta1.ThirdPartyResource)
		if !ok {
			return []any{name, "", "", age}, nil
		}
		return []any{name, resource.Description, versionNames(resource), age}, nil
	})
	return out, err
}

func versionNames(resource *v1beta1.ThirdPartyResource) string {
	var names []string
	for _, version := range resource.Versions {
		names = append(names, version.Name)
	}
	return strings.Join(names, ",")
}
