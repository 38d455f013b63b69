package pods

import (
	"fmt"
	"net/netip"
	"strings"
	"time"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// view is all that a pod's status is made of.
type view struct {
	pod           *v1.Pod
	nodeAddresses []netip.Addr
	addresses     []netip.Addr // empty while the sandbox has none
	startTime     metav1.Time
	sandbox       bool // connected
	inits, apps   []v1.ContainerStatus
	// failure, if not nil, ended the pod whatever its containers did.
	failure *failure
	// over: nothing runs any more, and nothing will.
	over bool
}

type failure struct{ reason, message string }

// status returns the pod's status. Conditions of others, and transition times that did not change, are taken from before.
func (v *view) status(before *v1.PodStatus, now metav1.Time) *v1.PodStatus {
	s := before.DeepCopy()
	s.ObservedGeneration = v.pod.Generation
	s.HostIP, s.HostIPs = "", nil
	for _, a := range v.nodeAddresses {
		s.HostIPs = append(s.HostIPs, v1.HostIP{IP: a.String()})
	}
	if len(s.HostIPs) > 0 {
		s.HostIP = s.HostIPs[0].IP
	}
	s.PodIP, s.PodIPs = "", nil
	for _, a := range v.addresses {
		s.PodIPs = append(s.PodIPs, v1.PodIP{IP: a.String()})
	}
	if len(s.PodIPs) > 0 {
		s.PodIP = s.PodIPs[0].IP
	}
	s.StartTime = &v.startTime
	s.InitContainerStatuses, s.ContainerStatuses = v.inits, v.apps
	s.Reason, s.Message = "", ""
	if v.failure != nil {
		s.Reason, s.Message = v.failure.reason, v.failure.message
	}
	if !finished(before.Phase) {
		s.Phase = v.phase()
	}
	for _, c := range v.conditions(s.Phase) {
		setCondition(s, v.pod.Generation, c, now)
	}
	return s
}

// phase follows the definition of PodStatus.phase.
func (v *view) phase() v1.PodPhase {
	if v.failure != nil && v.over {
		return v1.PodFailed
	}
	if !v.initialized() {
		return v.unlessOver(v1.PodPending)
	}
	var waiting, running, succeeded, failed int
	for _, c := range v.apps {
		switch {
		case c.State.Running != nil:
			running++
		case c.State.Terminated != nil && c.State.Terminated.ExitCode == 0:
			succeeded++
		case c.State.Terminated != nil, c.LastTerminationState.Terminated != nil:
			failed++ // or about to be restarted
		default:
			waiting++
		}
	}
	switch {
	case waiting > 0:
		return v.unlessOver(v1.PodPending)
	case running > 0 || !v.over:
		return v1.PodRunning
	case failed > 0:
		return v1.PodFailed
	}
	return v1.PodSucceeded
}

// unlessOver returns phase, or Failed for a pod that will not get any further.
func (v *view) unlessOver(phase v1.PodPhase) v1.PodPhase {
	if v.over {
		return v1.PodFailed
	}
	return phase
}

// initialized reports whether every init container has done its work.
func (v *view) initialized() bool { return len(v.uninitialized()) == 0 }

func (v *view) uninitialized() []string {
	var names []string
	for i, c := range v.inits {
		always := v.pod.Spec.InitContainers[i].RestartPolicy
		sidecar := always != nil && *always == v1.ContainerRestartPolicyAlways
		switch {
		case sidecar && (v.over || *c.Started || c.LastTerminationState.Terminated != nil):
		case !sidecar && c.State.Terminated != nil && c.State.Terminated.ExitCode == 0:
		default:
			names = append(names, c.Name)
		}
	}
	return names
}

// condition is one line of the pod's conditions.
type condition struct {
	kind            v1.PodConditionType
	true            bool
	reason, message string
}

func (v *view) conditions(phase v1.PodPhase) []condition {
	scheduled := condition{kind: v1.PodScheduled, true: true}
	network := condition{kind: v1.PodReadyToStartContainers, true: v.sandbox}
	initialized := condition{kind: v1.PodInitialized, true: true}
	if names := v.uninitialized(); len(names) > 0 {
		initialized = condition{kind: v1.PodInitialized, reason: "ContainersNotInitialized",
			message: fmt.Sprintf("containers with incomplete status: [%s]", strings.Join(names, " "))}
	}
	containers := v.containersReady(phase)
	ready := containers
	ready.kind = v1.PodReady
	if gates := v.closedGates(); ready.true && len(gates) > 0 {
		ready = condition{kind: v1.PodReady, reason: "ReadinessGatesNotReady", message: strings.Join(gates, ", ")}
	}
	return []condition{network, initialized, ready, containers, scheduled}
}

func (v *view) containersReady(phase v1.PodPhase) condition {
	if phase == v1.PodSucceeded {
		return condition{kind: v1.ContainersReady, reason: "PodCompleted"}
	}
	var unready []string
	for i, c := range v.inits {
		if p := v.pod.Spec.InitContainers[i].RestartPolicy; p != nil && !c.Ready {
			unready = append(unready, c.Name)
		}
	}
	for _, c := range v.apps {
		if !c.Ready {
			unready = append(unready, c.Name)
		}
	}
	if len(unready) == 0 && !finished(phase) {
		return condition{kind: v1.ContainersReady, true: true}
	}
	return condition{kind: v1.ContainersReady, reason: "ContainersNotReady",
		message: fmt.Sprintf("containers with unready status: [%s]", strings.Join(unready, " "))}
}

// closedGates says which of the pod's readiness gates are not true.
func (v *view) closedGates() []string {
	var closed []string
	for _, gate := range v.pod.Spec.ReadinessGates {
		if c := findCondition(&v.pod.Status, gate.ConditionType); c == nil || c.Status != v1.ConditionTrue {
			closed = append(closed, fmt.Sprintf("readiness gate %q is not true", gate.ConditionType))
		}
	}
	return closed
}

func findCondition(s *v1.PodStatus, kind v1.PodConditionType) *v1.PodCondition {
	for i := range s.Conditions {
		if s.Conditions[i].Type == kind {
			return &s.Conditions[i]
		}
	}
	return nil
}

// seconds is a time as the API keeps it.
func seconds(t time.Time) metav1.Time { return metav1.NewTime(t.Truncate(time.Second)) }

// setCondition writes a condition. Its transition time changes only when it does.
func setCondition(s *v1.PodStatus, generation int64, c condition, now metav1.Time) {
	status := v1.ConditionFalse
	if c.true {
		status = v1.ConditionTrue
	}
	found := findCondition(s, c.kind)
	if found == nil {
		s.Conditions = append(s.Conditions, v1.PodCondition{Type: c.kind})
		found = &s.Conditions[len(s.Conditions)-1]
	}
	if found.Status != status {
		found.Status, found.LastTransitionTime = status, now
	}
	found.Reason, found.Message, found.ObservedGeneration = c.reason, c.message, generation
}
