package v1alpha1

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/runtime"
)

var (
	_ runtime.Object = (*NetworkPolicy)(nil)
	_ runtime.Object = (*NetworkPolicyList)(nil)
)

// DeepCopyObject returns a copy that shares nothing with p. It implements runtime.Object.
func (p *NetworkPolicy) DeepCopyObject() runtime.Object {
	if p == nil {
		return nil
	}
	return p.DeepCopy()
}

// DeepCopy returns a copy that shares nothing with p; nil for nil.
func (p *NetworkPolicy) DeepCopy() *NetworkPolicy {
	if p == nil {
		return nil
	}
	out := &NetworkPolicy{TypeMeta: p.TypeMeta}
	p.ObjectMeta.DeepCopyInto(&out.ObjectMeta)
	out.Spec = *p.Spec.DeepCopy()
	return out
}

// DeepCopy returns a copy that shares nothing with s; nil for nil.
func (s *NetworkPolicySpec) DeepCopy() *NetworkPolicySpec {
	if s == nil {
		return nil
	}
	return &NetworkPolicySpec{AllowIncoming: s.AllowIncoming.DeepCopy(), PodSelector: maps.Clone(s.PodSelector)}
}

// DeepCopy returns a copy that shares nothing with a; nil for nil.
func (a *AllowIncoming) DeepCopy() *AllowIncoming {
	if a == nil {
		return nil
	}
	out := &AllowIncoming{From: slices.Clone(a.From), ToPorts: slices.Clone(a.ToPorts)}
	for i, peer := range out.From {
		out.From[i] = Peer{Pods: copyLabels(peer.Pods), Namespaces: copyLabels(peer.Namespaces)}
	}
	for i, port := range out.ToPorts {
		out.ToPorts[i] = Port{Port: copyOf(port.Port), Protocol: copyOf(port.Protocol)}
	}
	return out
}

// DeepCopyObject returns a copy that shares nothing with l. It implements runtime.Object.
func (l *NetworkPolicyList) DeepCopyObject() runtime.Object {
	if l == nil {
		return nil
	}
	return l.DeepCopy()
}

// DeepCopy returns a copy that shares nothing with l; nil for nil.
func (l *NetworkPolicyList) DeepCopy() *NetworkPolicyList {
	if l == nil {
		return nil
	}
	out := &NetworkPolicyList{TypeMeta: l.TypeMeta, Items: slices.Clone(l.Items)}
	l.ListMeta.DeepCopyInto(&out.ListMeta)
	for i := range out.Items {
		out.Items[i] = *l.Items[i].DeepCopy()
	}
	return out
}

func copyLabels(labels *map[string]string) *map[string]string {
	if labels == nil {
		return nil
	}
	out := maps.Clone(*labels)
	return &out
}

func copyOf[T any](v *T) *T {
	if v == nil {
		return nil
	}
	out := *v
	return &out
}
