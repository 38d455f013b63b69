package cli

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// lintWorld adds to a world what was written and no verdict depends on.
func lintWorld(m *manifest.World) *lint.World {
	w := &lint.World{
		World: m.World, Written: map[string]bool{}, Declared: map[*policy.Pod][]policy.Port{}, Invented: map[*policy.Pod]bool{},
		Nulls: map[*networkingv1.NetworkPolicy][]string{},
	}
	for _, o := range m.Objects {
		if o.Pod != nil {
			w.Declared[o.Pod] = lint.DeclaredPorts(o.PodSpec())
			w.Invented[o.Pod] = !hasAddress(o)
		}
		switch object := o.Value.(type) {
		case *corev1.Namespace:
			w.Written[o.Name] = true
		case *corev1.Node:
			w.PodRanges = append(w.PodRanges, manifest.PodRanges(object)...)
		case *networkingv1.NetworkPolicy:
			w.NetworkPolicies = append(w.NetworkPolicies, object)
			w.Nulls[object] = o.Nulls()
		}
	}
	return w
}

// hasAddress reports whether the addresses of the object's pod were written.
func hasAddress(o *manifest.Object) bool {
	pod, ok := o.Value.(*corev1.Pod)
	return ok && (len(pod.Status.PodIPs) > 0 || pod.Status.PodIP != "")
}
