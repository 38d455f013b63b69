package cluster

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// TestStripLosesNothingThatPoliciesSee: what policies look at is the same before and after; the rest is gone.
func TestStripLosesNothingThatPoliciesSee(t *testing.T) {
	always := corev1.ContainerRestartPolicyAlways
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{
			Namespace: "a", Name: "p", UID: "u", Labels: map[string]string{"x": "y"},
			Annotations:   map[string]string{"big": "text", corev1.MirrorPodAnnotationKey: "hash"},
			ManagedFields: []metav1.ManagedFieldsEntry{{Manager: "m"}},
		},
		Spec: corev1.PodSpec{
			NodeName: "n1", HostNetwork: true,
			Containers: []corev1.Container{
				{Name: "c", Image: "i", Ports: []corev1.ContainerPort{{Name: "web", ContainerPort: 80}, {ContainerPort: 81}}}, {Name: "d"},
			},
			InitContainers: []corev1.Container{{Name: "s", RestartPolicy: &always, Ports: []corev1.ContainerPort{{Name: "side", ContainerPort: 82}}}},
		},
		Status: corev1.PodStatus{Phase: corev1.PodSucceeded, PodIP: "10.0.0.1", PodIPs: []corev1.PodIP{{IP: "10.0.0.1"}, {IP: "fd00::1"}}},
	}
	stripped, err := strip(pod)
	if err != nil {
		t.Fatal(err)
	}
	got := stripped.(*corev1.Pod)
	if diff := cmp.Diff(policy.FromPod(pod), policy.FromPod(got), cmpopts.EquateComparable(netip.Addr{})); diff != "" {
		t.Errorf("policies see something else (-before +after):\n%s", diff)
	}
	if got.ManagedFields != nil || got.Annotations["big"] != "" || len(got.Spec.Containers) != 1 || got.Spec.Containers[0].Image != "" {
		t.Errorf("stripped pod still has %+v", got)
	}

	ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
		Name: "a", Labels: map[string]string{"x": "y"}, Annotations: map[string]string{"big": "text", policy.IsolationAnnotation: "on"},
	}}
	if stripped, err = strip(ns); err != nil {
		t.Fatal(err)
	}
	kept := stripped.(*corev1.Namespace)
	if policy.FromNamespace(kept).Isolation == nil || kept.Labels["x"] != "y" || len(kept.Annotations) != 1 {
		t.Errorf("stripped namespace is %+v", kept)
	}
}
