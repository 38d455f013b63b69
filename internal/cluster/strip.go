package cluster

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hedgerow-net/hedgerow/policy"
)

// strip is the informers' transform: it throws away what no policy looks at, so that the cache of a large cluster stays small.
func strip(object any) (any, error) {
	switch o := object.(type) {
	case *corev1.Pod:
		return stripPod(o), nil
	case *corev1.Namespace:
		ns := &corev1.Namespace{ObjectMeta: stripMeta(&o.ObjectMeta)}
		if value, ok := o.Annotations[policy.IsolationAnnotation]; ok {
			ns.Annotations = map[string]string{policy.IsolationAnnotation: value}
		}
		return ns, nil
	case *corev1.Node:
		return &corev1.Node{
			ObjectMeta: stripMeta(&o.ObjectMeta), Spec: corev1.NodeSpec{PodCIDRs: o.Spec.PodCIDRs}, Status: corev1.NodeStatus{Addresses: o.Status.Addresses},
		}, nil
	case *networkingv1.NetworkPolicy:
		return &networkingv1.NetworkPolicy{ObjectMeta: stripMeta(&o.ObjectMeta), Spec: o.Spec}, nil
	case *unstructured.Unstructured:
		return stripUnstructured(o), nil
	}
	return object, nil
}

// stripMeta keeps the resource version for the informer, which tells changes by it.
func stripMeta(m *metav1.ObjectMeta) metav1.ObjectMeta {
	return metav1.ObjectMeta{Namespace: m.Namespace, Name: m.Name, UID: m.UID, ResourceVersion: m.ResourceVersion, Labels: m.Labels}
}

// stripUnstructured keeps everything but the status and most of the metadata: an unknown field must be seen.
func stripUnstructured(o *unstructured.Unstructured) *unstructured.Unstructured {
	kept := &unstructured.Unstructured{Object: map[string]any{}}
	for name, value := range o.Object {
		if name != "status" && name != "metadata" {
			kept.Object[name] = value
		}
	}
	kept.SetNamespace(o.GetNamespace())
	kept.SetName(o.GetName())
	kept.SetUID(o.GetUID())
	kept.SetResourceVersion(o.GetResourceVersion())
	return kept
}

func stripPod(p *corev1.Pod) *corev1.Pod {
	meta := stripMeta(&p.ObjectMeta)
	if uid, ok := p.Annotations[corev1.MirrorPodAnnotationKey]; ok {
		// The UID by which a kubelet calls its static pods.
		meta.Annotations = map[string]string{corev1.MirrorPodAnnotationKey: uid}
	}
	return &corev1.Pod{
		ObjectMeta: meta,
		Spec: corev1.PodSpec{
			NodeName: p.Spec.NodeName, HostNetwork: p.Spec.HostNetwork,
			Containers: stripContainers(p.Spec.Containers), InitContainers: stripContainers(p.Spec.InitContainers),
		},
		Status: corev1.PodStatus{Phase: p.Status.Phase, PodIP: p.Status.PodIP, PodIPs: p.Status.PodIPs},
	}
}

// stripContainers keeps the containers with named ports, and of them what names a port.
func stripContainers(containers []corev1.Container) []corev1.Container {
	var kept []corev1.Container
	for i := range containers {
		c := corev1.Container{Name: containers[i].Name, RestartPolicy: containers[i].RestartPolicy}
		for _, p := range containers[i].Ports {
			if p.Name != "" {
				c.Ports = append(c.Ports, p)
			}
		}
		if c.Ports != nil {
			kept = append(kept, c)
		}
	}
	return kept
}
