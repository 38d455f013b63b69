package cluster

import (
	"k8s.io/apimachinery/pkg/api/equality"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/cache"
)

// handler turns an informer's calls into updates. A change that stripping has left nothing of, such as a node's heartbeat or the status of a
// policy, is none.
func handler[T any](emit func(Update), update func(T) Update, deletion func(T) Update) cache.ResourceEventHandler {
	changed := func(object any) {
		if o, ok := object.(T); ok {
			emit(update(o))
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc: changed,
		UpdateFunc: func(before, object any) {
			if !same(before, object) {
				changed(object)
			}
		},
		DeleteFunc: func(object any) {
			if last, ok := object.(cache.DeletedFinalStateUnknown); ok {
				object = last.Obj
			}
			if o, ok := object.(T); ok {
				emit(deletion(o))
			}
		},
	}
}

// same reports whether two stripped objects differ in nothing but their resource version.
func same(a, b any) bool {
	x, y := unversioned(a), unversioned(b)
	return x != nil && y != nil && equality.Semantic.DeepEqual(x, y)
}

// unversioned is a copy of the object without its resource version.
func unversioned(object any) runtime.Object {
	o, ok := object.(runtime.Object)
	if !ok {
		return nil
	}
	o = o.DeepCopyObject()
	meta, ok := o.(metav1.Object)
	if !ok {
		return nil
	}
	meta.SetResourceVersion("")
	return o
}
