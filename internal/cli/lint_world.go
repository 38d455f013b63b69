package cli

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// lintWorld adds to a world what was written and no verdict depends on.
func lintWorld(m *manifest.World) *lint.World {
	w := &lint.World{World: m.World, Written: map[string]bool{}, Declared: map[*policy.Pod][]policy.Port{}, Invented: map[*policy.Pod]bool{}}
	pods := podsOf(m)
	for _, o := range m.Objects {
		if spec, pod := o.PodSpec(), pods[podKey{o.Kind.Kind, o.Namespace, o.Name}]; spec != nil && pod != nil {
			w.Declared[pod] = lint.DeclaredPorts(spec)
			w.Invented[pod] = !hasAddress(o)
		}
		switch object := o.Value.(type) {
		case *corev1.Namespace:
			w.Written[o.Name] = true
		case *corev1.Node:
			w.PodRanges = append(w.PodRanges, podRanges(object)...)
		case *networkingv1.NetworkPolicy:
			w.NetworkPolicies = append(w.NetworkPolicies, object)
		}
	}
	return w
}

// podKey names the object that a pod was made from.
type podKey struct{ kind, namespace, name string }

func podsOf(m *manifest.World) map[podKey]*policy.Pod {
	pods := map[podKey]*policy.Pod{}
	templates := map[*policy.Pod]bool{}
	for _, wl := range m.Workloads {
		if wl.Pod == nil {
			continue
		}
		templates[wl.Pod] = true
		pods[podKey{wl.Kind, wl.Namespace, wl.Name}] = wl.Pod
	}
	for _, pod := range m.Pods {
		if !templates[pod] {
			pods[podKey{"Pod", pod.Namespace, pod.Name}] = pod
		}
	}
	return pods
}

// hasAddress reports whether the addresses of the object's pod were written.
func hasAddress(o *manifest.Object) bool {
	pod, ok := o.Value.(*corev1.Pod)
	return ok && (len(pod.Status.PodIPs) > 0 || pod.Status.PodIP != "")
}

func podRanges(node *corev1.Node) []netip.Prefix {
	texts := node.Spec.PodCIDRs
	if len(texts) == 0 {
		texts = []string{node.Spec.PodCIDR}
	}
	var ranges []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			ranges = append(ranges, p.Masked())
		}
	}
	return ranges
}
