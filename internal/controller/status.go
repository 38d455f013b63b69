package controller

import (
	"context"
	"fmt"

	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hedgerow-net/hedgerow/policy"
)

// fieldManager owns the conditions that are written here.
const fieldManager = "hedgerow-controller"

// keep makes the conditions of the object of that name what they have to be. Nothing is written when they are.
func (k *keeper) keep(ctx context.Context, name string) error {
	k.mu.Lock()
	o := k.latest[name]
	k.mu.Unlock()
	if o == nil || o.GetDeletionTimestamp() != nil {
		return nil
	}
	old := conditionsOf(o)
	wanted := policy.Conditions(k.api.Convert(o), o.GetGeneration(), metav1.Now().Rfc3339Copy(), old)
	if equality.Semantic.DeepEqual(old, wanted) {
		return nil
	}
	status, err := statusOf(wanted)
	if err != nil {
		return err
	}
	patch := &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": k.api.Resource.GroupVersion().String(), "kind": k.api.ObjectKind,
		// The UID makes sure that it is not another object that has got the name meanwhile.
		"metadata": map[string]any{"name": name, "uid": string(o.GetUID())},
		"status":   status,
	}}
	_, err = k.client.ApplyStatus(ctx, name, patch, metav1.ApplyOptions{FieldManager: fieldManager, Force: true})
	if err != nil && !apierrors.IsNotFound(err) {
		return fmt.Errorf("write status of %s %s: %w", k.api.ObjectKind, name, err)
	}
	return nil
}

// status is what the statuses of all cluster policies are made of.
type status struct {
	Conditions []metav1.Condition `json:"conditions"`
}

// conditionsOf returns the conditions of an object. What cannot be read is taken for none: it is written over then.
func conditionsOf(o *unstructured.Unstructured) []metav1.Condition {
	fields, ok := o.Object["status"].(map[string]any)
	if !ok {
		return nil
	}
	s := &status{}
	if err := runtime.DefaultUnstructuredConverter.FromUnstructured(fields, s); err != nil {
		return nil
	}
	return s.Conditions
}

// statusOf is the status with those conditions that belong to this controller. Others keep theirs: conditions are merged by type.
func statusOf(all []metav1.Condition) (map[string]any, error) {
	s := &status{}
	for _, c := range all {
		if c.Type == policy.ConditionAccepted || c.Type == policy.ConditionPartiallyInvalid {
			s.Conditions = append(s.Conditions, c)
		}
	}
	fields, err := runtime.DefaultUnstructuredConverter.ToUnstructured(s)
	if err != nil {
		return nil, fmt.Errorf("encode status: %w", err)
	}
	return fields, nil
}
