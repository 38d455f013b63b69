package pods

import (
	"context"
	"encoding/json"
	"fmt"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/strategicpatch"
	"k8s.io/client-go/kubernetes"
)

// patchStatus changes a pod's status from what pod says to status and returns the server's version. The object must still be the one with
// the pod's UID.
func patchStatus(ctx context.Context, client kubernetes.Interface, pod *v1.Pod, status *v1.PodStatus) (*v1.PodStatus, error) {
	before, err := json.Marshal(v1.Pod{Status: pod.Status})
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	// The UID counts as a change, so it is in the patch, where the server takes it for a precondition.
	after, err := json.Marshal(v1.Pod{ObjectMeta: metav1.ObjectMeta{UID: pod.UID}, Status: *status})
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	patch, err := strategicpatch.CreateTwoWayMergePatch(before, after, v1.Pod{})
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	written, err := client.CoreV1().Pods(pod.Namespace).Patch(ctx, pod.Name, types.StrategicMergePatchType, patch, metav1.PatchOptions{}, "status")
	if err != nil {
		return nil, fmt.Errorf("write status: %w", err)
	}
	return &written.Status, nil
}

// report writes the pod's status whenever it changes, until ctx ends or the object is gone. Changes that come while a write is under way
// are written together.
func (w *worker) report(ctx context.Context) {
	for {
		changed := w.change()
		if w.flush(ctx) != nil {
			return
		}
		select {
		case <-changed:
		case <-ctx.Done():
			return
		}
	}
}

// flush writes the status if it differs from the one written last, and tries again until it can. An error means that ctx ended or that the
// object is gone.
func (w *worker) flush(ctx context.Context) error {
	var gone error
	err := w.m.delays.retry(ctx.Done(), func() error {
		if ctx.Err() != nil {
			return ctx.Err() // a node that is shut down leaves what it last said, for the next run to resume from
		}
		pod, status := w.status()
		if equality.Semantic.DeepEqual(w.written, status) {
			return nil
		}
		base := pod.DeepCopy()
		base.Status = *w.written
		written, err := patchStatus(ctx, w.m.cfg.Client, base, status)
		switch {
		case err == nil:
			w.written = written
		case apierrors.IsNotFound(err), apierrors.IsConflict(err):
			gone = err
			return nil
		default:
			w.log.Warn("cannot write pod status; trying again", "error", err)
		}
		return err
	})
	if gone != nil {
		return gone
	}
	return err
}
