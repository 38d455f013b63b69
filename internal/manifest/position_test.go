package manifest

import (
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy"
)

const positioned = `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata:
  name: x
  labels:
    example.com/part-of: shop
spec:
  podSelector:
    matchLabels: {app: web}
  ingress:
  - from:
    - podSelector: {}
    -
      ipBlock:
        cidr: 10.0.0.0/8
  - ports:
    - port: 80
---
apiVersion: v1
kind: Namespace
metadata:
  name: ns
  annotations:
    net.alpha.kubernetes.io/network-isolation: "on"
`

func TestAt(t *testing.T) {
	o := read(t, positioned).Objects[0]
	for field, want := range map[string]int{
		"":                                     1,
		"metadata.name":                        4,
		"spec":                                 7,
		"spec.podSelector.matchLabels":         9,
		"spec.podSelector.matchLabels[app]":    9,
		"spec.ingress":                         10,
		"spec.ingress[0]":                      11,
		"spec.ingress[0].from[1]":              14,
		"spec.ingress[0].from[1].ipBlock.cidr": 15,
		"spec.ingress[0].from[1].ipBlock.except[3]": 14,
		"spec.ingress[0].from[7]":                   11,
		"spec.ingress[1].ports[0]":                  17,
		"spec.egress[0].to":                         7,
		"status.conditions":                         1,
		"metadata.labels[example.com/part-of]":      6,
		"metadata.labels.example.com/part-of":       6,
		"metadata.labels[example.com/other]":        5,
		"spec.ingress[":                             10,
		"spec.ingress[-1]":                          10,
		"[":                                         1,
		"]..x":                                      1,
	} {
		if got := o.At(field); got != (Position{"-", want}) {
			t.Errorf("At(%q) is %s, want line %d", field, got, want)
		}
	}
}

func TestObjectOf(t *testing.T) {
	w := read(t, positioned)
	if o := w.ObjectOf(policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "default", Name: "x"}); o != w.Objects[0] {
		t.Errorf("the policy's object is %v", o)
	}
	if o := w.ObjectOf(policy.Ref{Kind: policy.KindNamespaceIsolation, Namespace: "ns", Name: "on"}); o != w.Objects[1] {
		t.Errorf("the isolation's object is %v", o)
	}
	if o := w.ObjectOf(policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "default", Name: "y"}); o != nil {
		t.Errorf("the object of no policy is %v", o)
	}
}

// TestAtTakesTheLongestName: a dot may be part of a name.
func TestAtTakesTheLongestName(t *testing.T) {
	o := read(t, "apiVersion: v1\nkind: Pod\nmetadata:\n  name: x\n  labels:\n    a.b: x\n    a: x\n    a.b.c: x\n").Objects[0]
	for field, want := range map[string]int{"metadata.labels.a": 7, "metadata.labels.a.b": 6, "metadata.labels.a.b.c": 8, "metadata.labels.a.x": 7} {
		if got := o.At(field).Line; got != want {
			t.Errorf("At(%q) is on line %d, want %d", field, got, want)
		}
	}
}

func TestNulls(t *testing.T) {
	w := read(t, "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, labels: }\nspec: {podSelector: {}, ingress: [{from: }, null]}\n")
	want := []string{"metadata.labels", "spec.ingress[0].from", "spec.ingress[1]"}
	if diff := cmp.Diff(want, w.Objects[0].Nulls()); diff != "" {
		t.Errorf("nulls (-want +got):\n%s", diff)
	}
}
