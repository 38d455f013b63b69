package pods

import (
	"path/filepath"
	"syscall"

	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// kind tells the three kinds of containers of a pod apart.
type kind int

const (
	initContainer kind = iota // runs to completion before the next starts
	sidecar                   // an init container that runs as long as the pod
	appContainer
)

// Reasons of containers' states, named as a kubelet names them.
const (
	reasonCreating     = "ContainerCreating"
	reasonInitializing = "PodInitializing"
	reasonCrashLoop    = "CrashLoopBackOff"
	reasonImagePull    = "ErrImagePull"
	reasonImageBackOff = "ImagePullBackOff"
	reasonConfig       = "CreateContainerConfigError"
	reasonStart        = "StartError"
	reasonCompleted    = "Completed"
	reasonError        = "Error"
	reasonUnknown      = "ContainerStatusUnknown"
)

// startErrorCode is the exit code of a container whose program could not be executed.
const startErrorCode = 128

// slot is one container of a pod over all its runs. All but the first group is guarded by the worker's mutex.
type slot struct {
	kind kind
	name string
	dir  string // root filesystem's scratch space and termination message
	log  string

	state    v1.ContainerState
	last     v1.ContainerState
	restarts int32
	ran      bool // since the worker started
	id       string
	imageID  string
	started  bool
	ready    bool
	running  *container.Container
}

// newSlots makes the slots of a pod, init containers first, with the counts of the status that an earlier run left.
func newSlots(pod *v1.Pod, status *v1.PodStatus, dir string) []*slot {
	var slots []*slot
	add := func(c *v1.Container, kind kind, before []v1.ContainerStatus, waiting string) {
		s := &slot{
			kind: kind, name: c.Name, dir: filepath.Join(dir, "containers", c.Name), log: filepath.Join(dir, c.Name+".log"),
			state: v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: waiting}},
		}
		if old := statusOf(before, c.Name); old != nil {
			s.restarts, s.last = old.RestartCount, old.LastTerminationState
			if kind == appContainer && isComplete(pod, old) {
				s.state, s.id, s.imageID = old.State, old.ContainerID, old.ImageID
			}
		}
		slots = append(slots, s)
	}
	reason := reasonCreating
	if len(pod.Spec.InitContainers) > 0 {
		reason = reasonInitializing
	}
	for i := range pod.Spec.InitContainers {
		c := &pod.Spec.InitContainers[i]
		kind := initContainer
		if c.RestartPolicy != nil && *c.RestartPolicy == v1.ContainerRestartPolicyAlways {
			kind = sidecar
		}
		add(c, kind, status.InitContainerStatuses, reason)
	}
	for i := range pod.Spec.Containers {
		add(&pod.Spec.Containers[i], appContainer, status.ContainerStatuses, reason)
	}
	return slots
}

// containerOf returns the specification of a slot's container.
func containerOf(pod *v1.Pod, name string) *v1.Container {
	for _, list := range [][]v1.Container{pod.Spec.InitContainers, pod.Spec.Containers} {
		for i := range list {
			if list[i].Name == name {
				return &list[i]
			}
		}
	}
	return nil
}

func statusOf(list []v1.ContainerStatus, name string) *v1.ContainerStatus {
	for i := range list {
		if list[i].Name == name {
			return &list[i]
		}
	}
	return nil
}

// wait makes the state Waiting. What had terminated becomes the last state.
func (s *slot) wait(reason, message string) {
	s.retire()
	s.state = v1.ContainerState{Waiting: &v1.ContainerStateWaiting{Reason: reason, Message: message}}
	s.started, s.ready = false, false
}

// retire moves a terminated state to the last one.
func (s *slot) retire() {
	if s.state.Terminated != nil {
		s.last = v1.ContainerState{Terminated: s.state.Terminated}
	}
}

// begin counts a run and gives it an id.
func (s *slot) begin(imageID string) {
	s.retire()
	if s.ran {
		s.restarts++
	}
	s.ran = true
	s.id, s.imageID = "hedgerow://"+newID(), imageID
}

func (s *slot) run(c *container.Container) {
	s.running = c
	s.state = v1.ContainerState{Running: &v1.ContainerStateRunning{StartedAt: seconds(c.Started())}}
}

// terminate makes the state Terminated by an exit.
func (s *slot) terminate(exit container.Exit, started metav1.Time, message string) {
	t := &v1.ContainerStateTerminated{
		ExitCode: int32(exit.Code), Signal: int32(exit.Signal), Reason: reasonCompleted, Message: message,
		StartedAt: started, FinishedAt: seconds(exit.At), ContainerID: s.id,
	}
	if exit.Code != 0 {
		t.Reason = reasonError
	}
	s.end(t)
}

func (s *slot) end(t *v1.ContainerStateTerminated) {
	s.running, s.started, s.ready = nil, false, false
	s.state = v1.ContainerState{Terminated: t}
}

// settle shows a container that waited for its restart as what it is once the pod has ended.
func (s *slot) settle() {
	if s.state.Waiting != nil && s.last.Terminated != nil && s.state.Waiting.Reason == reasonCrashLoop {
		s.state, s.last = s.last, v1.ContainerState{}
	}
}

// status returns the container's status.
func (s *slot) status(c *v1.Container) v1.ContainerStatus {
	started := s.started
	status := v1.ContainerStatus{
		Name: s.name, State: *s.state.DeepCopy(), LastTerminationState: *s.last.DeepCopy(), RestartCount: s.restarts,
		Image: c.Image, ImageID: s.imageID, ContainerID: s.id, Ready: s.ready, Started: &started,
	}
	if s.kind == initContainer {
		status.Ready = s.succeeded()
	}
	return status
}

func (s *slot) succeeded() bool { return s.state.Terminated != nil && s.state.Terminated.ExitCode == 0 }

// lost is the termination of a container that an earlier run of the node left running.
func lost(id string, started, now metav1.Time) *v1.ContainerStateTerminated {
	return &v1.ContainerStateTerminated{
		ExitCode: 128 + int32(syscall.SIGKILL), Reason: reasonUnknown, Message: "the node was stopped while the container ran",
		StartedAt: started, FinishedAt: now, ContainerID: id,
	}
}
