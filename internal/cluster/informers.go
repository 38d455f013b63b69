package cluster

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/dynamic/dynamicinformer"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Informers is the source that watches the API server.
type Informers struct {
	client  kubernetes.Interface
	dynamic dynamic.Interface
	node    string
	log     *slog.Logger
	// Poll is how often the API server is asked whether it serves the alpha API, until it does.
	Poll time.Duration
}

var _ Source = (*Informers)(nil)

// NewInformers returns a source for the node of that name.
func NewInformers(config *rest.Config, node string, log *slog.Logger) (*Informers, error) {
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make API client: %w", err)
	}
	dyn, err := dynamic.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make dynamic API client: %w", err)
	}
	return &Informers{client: client, dynamic: dyn, node: node, log: log, Poll: 2 * time.Second}, nil
}

// Run watches until ctx ends. While the API server cannot be reached it goes on trying and the world stays as it was last known.
func (s *Informers) Run(ctx context.Context, emit func(Update)) error {
	all := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(strip))
	own := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(strip),
		informers.WithTweakListOptions(func(o *metav1.ListOptions) {
			o.FieldSelector = fields.OneTermEqualSelector("metadata.name", s.node).String()
		}))
	alpha := dynamicinformer.NewDynamicSharedInformerFactory(s.dynamic, 0)

	var synced []cache.InformerSynced
	for _, w := range []struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		{all.Core().V1().Namespaces().Informer(), handler(emit, namespaceUpdate, namespaceDeletion)},
		{all.Core().V1().Pods().Informer(), handler(emit, podUpdate, podDeletion)},
		{all.Networking().V1().NetworkPolicies().Informer(), handler(emit, networkPolicyUpdate, networkPolicyDeletion)},
		{own.Core().V1().Nodes().Informer(), handler(emit, nodeUpdate, nodeDeletion)},
	} {
		registration, err := w.informer.AddEventHandler(w.handler)
		if err != nil {
			return fmt.Errorf("watch the API server: %w", err)
		}
		synced = append(synced, registration.HasSynced)
	}
	all.Start(ctx.Done())
	own.Start(ctx.Done())
	defer all.Shutdown()
	defer own.Shutdown()
	defer alpha.Shutdown()

	var wait sync.WaitGroup
	defer wait.Wait()
	alphaSynced := make(chan struct{})
	wait.Go(func() { s.watchAlpha(ctx, alpha, emit, sync.OnceFunc(func() { close(alphaSynced) })) })
	if !cache.WaitForCacheSync(ctx.Done(), synced...) {
		return nil
	}
	select {
	case <-alphaSynced:
		emit(Synced)
	case <-ctx.Done():
		return nil
	}
	<-ctx.Done()
	return nil
}

// watchAlpha watches the alpha API once the API server serves it, and calls synced when its first list has arrived or there is no
// such API.
func (s *Informers) watchAlpha(ctx context.Context, factory dynamicinformer.DynamicSharedInformerFactory, emit func(Update), synced func()) {
	resource := v1alpha1.SchemeGroupVersion.WithResource(v1alpha1.Resource)
	for {
		served, err := servesAlpha(s.client.Discovery())
		if served {
			break
		}
		if err != nil {
			s.log.Warn("ask for the alpha policy API", "error", err)
		} else {
			synced()
		}
		select {
		case <-time.After(s.Poll):
		case <-ctx.Done():
			return
		}
	}
	informer := factory.ForResource(resource).Informer()
	err := informer.SetTransform(strip)
	registration, err2 := informer.AddEventHandler(handler(emit, alphaUpdate, alphaDeletion))
	if err := errors.Join(err, err2); err != nil {
		s.log.Error("watch the alpha policy API", "error", err)
		return
	}
	factory.Start(ctx.Done())
	if cache.WaitForCacheSync(ctx.Done(), registration.HasSynced) {
		synced()
	}
}

func servesAlpha(d discovery.DiscoveryInterface) (bool, error) {
	list, err := d.ServerResourcesForGroupVersion(v1alpha1.SchemeGroupVersion.String())
	if err != nil {
		if apierrors.IsNotFound(err) {
			return false, nil
		}
		return false, err
	}
	for _, r := range list.APIResources {
		if r.Name == v1alpha1.Resource {
			return true, nil
		}
	}
	return false, nil
}

// handler turns an informer's calls into updates.
func handler[T any](emit func(Update), update func(T) Update, deletion func(T) Update) cache.ResourceEventHandler {
	changed := func(object any) {
		if o, ok := object.(T); ok {
			emit(update(o))
		}
	}
	return cache.ResourceEventHandlerFuncs{
		AddFunc:    changed,
		UpdateFunc: func(_, object any) { changed(object) },
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

func namespaceUpdate(ns *corev1.Namespace) Update   { return setNamespace(policy.FromNamespace(ns)) }
func namespaceDeletion(ns *corev1.Namespace) Update { return deleteNamespace(ns.Name) }
func podUpdate(p *corev1.Pod) Update                { return setPod(policy.FromPod(p)) }
func podDeletion(p *corev1.Pod) Update              { return deletePod(p.Namespace, p.Name) }

func networkPolicyUpdate(np *networkingv1.NetworkPolicy) Update {
	return setPolicy(policy.FromNetworkPolicy(np))
}

func networkPolicyDeletion(np *networkingv1.NetworkPolicy) Update {
	return deletePolicy(refOf(policy.KindNetworkPolicy, np))
}

func alphaUpdate(o *unstructured.Unstructured) Update {
	return setPolicy(policy.FromAlphaObject(o.Object))
}

func alphaDeletion(o *unstructured.Unstructured) Update {
	return deletePolicy(refOf(policy.KindAlphaNetworkPolicy, o))
}

func refOf(kind policy.Kind, object metav1.Object) policy.Ref {
	return policy.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

func nodeUpdate(n *corev1.Node) Update {
	var cidrs []netip.Prefix
	for _, text := range n.Spec.PodCIDRs {
		if p, err := netip.ParsePrefix(text); err == nil {
			cidrs = append(cidrs, p.Masked())
		}
	}
	return setPodCIDRs(cidrs)
}

// nodeDeletion keeps the ranges: a node that is taken off the list while its pods still run must not open.
func nodeDeletion(*corev1.Node) Update { return func(*World) {} }
