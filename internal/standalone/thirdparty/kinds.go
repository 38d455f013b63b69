package thirdparty

import (
	"sync"

	"k8s.io/apimachinery/pkg/runtime/schema"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// kinds knows the resources that requests of 2016 may be about and the kind of each. It may be used concurrently.
type kinds struct {
	mu    sync.RWMutex
	known map[schema.GroupResource]string
}

// newKinds knows ThirdPartyResources and alpha policies, which are always there.
func newKinds() *kinds {
	return &kinds{known: map[schema.GroupResource]string{
		v1beta1.GroupResource:                         v1beta1.Kind,
		v1alpha1.GroupVersionResource.GroupResource(): v1alpha1.Kind,
	}}
}

func (k *kinds) add(name Name) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.known[schema.GroupResource{Group: name.Group, Resource: name.Resource()}] = name.Kind
}

// remove forgets a kind; those that are always there stay.
func (k *kinds) remove(name Name) {
	k.mu.Lock()
	defer k.mu.Unlock()
	resource := schema.GroupResource{Group: name.Group, Resource: name.Resource()}
	if resource != v1alpha1.GroupVersionResource.GroupResource() {
		delete(k.known, resource)
	}
}

// of returns the kind of a resource.
func (k *kinds) of(resource schema.GroupResource) (string, bool) {
	k.mu.RLock()
	defer k.mu.RUnlock()
	kind, found := k.known[resource]
	return kind, found
}
