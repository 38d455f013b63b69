// Package controller does what is done once per cluster and not on every node: it keeps status.conditions of cluster policies
// (ClusterNetworkPolicy, AdminNetworkPolicy, BaselineAdminNetworkPolicy) true to what package policy finds wrong with them. In flow the objects; out
// flow writes of their status, only where something changes. It never touches a spec, an enforced rule or a node.
package controller

import (
	"context"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/util/workqueue"

	"github.com/hedgerow-net/hedgerow/internal/cluster"
)

// Controller writes the status of cluster policies. Several in one cluster agree, but one is enough.
type Controller struct {
	discovery discovery.DiscoveryInterface
	dynamic   dynamic.Interface
	log       *slog.Logger
	// Poll is how often the API server is asked whether it serves an API, until it does.
	Poll time.Duration
}

// New returns a controller. Its user must be allowed to list and watch cluster policies, and to patch their status.
func New(config *rest.Config, log *slog.Logger) (*Controller, error) {
	d, err := discovery.NewDiscoveryClientForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make discovery client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make dynamic API client: %w", err)
	}
	return &Controller{discovery: d, dynamic: dyn, log: log, Poll: 2 * time.Second}, nil
}

// Run works until ctx ends. What cannot be written is tried again, ever less often.
func (c *Controller) Run(ctx context.Context) {
	var all sync.WaitGroup
	for _, api := range cluster.ClusterAPIs() {
		k := &keeper{
			api: api, client: c.dynamic.Resource(api.Resource), log: c.log, latest: map[string]*unstructured.Unstructured{},
			queue: workqueue.NewTypedRateLimitingQueue(workqueue.NewTypedItemExponentialFailureRateLimiter[string](firstRetry, lastRetry)),
		}
		watch := &cluster.Custom{
			Resource: api.Resource, Discovery: c.discovery, Dynamic: c.dynamic, Transform: strip, Handler: k.handler(), Poll: c.Poll, Logger: c.log,
		}
		all.Go(func() {
			watch.Run(ctx, func() {})
			k.queue.ShutDown()
		})
		all.Go(func() { k.work(ctx) })
	}
	all.Wait()
}

// How long the controller waits before it tries again to write, at first and at most.
const (
	firstRetry = 50 * time.Millisecond
	lastRetry  = 30 * time.Second
)

// strip is the informers' transform: it throws away what no condition is made of.
func strip(object any) (any, error) {
	if o, ok := object.(*unstructured.Unstructured); ok {
		o.SetManagedFields(nil)
		o.SetAnnotations(nil)
	}
	return object, nil
}

// keeper keeps the status of the objects of one API.
type keeper struct {
	api    cluster.API
	client dynamic.ResourceInterface
	log    *slog.Logger
	queue  workqueue.TypedRateLimitingInterface[string] // names

	mu     sync.Mutex
	latest map[string]*unstructured.Unstructured // by name
}

func (k *keeper) handler() cache.ResourceEventHandler {
	put := func(object any) {
		if o, ok := object.(*unstructured.Unstructured); ok {
			k.mu.Lock()
			k.latest[o.GetName()] = o
			k.mu.Unlock()
			k.queue.Add(o.GetName())
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    put,
		UpdateFunc: func(_, object any) { put(object) },
		DeleteFunc: func(object any) {
			name, err := cache.DeletionHandlingMetaNamespaceKeyFunc(object)
			if err != nil {
				k.log.Error("watch a policy API", "resource", k.api.Resource, "error", err)
				return
			}
			k.mu.Lock()
			defer k.mu.Unlock()
			delete(k.latest, name)
		},
	}
}

// work writes what the queue asks for until it is shut down.
func (k *keeper) work(ctx context.Context) {
	for {
		name, ended := k.queue.Get()
		if ended {
			return
		}
		if err := k.keep(ctx, name); err != nil && ctx.Err() == nil {
			k.log.Warn("policy status not written", "kind", k.api.ObjectKind, "name", name, "error", err)
			k.queue.AddRateLimited(name)
		} else {
			k.queue.Forget(name)
		}
		k.queue.Done(name)
	}
}
