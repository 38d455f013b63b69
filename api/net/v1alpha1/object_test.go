package v1alpha1

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// full has every field of the API set.
func full() *NetworkPolicy {
	port := intstr.FromInt32(80)
	return &NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: SchemeGroupVersion.String(), Kind: Kind},
		ObjectMeta: metav1.ObjectMeta{Name: "p", Labels: map[string]string{"a": "b"}},
		Spec: NetworkPolicySpec{
			AllowIncoming: &AllowIncoming{
				From:    []Peer{{Pods: labelsOf("a", "b"), Namespaces: labelsOf()}},
				ToPorts: []Port{{Port: &port, Protocol: new("TCP")}},
			},
			PodSelector: map[string]string{"c": "d"},
		},
	}
}

func TestDeepCopySharesNothing(t *testing.T) {
	original := full()
	copied := original.DeepCopyObject().(*NetworkPolicy)
	list := &NetworkPolicyList{ListMeta: metav1.ListMeta{ResourceVersion: "1"}, Items: []NetworkPolicy{*original}}
	copiedList := list.DeepCopyObject().(*NetworkPolicyList)
	if diff := cmp.Diff(full(), copied); diff != "" {
		t.Fatalf("copy (-want +got):\n%s", diff)
	}
	original.Labels["a"] = "changed"
	original.Spec.PodSelector["c"] = "changed"
	incoming := original.Spec.AllowIncoming
	(*incoming.From[0].Pods)["a"] = "changed"
	(*incoming.From[0].Namespaces)["n"] = "changed"
	incoming.ToPorts[0].Port.IntVal = 1
	*incoming.ToPorts[0].Protocol = "changed"
	list.Items[0].Name = "changed"
	for name, got := range map[string]*NetworkPolicy{"policy": copied, "item": &copiedList.Items[0]} {
		if diff := cmp.Diff(full(), got); diff != "" {
			t.Errorf("%s changed with its original (-want +got):\n%s", name, diff)
		}
	}
}

func TestDeepCopyOfNil(t *testing.T) {
	if (*NetworkPolicy)(nil).DeepCopyObject() != nil || (*NetworkPolicyList)(nil).DeepCopyObject() != nil {
		t.Error("the copy of nil is something")
	}
	if got := (&NetworkPolicy{}).DeepCopy(); got.Spec.AllowIncoming != nil || got.Spec.PodSelector != nil {
		t.Errorf("the copy of nothing is %+v", got)
	}
}

// TestRoundTrip: what is written is read back, also the difference between absent and empty.
func TestRoundTrip(t *testing.T) {
	policy := full()
	policy.Spec.AllowIncoming.From = append(policy.Spec.AllowIncoming.From, Peer{Pods: labelsOf()}, Peer{Namespaces: labelsOf()}, Peer{})
	data, err := json.Marshal(policy)
	if err != nil {
		t.Fatal(err)
	}
	got, errs := Decode(data)
	if len(errs) > 0 {
		t.Fatalf("decode %s: %v", data, errs)
	}
	if diff := cmp.Diff(policy, got); diff != "" {
		t.Errorf("%s (-want +got):\n%s", data, diff)
	}
}

func TestScheme(t *testing.T) {
	scheme := runtime.NewScheme()
	if err := AddToScheme(scheme); err != nil {
		t.Fatal(err)
	}
	decoder := serializer.NewCodecFactory(scheme).UniversalDeserializer()
	object, kind, err := decoder.Decode([]byte(published), &GroupVersionKind, nil)
	if err != nil || *kind != GroupVersionKind {
		t.Fatalf("decode as %v: %v", kind, err)
	}
	if got := object.(*NetworkPolicy); got.Name != "pol1" || got.Spec.PodSelector["segment"] != "backend" {
		t.Errorf("decoded %+v", got)
	}
	if GroupVersionResource.String() != "net.alpha.kubernetes.io/v1alpha1, Resource=networkpolicys" {
		t.Errorf("served at %v", GroupVersionResource)
	}
}
