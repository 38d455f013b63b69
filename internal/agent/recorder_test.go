package agent

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// TestObjectOf: Events are about the object that people know.
func TestObjectOf(t *testing.T) {
	for _, test := range []struct {
		ref  policy.Ref
		want corev1.ObjectReference
	}{
		{policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "a", Name: "p"},
			corev1.ObjectReference{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy", Namespace: "a", Name: "p"}},
		{policy.Ref{Kind: policy.KindAlphaNetworkPolicy, Namespace: "a", Name: "p"},
			corev1.ObjectReference{APIVersion: "net.alpha.kubernetes.io/v1alpha1", Kind: "NetworkPolicy", Namespace: "a", Name: "p"}},
		{policy.Ref{Kind: policy.KindNamespaceIsolation, Namespace: "a", Name: "maybe"},
			corev1.ObjectReference{APIVersion: "v1", Kind: "Namespace", Namespace: "a", Name: "a"}},
		{policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: "p"},
			corev1.ObjectReference{APIVersion: "policy.networking.k8s.io/v1alpha2", Kind: "ClusterNetworkPolicy", Name: "p"}},
		{policy.Ref{Kind: policy.KindAdminNetworkPolicy, Name: "p"},
			corev1.ObjectReference{APIVersion: "policy.networking.k8s.io/v1alpha1", Kind: "AdminNetworkPolicy", Name: "p"}},
		{policy.Ref{Kind: policy.KindBaselineAdminNetworkPolicy, Name: "default"},
			corev1.ObjectReference{APIVersion: "policy.networking.k8s.io/v1alpha1", Kind: "BaselineAdminNetworkPolicy", Name: "default"}},
		{policy.Ref{Kind: KindNode, Name: "n1"}, corev1.ObjectReference{APIVersion: "v1", Kind: "Node", Name: "n1"}},
		{policy.Ref{Kind: KindPod, Name: "a/p"}, corev1.ObjectReference{APIVersion: "v1", Kind: "Pod", Namespace: "a", Name: "p"}},
	} {
		if diff := cmp.Diff(&test.want, objectOf(test.ref)); diff != "" {
			t.Errorf("%s (-want +got):\n%s", test.ref, diff)
		}
	}
}
