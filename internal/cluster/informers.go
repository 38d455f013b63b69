package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"net/netip"
	"sync"
	"time"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/discovery"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/cache"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Informers is the source that watches the API server.
type Informers struct {
	client    kubernetes.Interface
	discovery discovery.DiscoveryInterface
	dynamic   dynamic.Interface
	node      string
	log       *slog.Logger
	// Poll is how often the API server is asked whether it serves a policy API that is a custom resource, until it does.
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
	return &Informers{client: client, discovery: client.Discovery(), dynamic: dyn, node: node, log: log, Poll: 2 * time.Second}, nil
}

// Run watches until ctx ends. While the API server cannot be reached it goes on trying and the world stays as it was last known.
func (s *Informers) Run(ctx context.Context, emit func(Update)) error {
	factory := informers.NewSharedInformerFactoryWithOptions(s.client, 0, informers.WithTransform(strip))
	awaited, err := s.watch(factory, emit)
	if err != nil {
		return err
	}
	apis := customAPIs()
	for _, api := range apis {
		emit(await(api.Resource.GroupResource().String()))
	}
	arrived := make(chan string, len(awaited)+len(apis))
	var wait sync.WaitGroup
	defer wait.Wait()
	defer factory.Shutdown()
	factory.Start(ctx.Done())
	for name, synced := range awaited {
		wait.Go(func() {
			if cache.WaitForCacheSync(ctx.Done(), synced) {
				arrived <- name
			}
		})
	}
	for _, api := range apis {
		c := &Custom{
			Resource: api.Resource, Discovery: s.discovery, Dynamic: s.dynamic, Poll: s.Poll, Logger: s.log,
			Transform: strip, Handler: handler(emit, api.update, api.deletion),
		}
		wait.Go(func() { c.Run(ctx, sync.OnceFunc(func() { arrived <- api.Resource.GroupResource().String() })) })
	}
	for range cap(arrived) {
		select {
		case name := <-arrived:
			emit(listed(name))
		case <-ctx.Done():
			return nil
		}
	}
	emit(Synced)
	<-ctx.Done()
	return nil
}

// watch has changes of the built-in kinds emitted once the factory is started. It returns, by kind, whether the first list has been.
func (s *Informers) watch(factory informers.SharedInformerFactory, emit func(Update)) (map[string]cache.InformerSynced, error) {
	synced := map[string]cache.InformerSynced{}
	for name, w := range map[string]struct {
		informer cache.SharedIndexInformer
		handler  cache.ResourceEventHandler
	}{
		"namespaces":                        {factory.Core().V1().Namespaces().Informer(), handler(emit, namespaceUpdate, namespaceDeletion)},
		"pods":                              {factory.Core().V1().Pods().Informer(), handler(emit, podUpdate, podDeletion)},
		"nodes":                             {factory.Core().V1().Nodes().Informer(), handler(emit, nodeUpdate(s.node), nodeDeletion)},
		"networkpolicies.networking.k8s.io": {factory.Networking().V1().NetworkPolicies().Informer(), handler(emit, networkPolicyUpdate, networkPolicyDeletion)},
	} {
		registration, err := w.informer.AddEventHandler(w.handler)
		if err != nil {
			return nil, fmt.Errorf("watch the API server: %w", err)
		}
		synced[name] = registration.HasSynced
		emit(await(name))
	}
	return synced, nil
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

func refOf(kind policy.Kind, object metav1.Object) policy.Ref {
	return policy.Ref{Kind: kind, Namespace: object.GetNamespace(), Name: object.GetName()}
}

// nodeUpdate returns the update for a node. The pod ranges are those of the node named own; "" means of any.
func nodeUpdate(own string) func(*corev1.Node) Update {
	return func(n *corev1.Node) Update {
		node := policy.FromNode(n)
		if own != "" && n.Name != own {
			return func(w *World) { w.Nodes[n.Name] = node }
		}
		var cidrs []netip.Prefix
		for _, text := range n.Spec.PodCIDRs {
			if p, err := netip.ParsePrefix(text); err == nil {
				cidrs = append(cidrs, p.Masked())
			}
		}
		return func(w *World) {
			w.Nodes[n.Name] = node
			// A node that was taken off the list and comes back has none at first. Its pods are still there, and their policies must not wait.
			if cidrs != nil {
				w.PodCIDRs = cidrs
			}
		}
	}
}

// nodeDeletion keeps the pod ranges: a node that is taken off the list while its pods still run must not open.
func nodeDeletion(n *corev1.Node) Update { return func(w *World) { delete(w.Nodes, n.Name) } }
