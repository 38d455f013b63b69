package pods

import (
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// resume returns the status of a pod that an earlier run of the node left, as it is now that nothing of it exists any more, and whether it differs.
// Containers count one more restart; addresses are void. A pod that must never be restarted has failed.
func resume(pod *v1.Pod, now metav1.Time) (*v1.PodStatus, bool) {
	if finished(pod.Status.Phase) || !hasTraces(&pod.Status) {
		return &pod.Status, false
	}
	status := pod.Status.DeepCopy()
	status.PodIP, status.PodIPs = "", nil
	resumeContainers(status.InitContainerStatuses, now)
	interrupted := resumeContainers(status.ContainerStatuses, now)
	status.Phase = v1.PodPending
	if pod.Spec.RestartPolicy == v1.RestartPolicyNever && interrupted {
		status.Phase, status.Reason = v1.PodFailed, "NodeRestarted"
		status.Message = "the node was stopped while the pod ran, and its restartPolicy is Never"
		for i := range status.ContainerStatuses {
			if c := &status.ContainerStatuses[i]; c.State.Waiting != nil && c.LastTerminationState.Terminated != nil {
				c.State, c.LastTerminationState = c.LastTerminationState, v1.ContainerState{}
				c.RestartCount--
			}
		}
	}
	for _, kind := range []v1.PodConditionType{v1.PodReadyToStartContainers, v1.PodInitialized, v1.ContainersReady, v1.PodReady} {
		setCondition(status, pod.Generation, condition{kind: kind, reason: "NodeRestarted"}, now)
	}
	return status, true
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

// resumeContainers makes every container wait, and reports whether one had been running.
func resumeContainers(list []v1.ContainerStatus, now metav1.Time) (interrupted bool) {
	for i := range list {
		c := &list[i]
		switch {
		case c.State.Running != nil:
			interrupted = true
			c.LastTerminationState = v1.ContainerState{Terminated: lost(c.ContainerID, c.State.Running.StartedAt, now)}
			c.RestartCount++
		case c.State.Terminated != nil:
			c.LastTerminationState = v1.ContainerState{Terminated: c.State.Terminated}
			c.RestartCount++
		}
		c.State = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reasonCreating}}
		c.Ready, c.Started = false, new(bool)
	}
	return interrupted
}
