package policy

import (
	"maps"

	corev1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

// IsolationAnnotation is the annotation of a namespace that isolates its pods for ingress.
const IsolationAnnotation = v1alpha1.IsolationAnnotation

// Namespace is what policies look at of a namespace.
type Namespace struct {
	Name   string
	Labels map[string]string
	// Isolation is the policy that the namespace's annotation amounts to; nil: not isolated. It isolates every pod of the namespace for
	// ingress, has no rule, and carries a Problem when the annotation's value is neither on nor off.
	Isolation *Policy
}

// FromNamespace converts a namespace of the API. Every namespace carries the label kubernetes.io/metadata.name with its name (KEP-2161): the API
// server sets it, and manifests may leave it out.
func FromNamespace(ns *corev1.Namespace) *Namespace {
	labels := ns.Labels
	if labels[corev1.LabelMetadataName] != ns.Name {
		labels = make(map[string]string, len(ns.Labels)+1)
		maps.Copy(labels, ns.Labels)
		labels[corev1.LabelMetadataName] = ns.Name
	}
	return &Namespace{Name: ns.Name, Labels: labels, Isolation: isolation(ns.Name, ns.Annotations)}
}

func isolation(namespace string, annotations map[string]string) *Policy {
	isolated, err := v1alpha1.ParseIsolation(annotations)
	if !isolated {
		return nil
	}
	p := &Policy{
		Ref:     Ref{Kind: KindNamespaceIsolation, Namespace: namespace, Name: annotations[IsolationAnnotation]},
		Tier:    NetworkPolicy,
		Subject: PodSelector{Namespace: namespace, Pods: Everything()},
	}
	p.Isolates[Ingress] = true
	if err != nil {
		p.Problems = []Problem{{Field: "metadata.annotations[" + IsolationAnnotation + "]", Message: err.Error()}}
	}
	return p
}
