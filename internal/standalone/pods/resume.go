package pods

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// resume returns the status of a pod that an earlier run of the node left, as it is now that nothing of it exists any more, and whether it differs.
// Addresses are void; containers that will be started again count one more restart. A pod that must never be restarted has ended.
func resume(pod *v1.Pod, now metav1.Time) (*v1.PodStatus, bool) {
	if finished(pod.Status.Phase) || !hasTraces(&pod.Status) {
		return &pod.Status, false
	}
	status := pod.Status.DeepCopy()
	status.PodIP, status.PodIPs = "", nil
	if pod.Spec.RestartPolicy == v1.RestartPolicyNever {
		endForGood(status, now)
	} else {
		status.Phase = v1.PodPending
		for i := range status.InitContainerStatuses {
			resumeContainer(&status.InitContainerStatuses[i], now)
		}
		for i := range status.ContainerStatuses {
			if c := &status.ContainerStatuses[i]; !isComplete(pod, c) {
				resumeContainer(c, now)
			}
		}
	}
	for _, kind := range []v1.PodConditionType{v1.PodReadyToStartContainers, v1.PodInitialized, v1.ContainersReady, v1.PodReady} {
		setCondition(status, pod.Generation, condition{kind: kind, reason: "NodeRestarted"}, now)
	}
	return status, true
}

// isComplete reports whether a container has done its work and is not started again, whatever happens to the pod.
func isComplete(pod *v1.Pod, c *v1.ContainerStatus) bool {
	return pod.Spec.RestartPolicy == v1.RestartPolicyOnFailure && c.State.Terminated != nil && c.State.Terminated.ExitCode == 0
}

// hasTraces reports whether anything of the pod was started.
func hasTraces(status *v1.PodStatus) bool {
	for _, list := range [][]v1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for _, c := range list {
			if c.State.Running != nil || c.State.Terminated != nil || c.LastTerminationState.Terminated != nil {
				return true
			}
		}
	}
	return status.PodIP != ""
}

// resumeContainer makes a container wait for its next run.
func resumeContainer(c *v1.ContainerStatus, now metav1.Time) {
	switch {
	case c.State.Running != nil:
		c.LastTerminationState = v1.ContainerState{Terminated: lost(c.ContainerID, c.State.Running.StartedAt, now)}
		c.RestartCount++
	case c.State.Terminated != nil:
		c.LastTerminationState = v1.ContainerState{Terminated: c.State.Terminated}
		c.RestartCount++
	}
	c.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reasonCreating}}
	c.Ready, c.Started = false, new(bool)
}

// endForGood ends a pod that must not be restarted: it succeeded only if every container had.
func endForGood(status *v1.PodStatus, now metav1.Time) {
	status.Phase = v1.PodSucceeded
	for _, list := range [][]v1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range list {
			c := &list[i]
			c.Ready, c.Started = false, new(bool)
			if c.State.Running != nil {
				c.State = v1.ContainerState{Terminated: lost(c.ContainerID, c.State.Running.StartedAt, now)}
			}
			if c.State.Terminated == nil || c.State.Terminated.ExitCode != 0 {
				status.Phase, status.Reason = v1.PodFailed, "NodeRestarted"
				status.Message = "the node was stopped while the pod ran, and its restartPolicy is Never"
			}
		}
	}
}
