package v1beta1

import (
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

var (
	_ runtime.Object = (*ThirdPartyResource)(nil)
	_ runtime.Object = (*ThirdPartyResourceList)(nil)
)

// DeepCopyObject returns a copy that shares nothing with r. It implements runtime.Object.
func (r *ThirdPartyResource) DeepCopyObject() runtime.Object {
	if r == nil {
		return nil
	}
	return r.DeepCopy()
}

// DeepCopy returns a copy that shares nothing with r; nil for nil.
func (r *ThirdPartyResource) DeepCopy() *ThirdPartyResource {
	if r == nil {
		return nil
	}
	out := &ThirdPartyResource{TypeMeta: r.TypeMeta, Description: r.Description, Versions: slices.Clone(r.Versions)}
	r.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	return out
}

// DeepCopyObject returns a copy that shares nothing with l. It implements runtime.Object.
func (l *ThirdPartyResourceList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	out := &ThirdPartyResourceList{TypeMeta: l.TypeMeta, Items: slices.Clone(l.Items)}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range out.Items {
		out.Items[i] = *l.Items[i].DeepCopy()
	}
	return out
}
