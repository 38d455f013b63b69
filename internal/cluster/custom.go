package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/tools/cache"
)

// Custom watches one custom resource. Its API may be absent, and be installed later.
type Custom struct {
	Resource  schema.GroupVersionResource
	Discovery discovery.DiscoveryInterface
	Dynamic   dynamic.Interface
	// Transform strips objects on arrival, which are *unstructured.Unstructured.
	Transform cache.TransformFunc
	Handler   cache.ResourceEventHandler
	// Poll is how often the API server is asked whether it serves the resource, until it does.
	Poll   time.Duration
	Logger *slog.Logger
}

// Run watches until ctx ends. It calls synced whenever the handler has been told everything that there is: when the first list has arrived, and
// while there is no such API. synced may be called more than once.
func (c *Custom) Run(ctx context.Context, synced func()) {
	if !c.await(ctx, synced) {
		return
	}
	factory := dynamicinformer.NewDynamicSharedInformerFactory(c.Dynamic, 0)
	informer := factory.ForResource(c.Resource).Informer()
	err := informer.SetTransform(c.Transform)
	registration, err2 := informer.AddEventHandler(c.Handler)
	if err := errors.Join(err, err2); err != nil {
		c.Logger.Error("watch a policy API", "resource", c.Resource, "error", err)
		return
	}
	factory.Start(ctx.Done())
	defer factory.Shutdown()
	if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		synced()
	}
	<-ctx.Done()
}

// await returns when the API server serves the resource; false: ctx has ended.
func (c *Custom) await(ctx context.Context, absent func()) bool {
	for {
		served, err := c.served()
		switch {
		case err != nil:
			c.Logger.Warn("ask for a policy API", "resource", c.Resource, "error", err)
		case served:
			return true
		default:
			absent()
		}
		select {
		case <-time.After(c.Poll):
		case <-ctx.Done():
			return false
		}
	}
}

func (c *Custom) served() (bool, error) {
	list, err := c.Discovery.ServerResourcesForGroupVersion(c.Resource.GroupVersion().String())
	if apierrors.IsNotFound(err) {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("list the resources of %s: %w", c.Resource.GroupVersion(), err)
	}
	for i := range list.APIResources {
		if list.APIResources[i].Name == c.Resource.Resource {
			return true, nil
		}
	}
	return false, nil
}
