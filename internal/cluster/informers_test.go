package cluster

import (
	"context"
	"log/slog"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/hedgerow-net/hedgerow/policy"
)

// apiServer is a client side of an API server that may begin to serve policy APIs.
type apiServer struct {
	discovery.DiscoveryInterface
	client  *fake.Clientset
	dynamic *dynamicfake.FakeDynamicClient

	mu     sync.Mutex
	served map[schema.GroupVersionResource]bool
}

func newAPIServer(objects ...runtime.Object) *apiServer {
	lists := map[schema.GroupVersionResource]string{}
	for _, api := range customAPIs() {
		lists[api.Resource] = api.ObjectKind + "List"
	}
	return &apiServer{
		client:  fake.NewClientset(objects...),
		dynamic: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists),
		served:  map[schema.GroupVersionResource]bool{},
	}
}

func (s *apiServer) serve(api API) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.served[api.Resource] = true
}

// ServerResourcesForGroupVersion implements discovery.DiscoveryInterface.
func (s *apiServer) ServerResourcesForGroupVersion(version string) (*metav1.APIResourceList, error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	list := &metav1.APIResourceList{GroupVersion: version}
	for r := range s.served {
		if r.GroupVersion().String() == version {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: r.Resource})
		}
	}
	if list.APIResources == nil {
		return nil, apierrors.NewNotFound(schema.GroupResource{}, version)
	}
	return list, nil
}

// watching is a world that informers keep.
type watching struct {
	*testing.T
	mu      sync.Mutex
	world   *World
	updates int
}

// watch runs informers for node n1 until the end of the test, and returns when everything is listed.
func watch(t *testing.T, s *apiServer) *watching {
	t.Helper()
	w := start(t, s)
	w.until("everything is listed", func(w *World) bool { return w.Synced })
	const builtIn = 4
	w.until("changes are watched", func(*World) bool { return watches(s.client.Actions()) == builtIn })
	return w
}

func start(t *testing.T, s *apiServer) *watching {
	t.Helper()
	w := &watching{T: t, world: NewWorld()}
	informers := &Informers{
		client: s.client, discovery: s, dynamic: s.dynamic, node: "n1", log: slog.New(slog.DiscardHandler), Poll: time.Millisecond,
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() {
		done <- informers.Run(ctx, func(u Update) {
			w.mu.Lock()
			defer w.mu.Unlock()
			u(w.world)
			w.updates++
		})
	}()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	return w
}

// watches is the number of watches that have begun. The trackers do not tell a watch what came between the list and its beginning.
func watches(actions []clienttesting.Action) int {
	n := 0
	for _, a := range actions {
		if a.GetVerb() == "watch" {
			n++
		}
	}
	return n
}

// look reads the world.
func (w *watching) look(at func(*World)) {
	w.mu.Lock()
	defer w.mu.Unlock()
	at(w.world)
}

// until waits until the world is as wanted and returns the number of updates so far.
func (w *watching) until(what string, ok func(*World) bool) int {
	w.Helper()
	for end := time.Now().Add(20 * time.Second); ; time.Sleep(time.Millisecond) {
		w.mu.Lock()
		done, updates := ok(w.world), w.updates
		w.mu.Unlock()
		if done {
			return updates
		}
		if time.Now().After(end) {
			w.Fatalf("waited in vain until %s", what)
		}
	}
}

func nodeObject(name, address, cidr string, labels map[string]string) *corev1.Node {
	return &corev1.Node{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: labels, Annotations: map[string]string{"big": "text"}},
		Spec:       corev1.NodeSpec{PodCIDRs: []string{cidr}},
		Status: corev1.NodeStatus{
			Addresses: []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: name}, {Type: corev1.NodeInternalIP, Address: address}},
		},
	}
}

// TestNodes: all nodes are known, the pod ranges are those of the own one, and a heartbeat is no change.
func TestNodes(t *testing.T) {
	own := nodeObject("n1", "192.0.2.1", "10.244.1.0/24", map[string]string{"a": "b"})
	s := newAPIServer(own, nodeObject("n2", "2001:db8::2", "10.244.2.0/24", nil))
	w := watch(t, s)
	before := w.until("both nodes are known", func(w *World) bool { return len(w.Nodes) == 2 })
	want := map[string]*policy.Node{
		"n1": {Name: "n1", Labels: map[string]string{"a": "b"}, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}},
		"n2": {Name: "n2", Addresses: []netip.Addr{netip.MustParseAddr("2001:db8::2")}},
	}
	w.look(func(w *World) {
		if diff := cmp.Diff(want, w.Nodes, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("nodes (-want +got):\n%s", diff)
		}
		if got := w.PodCIDRs; len(got) != 1 || got[0].String() != "10.244.1.0/24" {
			t.Errorf("pod ranges %v, want those of n1", got)
		}
	})

	nodes := s.client.CoreV1().Nodes()
	beat := own.DeepCopy()
	beat.ResourceVersion, beat.Generation = "17", 3
	beat.Status.Conditions = []corev1.NodeCondition{{Type: corev1.NodeReady, LastHeartbeatTime: metav1.Now()}}
	beat.Annotations["big"] = "other text"
	if _, err := nodes.Update(t.Context(), beat, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	relabelled := beat.DeepCopy()
	relabelled.ResourceVersion, relabelled.Labels = "18", map[string]string{"a": "c"}
	if _, err := nodes.Update(t.Context(), relabelled, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	after := w.until("the label is changed", func(w *World) bool { return w.Nodes["n1"].Labels["a"] == "c" })
	if after != before+1 {
		t.Errorf("a heartbeat and a label made %d updates, want 1", after-before)
	}
	if err := nodes.Delete(t.Context(), "n1", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("the node is gone", func(w *World) bool { return w.Nodes["n1"] == nil })
	w.look(func(w *World) {
		if len(w.PodCIDRs) != 1 {
			t.Error("with the node its pod ranges are gone: its pods, which still run, would be open")
		}
	})
	again := own.DeepCopy()
	again.Spec.PodCIDRs = nil
	if _, err := nodes.Create(t.Context(), again, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	w.until("the node is back", func(w *World) bool { return w.Nodes["n1"] != nil })
	w.look(func(w *World) {
		if len(w.PodCIDRs) != 1 {
			t.Error("a node that has no pod ranges yet takes those away that its pods have")
		}
	})
}

func object(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(text), &o.Object); err != nil {
		t.Fatal(err)
	}
	return o
}

// TestClusterPolicies: policies of each API arrive once the API is served; a write of their status is no change.
func TestClusterPolicies(t *testing.T) {
	s := newAPIServer()
	w := watch(t, s)
	for i, api := range ClusterAPIs() {
		o := object(t, `{metadata: {name: default}, spec: {tier: Admin, priority: 7, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}}`)
		if i > 0 {
			unstructured.RemoveNestedField(o.Object, "spec", "tier")
		}
		if api.Kind == policy.KindBaselineAdminNetworkPolicy {
			unstructured.RemoveNestedField(o.Object, "spec", "priority")
		}
		o.SetGroupVersionKind(api.Resource.GroupVersion().WithKind(api.ObjectKind))
		client := s.dynamic.Resource(api.Resource)
		created, err := client.Create(t.Context(), o, metav1.CreateOptions{})
		if err != nil {
			t.Fatal(err)
		}
		ref := policy.Ref{Kind: api.Kind, Name: "default"}
		w.look(func(w *World) {
			if w.Policies[ref] != nil {
				t.Errorf("%s is known before its API is served", ref)
			}
		})
		s.serve(api)
		before := w.until(ref.String()+" is known", func(w *World) bool { return w.Policies[ref] != nil })
		w.until(ref.String()+" is watched", func(*World) bool { return watches(s.dynamic.Actions()) == i+1 })
		w.look(func(w *World) {
			if p := w.Policies[ref]; p.Problem() != "" || len(p.Rules[policy.Ingress]) != 1 {
				t.Errorf("%s: problem %q, rules %v", ref, p.Problem(), p.Rules)
			}
		})

		created.Object["status"] = map[string]any{"conditions": []any{map[string]any{"type": "Accepted"}}}
		created.SetResourceVersion("17")
		created.SetGeneration(2)
		if _, err := client.UpdateStatus(t.Context(), created, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
		if err := client.Delete(t.Context(), "default", metav1.DeleteOptions{}); err != nil {
			t.Fatal(err)
		}
		after := w.until(ref.String()+" is gone", func(w *World) bool { return w.Policies[ref] == nil })
		if after != before+1 {
			t.Errorf("%s: a status and a deletion made %d updates, want 1", ref, after-before)
		}
	}
}

// TestAwaited: what cannot be listed is named, and the world is not taken for complete.
func TestAwaited(t *testing.T) {
	s := newAPIServer()
	api := ClusterAPIs()[0]
	s.serve(api)
	s.dynamic.PrependReactor("list", api.Resource.Resource, func(clienttesting.Action) (bool, runtime.Object, error) {
		return true, nil, apierrors.NewForbidden(api.Resource.GroupResource(), "", nil)
	})
	w := start(t, s)
	want := map[string]bool{"clusternetworkpolicies.policy.networking.k8s.io": true}
	w.until("only that is awaited", func(w *World) bool { return cmp.Equal(want, w.Awaited) })
	w.look(func(w *World) {
		if w.Synced {
			t.Error("the world is taken for complete")
		}
	})
}
