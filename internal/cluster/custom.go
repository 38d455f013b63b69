package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"math"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/wait"
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
	// Poll is after how long the API server is asked again whether it serves the resource, until it does. The pause grows to slowest times as
	// long: all nodes of a cluster ask.
	Poll   time.Duration
	Logger *slog.Logger
}

// slowest is how many times Poll the pause between two questions gets at most.
const slowest = 5

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
	pause := wait.Backoff{Duration: c.Poll, Factor: 1.5, Jitter: 0.2, Steps: math.MaxInt32, Cap: slowest * c.Poll}
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
		case <-time.After(pause.Step()):
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
