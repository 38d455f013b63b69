package pods

import (
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
)

func TestResume(t *testing.T) {
	now := seconds(time.Now())
	before := seconds(time.Now().Add(-time.Hour))
	running := v1.ContainerStatus{
		Name: "main", Ready: true, RestartCount: 3, ContainerID: "id", State: v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: before}},
	}
	failed := v1.ContainerStatus{
		Name: "main", RestartCount: 3, State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 4}},
	}
	complete := v1.ContainerStatus{Name: "main", State: v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}}
	for _, c := range []struct {
		name    string
		policy  v1.RestartPolicy
		phase   v1.PodPhase
		status  []v1.ContainerStatus
		changed bool
		want    v1.PodPhase
		state   string
	}{
		{"new", v1.RestartPolicyAlways, v1.PodPending, nil, false, v1.PodPending, ""},
		{"running", v1.RestartPolicyAlways, v1.PodRunning, []v1.ContainerStatus{running}, true, v1.PodPending, "waits, 4 restarts, last 137"},
		{"between restarts", v1.RestartPolicyOnFailure, v1.PodRunning, []v1.ContainerStatus{failed}, true, v1.PodPending, "waits, 4 restarts, last 4"},
		{"complete", v1.RestartPolicyOnFailure, v1.PodRunning, []v1.ContainerStatus{complete, running}, true, v1.PodPending, "ended 0, 0 restarts, last -1"},
		{"never, complete", v1.RestartPolicyNever, v1.PodRunning, []v1.ContainerStatus{complete}, true, v1.PodSucceeded, "ended 0, 0 restarts, last -1"},
		{"never, failed", v1.RestartPolicyNever, v1.PodRunning, []v1.ContainerStatus{failed}, true, v1.PodFailed, "ended 4, 3 restarts, last -1"},
		{"never", v1.RestartPolicyNever, v1.PodRunning, []v1.ContainerStatus{running}, true, v1.PodFailed, "ended 137, 3 restarts, last -1"},
		{"succeeded", v1.RestartPolicyNever, v1.PodSucceeded, []v1.ContainerStatus{running}, false, v1.PodSucceeded, "runs, 3 restarts, last -1"},
	} {
		pod := newPod("web")
		pod.Spec.RestartPolicy = c.policy
		pod.Status = v1.PodStatus{Phase: c.phase, ContainerStatuses: c.status}
		if c.changed {
			pod.Status.PodIP, pod.Status.PodIPs = "10.0.0.1", []v1.PodIP{{IP: "10.0.0.1"}}
		}
		got, changed := resume(pod, now)
		if changed != c.changed || got.Phase != c.want || got.PodIP != "" || len(got.PodIPs) != 0 {
			t.Errorf("%s: changed %v, status %+v", c.name, changed, got)
		}
		if c.state != "" {
			if diff := cmp.Diff(c.state, describe(&got.ContainerStatuses[0])); diff != "" {
				t.Errorf("%s: %s", c.name, diff)
			}
		}
	}
}
