package manifest

import corev1 "k8s.io/api/core/v1"

// PodSpec returns the spec of the object's pods: its own if it is a Pod, otherwise that of its pod template; nil: it has none.
func (o *Object) PodSpec() *corev1.PodSpec {
	if pod, ok := o.Value.(*corev1.Pod); ok {
		return &pod.Spec
	}
	if t := template(o.Value); t != nil {
		return &t.Spec
	}
	return nil
}
