package controller

import (
	"context"
	"encoding/json"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/discovery"
	dynamicfake "k8s.io/client-go/dynamic/fake"
	clienttesting "k8s.io/client-go/testing"
	"sigs.k8s.io/yaml"

	"github.com/hedgerow-net/hedgerow/internal/cluster"
	"github.com/hedgerow-net/hedgerow/policy"
)

// everything is a discovery client of an API server that serves every cluster policy API.
type everything struct{ discovery.DiscoveryInterface }

// ServerResourcesForGroupVersion implements discovery.DiscoveryInterface.
func (everything) ServerResourcesForGroupVersion(version string) (*metav1.APIResourceList, error) {
	list := &metav1.APIResourceList{GroupVersion: version}
	for _, api := range cluster.ClusterAPIs() {
		if api.Resource.GroupVersion().String() == version {
			list.APIResources = append(list.APIResources, metav1.APIResource{Name: api.Resource.Resource})
		}
	}
	return list, nil
}

// rig is a controller on a client that takes writes of status as the API server does: conditions are merged by type.
type rig struct {
	*testing.T
	client *dynamicfake.FakeDynamicClient

	mu       sync.Mutex
	writes   int
	refusals int // how many of the next writes are refused
}

func newRig(t *testing.T) *rig {
	lists := map[schema.GroupVersionResource]string{}
	for _, api := range cluster.ClusterAPIs() {
		lists[api.Resource] = api.ObjectKind + "List"
	}
	r := &rig{T: t, client: dynamicfake.NewSimpleDynamicClientWithCustomListKinds(runtime.NewScheme(), lists)}
	r.client.PrependReactor("patch", "*", func(a clienttesting.Action) (bool, runtime.Object, error) {
		return r.apply(a.(clienttesting.PatchAction))
	})
	c := &Controller{discovery: everything{}, dynamic: r.client, log: slog.New(slog.NewTextHandler(t.Output(), nil)), Poll: time.Millisecond}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		c.Run(ctx)
	}()
	t.Cleanup(func() {
		stop()
		<-done
	})
	// The tracker does not tell a watch what came between the list and its beginning.
	for end := time.Now().Add(20 * time.Second); r.watches() < len(lists); time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatalf("%d watches, want %d", r.watches(), len(lists))
		}
	}
	return r
}

// watches is the number of watches that have begun.
func (r *rig) watches() int {
	n := 0
	for _, a := range r.client.Actions() {
		if a.GetVerb() == "watch" {
			n++
		}
	}
	return n
}

// apply is the API server's part in a write.
func (r *rig) apply(a clienttesting.PatchAction) (bool, runtime.Object, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.refusals > 0 {
		r.refusals--
		return true, nil, apierrors.NewConflict(a.GetResource().GroupResource(), a.GetName(), nil)
	}
	r.writes++
	if a.GetSubresource() != "status" {
		r.Errorf("%s of %q, want only the status to be written", a.GetVerb(), a.GetSubresource())
	}
	patch := &unstructured.Unstructured{}
	if err := json.Unmarshal(a.GetPatch(), &patch.Object); err != nil {
		return true, nil, err
	}
	current, err := r.client.Tracker().Get(a.GetResource(), "", a.GetName())
	if err != nil {
		return true, nil, err
	}
	o := current.(*unstructured.Unstructured).DeepCopy()
	if o.GetUID() != patch.GetUID() {
		r.Errorf("a write for UID %q, the object has %q", patch.GetUID(), o.GetUID())
	}
	merged := conditionsOf(o)
	for _, c := range conditionsOf(patch) {
		merged = slices.DeleteFunc(merged, func(old metav1.Condition) bool { return old.Type == c.Type })
		merged = append(merged, c)
	}
	if o.Object["status"], err = runtime.DefaultUnstructuredConverter.ToUnstructured(&status{merged}); err != nil {
		return true, nil, err
	}
	return true, o, r.client.Tracker().Update(a.GetResource(), o, "")
}

func (r *rig) written() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	return r.writes
}

// create makes an object of an API with this spec and these conditions.
func (r *rig) create(api cluster.API, name, spec string, conditions ...metav1.Condition) *unstructured.Unstructured {
	r.Helper()
	o := &unstructured.Unstructured{}
	if err := yaml.Unmarshal([]byte(`{metadata: {name: `+name+`, uid: uid-of-`+name+`}, spec: `+spec+`}`), &o.Object); err != nil {
		r.Fatal(err)
	}
	o.SetGeneration(1)
	o.SetGroupVersionKind(api.Resource.GroupVersion().WithKind(api.ObjectKind))
	if conditions != nil {
		fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status{conditions})
		if err != nil {
			r.Fatal(err)
		}
		o.Object["status"] = fields
	}
	created, err := r.client.Resource(api.Resource).Create(r.Context(), o, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return created
}

// until waits until the object's conditions have been observed at this generation, and returns them.
func (r *rig) until(api cluster.API, name string, generation int64) map[string]metav1.Condition {
	r.Helper()
	for end := time.Now().Add(10 * time.Second); ; time.Sleep(time.Millisecond) {
		o, err := r.client.Resource(api.Resource).Get(r.Context(), name, metav1.GetOptions{})
		if err != nil {
			r.Fatal(err)
		}
		found := map[string]metav1.Condition{}
		for _, c := range conditionsOf(o) {
			found[c.Type] = c
		}
		if c, ok := found[policy.ConditionAccepted]; ok && c.ObservedGeneration == generation {
			return found
		}
		if time.Now().After(end) {
			r.Fatalf("%s has conditions %v, want them at generation %d", name, found, generation)
		}
	}
}

const (
	sound   = `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{namespaces: {}}]}]}`
	domains = `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{domainNames: [example.com]}]}]}`
	unknown = `{tier: Admin, priority: 1, subject: {namespaces: {}}, egress: [{action: Accept, to: [{zones: [a]}]}]}`
)

var ignoreTime = cmpopts.IgnoreFields(metav1.Condition{}, "LastTransitionTime", "Message")

func TestConditions(t *testing.T) {
	r := newRig(t)
	api := cluster.ClusterAPIs()[0]
	foreign := metav1.Condition{Type: "Approved", Status: "True", Reason: "ByHand"}
	for name, test := range map[string]struct {
		spec, message string
		partially     metav1.Condition
	}{
		"sound":   {sound, "", metav1.Condition{Status: metav1.ConditionFalse, Reason: policy.ReasonAllRulesValid}},
		"domains": {domains, "spec.egress[0].to[0].domainNames", metav1.Condition{Status: metav1.ConditionTrue, Reason: policy.ReasonUnsupportedDomainNames}},
		"unknown": {unknown, `unknown field "to[0].zones"`, metav1.Condition{Status: metav1.ConditionTrue, Reason: policy.ReasonInvalidRules}},
	} {
		r.create(api, name, test.spec, foreign)
		test.partially.Type, test.partially.ObservedGeneration = policy.ConditionPartiallyInvalid, 1
		want := map[string]metav1.Condition{
			"Approved":                       foreign,
			policy.ConditionPartiallyInvalid: test.partially,
			policy.ConditionAccepted: {
				Type: policy.ConditionAccepted, Status: metav1.ConditionTrue, Reason: policy.ReasonAccepted, ObservedGeneration: 1,
			},
		}
		got := r.until(api, name, 1)
		if diff := cmp.Diff(want, got, ignoreTime); diff != "" {
			t.Errorf("%s: conditions (-want +got):\n%s", name, diff)
		}
		c := got[policy.ConditionPartiallyInvalid]
		if !strings.Contains(c.Message, test.message) || time.Since(c.LastTransitionTime.Time) > time.Minute {
			t.Errorf("%s: message %q, time %s", name, c.Message, c.LastTransitionTime)
		}
	}
}

// TestEveryAPI: the three APIs have the same status.
func TestEveryAPI(t *testing.T) {
	r := newRig(t)
	for _, api := range cluster.ClusterAPIs() {
		spec := `{tier: Admin, priority: 1, subject: {namespaces: {}}}`
		switch api.Kind {
		case policy.KindAdminNetworkPolicy:
			spec = `{priority: 1, subject: {namespaces: {}}}`
		case policy.KindBaselineAdminNetworkPolicy:
			spec = `{subject: {namespaces: {}}}`
		}
		o := r.create(api, "default", spec)
		if got := r.until(api, o.GetName(), 1); len(got) != 2 || got[policy.ConditionPartiallyInvalid].Status != metav1.ConditionFalse {
			t.Errorf("%s: conditions %v", api.Kind, got)
		}
	}
}

// TestOnlyChangesAreWritten: one write for each generation, none for what is so already; times stay while the status of a condition does.
func TestOnlyChangesAreWritten(t *testing.T) {
	r := newRig(t)
	api := cluster.ClusterAPIs()[0]
	o := r.create(api, "p", sound)
	first := r.until(api, "p", 1)
	long := metav1.NewTime(time.Now().Add(-time.Hour)).Rfc3339Copy()
	aged := []metav1.Condition{first[policy.ConditionAccepted], first[policy.ConditionPartiallyInvalid]}
	for i := range aged {
		aged[i].LastTransitionTime = long
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(&status{aged})
	if err != nil {
		t.Fatal(err)
	}
	o.Object["status"] = fields
	update := func(generation int64) {
		o.SetGeneration(generation)
		if _, err := r.client.Resource(api.Resource).Update(t.Context(), o, metav1.UpdateOptions{}); err != nil {
			t.Fatal(err)
		}
	}
	update(1) // nothing to write
	update(2)
	second := r.until(api, "p", 2)
	if got := r.written(); got != 2 {
		t.Errorf("%d writes for two generations", got)
	}
	for kind, c := range second {
		if !c.LastTransitionTime.Equal(&long) {
			t.Errorf("%s: time %s, want %s: its status is the same", kind, c.LastTransitionTime, long)
		}
	}
	// Another object's write shows that nothing was queued for the first.
	r.create(api, "other", sound)
	r.until(api, "other", 1)
	if got := r.written(); got != 3 {
		t.Errorf("%d writes, want 3: the controller answers its own writes", got)
	}
}

func TestRefusedWritesAreRepeated(t *testing.T) {
	r := newRig(t)
	r.mu.Lock()
	r.refusals = 3
	r.mu.Unlock()
	api := cluster.ClusterAPIs()[0]
	r.create(api, "p", sound)
	r.until(api, "p", 1)
}
