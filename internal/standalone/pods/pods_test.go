package pods

import (
	"errors"
	"fmt"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	clienttesting "k8s.io/client-go/testing"
)

func TestPodRunsAndIsDeleted(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "pause"))
	pod := n.untilReady("web")
	s := pod.Status
	if s.Phase != v1.PodRunning || s.PodIP != "10.244.1.1" || s.HostIP != "10.213.0.11" || s.StartTime == nil {
		t.Errorf("status: %+v", s)
	}
	if diff := cmp.Diff([]v1.PodIP{{IP: "10.244.1.1"}, {IP: "fd00::1"}}, s.PodIPs); diff != "" {
		t.Errorf("podIPs: %s", diff)
	}
	c := s.ContainerStatuses[0]
	if c.State.Running == nil || !c.Ready || !*c.Started || c.RestartCount != 0 || !strings.HasPrefix(c.ContainerID, "hedgerow://") ||
		c.Image != ToolboxImage || !strings.HasPrefix(c.ImageID, ToolboxImage+"@sha256:") {
		t.Errorf("container status: %+v", c)
	}
	var conditions []string
	for _, c := range s.Conditions {
		conditions = append(conditions, fmt.Sprintf("%s=%s", c.Type, c.Status))
		if c.LastTransitionTime.IsZero() {
			t.Errorf("condition %s has no transition time", c.Type)
		}
	}
	slices.Sort(conditions)
	want := []string{"ContainersReady=True", "Initialized=True", "PodReadyToStartContainers=True", "PodScheduled=True", "Ready=True"}
	if diff := cmp.Diff(want, conditions); diff != "" {
		t.Errorf("conditions: %s", diff)
	}
	n.delete("web", 1)
	n.untilGone("web")
	n.checkNothingLeft()
	for _, action := range n.client.Actions() {
		d, ok := action.(clienttesting.DeleteActionImpl)
		if !ok {
			continue
		}
		if p := d.DeleteOptions.Preconditions; p == nil || *p.UID != "uid-web" || *d.DeleteOptions.GracePeriodSeconds != 0 {
			t.Errorf("object deleted with %+v", d.DeleteOptions)
		}
	}
}

func TestSandboxOfThePod(t *testing.T) {
	n := newNode(t)
	pod := newPod("web", "pause")
	n.create(pod)
	n.untilReady("web")
	n.network.mu.Lock()
	defer n.network.mu.Unlock()
	for id, s := range n.network.added {
		if s.Namespace != "tenant-a" || s.Pod != "web" || s.UID != "uid-web" || len(id) != 64 {
			t.Errorf("sandbox: %+v", s)
		}
	}
}

func TestRestartPolicies(t *testing.T) {
	n := newNode(t)
	for _, c := range []struct {
		name   string
		policy v1.RestartPolicy
		code   string
		want   string
		ok     func(*v1.Pod) bool
	}{
		{"never-0", v1.RestartPolicyNever, "0", "succeeded", func(p *v1.Pod) bool {
			return p.Status.Phase == v1.PodSucceeded && exitOfMain(p) == "Completed 0"
		}},
		{"never-3", v1.RestartPolicyNever, "3", "failed", func(p *v1.Pod) bool {
			return p.Status.Phase == v1.PodFailed && exitOfMain(p) == "Error 3"
		}},
		{"onfailure-0", v1.RestartPolicyOnFailure, "0", "succeeded", func(p *v1.Pod) bool { return p.Status.Phase == v1.PodSucceeded }},
		{"onfailure-3", v1.RestartPolicyOnFailure, "3", "restarted", restarted},
		{"always-0", v1.RestartPolicyAlways, "0", "restarted", restarted},
	} {
		pod := newPod(c.name, "exit", c.code)
		pod.Spec.RestartPolicy = c.policy
		n.create(pod)
		after := n.until(c.name, c.want, c.ok)
		if c.policy == v1.RestartPolicyNever && after.Status.ContainerStatuses[0].RestartCount != 0 {
			t.Errorf("%s: %d restarts", c.name, after.Status.ContainerStatuses[0].RestartCount)
		}
		ready := findCondition(&after.Status, v1.PodReady)
		if finished(after.Status.Phase) && (ready == nil || ready.Status != v1.ConditionFalse) {
			t.Errorf("%s: ready after its end: %+v", c.name, ready)
		}
	}
	n.wait("finished pods are disconnected", func() bool { return n.network.connected() == 2 })
}

func exitOfMain(p *v1.Pod) string {
	c := p.Status.ContainerStatuses[0].State.Terminated
	if c == nil {
		return ""
	}
	return fmt.Sprintf("%s %d", c.Reason, c.ExitCode)
}

// restarted reports a pod that waits for its restart after more than one.
func restarted(p *v1.Pod) bool {
	if len(p.Status.ContainerStatuses) == 0 {
		return false
	}
	c := p.Status.ContainerStatuses[0]
	return p.Status.Phase == v1.PodRunning && c.RestartCount >= 2 && c.State.Waiting != nil &&
		c.State.Waiting.Reason == reasonCrashLoop && c.LastTerminationState.Terminated != nil
}

func TestGracePeriodIsHonoured(t *testing.T) {
	n := newNode(t)
	stubborn := newPod("stubborn", "sleep", "1h", "--ignore-sigterm")
	polite := newPod("polite", "sleep", "1h")
	n.create(stubborn)
	n.create(polite)
	n.untilLog(stubborn, "main", "sleeping")
	n.untilLog(polite, "main", "sleeping")
	c, err := n.manager.Container("tenant-a", "stubborn", "main")
	if err != nil {
		t.Fatal(err)
	}
	n.delete("polite", 3600)
	n.untilGone("polite") // long before its grace period is over
	began := time.Now()
	n.delete("stubborn", 2)
	exit := c.Exit()
	if ran := exit.At.Sub(began); ran < 2*time.Second || exit.Signal != syscall.SIGKILL {
		t.Errorf("ended after %s by %s, want killed after 2s", ran, exit.Signal)
	}
	n.untilGone("stubborn")
}

func TestGracePeriodCanBeShortened(t *testing.T) {
	n := newNode(t)
	pod := newPod("stubborn", "sleep", "1h", "--ignore-sigterm")
	n.create(pod)
	n.untilLog(pod, "main", "sleeping")
	n.delete("stubborn", 3600)
	n.delete("stubborn", 0)
	n.untilGone("stubborn")
}

func TestObjectThatVanishes(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "sleep", "1h", "--ignore-sigterm"))
	n.untilReady("web")
	if err := n.client.CoreV1().Pods("tenant-a").Delete(t.Context(), "web", metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	// Another pod of the same name comes before the first has ended.
	again := newPod("web", "pause")
	again.UID = "uid-other"
	n.create(again)
	n.untilReady("web")
	n.wait("the first pod's sandbox is gone", func() bool { return n.network.connected() == 1 })
	n.wait("the first pod is forgotten", func() bool {
		n.manager.mu.Lock()
		defer n.manager.mu.Unlock()
		return len(n.manager.workers) == 1
	})
}

func TestSameNameInOneUpdate(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "pause"))
	first := n.untilReady("web")
	second := newPod("web", "pause")
	second.UID = "uid-second"
	if _, err := n.client.CoreV1().Pods("tenant-a").Update(t.Context(), second, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.until("web", "the second pod", func(p *v1.Pod) bool { return p.Status.PodIP != "" && p.Status.PodIP != first.Status.PodIP })
	n.wait("one sandbox is left", func() bool { return n.network.connected() == 1 })
}

func TestNodeRestart(t *testing.T) {
	n := newNode(t)
	never := newPod("never", "pause")
	never.Spec.RestartPolicy = v1.RestartPolicyNever
	done := newPod("done", "exit", "0")
	done.Spec.RestartPolicy = v1.RestartPolicyNever
	n.create(newPod("web", "pause"))
	n.create(never)
	n.create(done)
	before := n.untilReady("web")
	n.untilReady("never")
	n.untilPhase("done", v1.PodSucceeded)
	n.stop()
	n.checkNothingLeft()
	if pod := n.get("web"); pod.DeletionTimestamp != nil {
		t.Error("the object was deleted at shutdown")
	}
	n.start()
	after := n.until("web", "ready at another address", func(p *v1.Pod) bool {
		return p.Status.PodIP != "" && p.Status.PodIP != before.Status.PodIP && p.Status.ContainerStatuses[0].Ready
	})
	c := after.Status.ContainerStatuses[0]
	if c.RestartCount != 1 || c.LastTerminationState.Terminated == nil || c.LastTerminationState.Terminated.Reason != reasonUnknown {
		t.Errorf("container after the restart: %+v", c)
	}
	if diff := cmp.Diff(before.Status.StartTime, after.Status.StartTime); diff != "" {
		t.Errorf("startTime changed: %s", diff)
	}
	if pod := n.get("never"); pod.Status.Phase != v1.PodFailed || pod.Status.PodIP != "" {
		t.Errorf("pod that must not be restarted: %+v", pod.Status)
	}
	if pod := n.get("done"); pod.Status.Phase != v1.PodSucceeded {
		t.Errorf("pod that was done: %+v", pod.Status)
	}
}

func TestPodDeletedWhileTheNodeWasOff(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "pause"))
	n.untilReady("web")
	n.stop()
	n.delete("web", 30)
	n.start()
	n.untilGone("web")
}

func TestUnknownImage(t *testing.T) {
	n := newNode(t)
	pod := newPod("web")
	pod.Spec.Containers[0].Image = "docker.io/library/nginx:1"
	n.create(pod)
	n.create(newPod("other", "pause"))
	waiting := func(reason string) func(*v1.Pod) bool {
		return func(p *v1.Pod) bool {
			if len(p.Status.ContainerStatuses) == 0 {
				return false
			}
			w := p.Status.ContainerStatuses[0].State.Waiting
			return p.Status.Phase == v1.PodPending && w != nil && w.Reason == reason && strings.Contains(w.Message, ToolboxImage)
		}
	}
	n.until("web", "backing off", waiting(reasonImageBackOff))
	n.untilEvent(eventFailed, `image "docker.io/library/nginx:1" is not known`)
	n.untilReady("other")
	fixed := n.get("web")
	fixed.Spec.Containers[0].Image = "registry.k8s.io/e2e-test-images/agnhost:2.99"
	if _, err := n.client.CoreV1().Pods("tenant-a").Update(t.Context(), fixed, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.untilReady("web")
}

func TestChangedImageReplacesTheContainer(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "pause"))
	pod := n.untilReady("web")
	pod.Spec.Containers[0].Image = ToolboxImage + ":other"
	if _, err := n.client.CoreV1().Pods("tenant-a").Update(t.Context(), pod, metav1.UpdateOptions{}); err != nil {
		t.Fatal(err)
	}
	n.until("web", "replaced", func(p *v1.Pod) bool {
		c := p.Status.ContainerStatuses[0]
		return c.RestartCount == 1 && c.Ready && c.Image == ToolboxImage+":other"
	})
}

func TestUnsupportedFields(t *testing.T) {
	n := newNode(t)
	pod := newPod("web")
	pod.Spec.Volumes = []v1.Volume{{Name: "config", VolumeSource: v1.VolumeSource{ConfigMap: &v1.ConfigMapVolumeSource{}}}}
	n.create(pod)
	n.until("web", "refused", func(p *v1.Pod) bool {
		if len(p.Status.ContainerStatuses) == 0 {
			return false
		}
		w := p.Status.ContainerStatuses[0].State.Waiting
		return w != nil && strings.Contains(w.Message, "spec.volumes[0] (config): only emptyDir volumes are supported")
	})
	n.untilEvent(eventUnsupported, "spec.volumes[0]")
	n.delete("web", 1)
	n.untilGone("web")
}

func TestNetworkThatFails(t *testing.T) {
	n := newNode(t)
	n.network.mu.Lock()
	n.network.errors = []error{errors.New("agent is not ready"), errors.New("agent is not ready")}
	n.network.mu.Unlock()
	n.create(newPod("web", "pause"))
	n.untilReady("web")
	n.untilEvent(eventSandbox, "agent is not ready")
}

func TestNoContainerBeforeTheNetwork(t *testing.T) {
	n := newNode(t)
	hold := make(chan struct{})
	n.network.mu.Lock()
	n.network.hold = hold
	n.network.mu.Unlock()
	n.create(newPod("web", "pause"))
	n.create(newPod("doomed", "pause"))
	n.until("web", "pending", func(p *v1.Pod) bool { return p.Status.Phase == v1.PodPending })
	if left := children(t); len(left) != 0 {
		t.Errorf("processes run before the sandbox is connected: %v", left)
	}
	n.delete("doomed", 30) // in the middle of Add
	n.untilGone("doomed")
	close(hold)
	n.untilReady("web")
}

func TestContainerLookup(t *testing.T) {
	n := newNode(t)
	n.create(newPod("web", "pause"))
	n.untilReady("web")
	for _, c := range []struct {
		namespace, pod, container string
		found                     bool
	}{
		{"tenant-a", "web", "main", true}, {"tenant-a", "web", "", true}, {"tenant-a", "web", "other", false},
		{"tenant-b", "web", "main", false}, {"tenant-a", "other", "", false},
	} {
		_, err := n.manager.Container(c.namespace, c.pod, c.container)
		if (err == nil) != c.found || err != nil && !errors.Is(err, ErrNoContainer) {
			t.Errorf("%+v: %v", c, err)
		}
	}
}

func TestPodsOfOtherNodesAreLeftAlone(t *testing.T) {
	n := newNode(t)
	other := newPod("other", "pause")
	other.Spec.NodeName = "node-2"
	n.create(other)
	n.create(newPod("web", "pause"))
	n.untilReady("web")
	if pod := n.get("other"); pod.Status.Phase != "" {
		t.Errorf("another node's pod: %+v", pod.Status)
	}
}

func TestManyPodsAtOnce(t *testing.T) {
	n := newNode(t)
	const count = 20
	for i := range count {
		pod := newPod(fmt.Sprintf("pod-%d", i), "pause")
		pod.UID = types.UID(fmt.Sprint(i))
		n.create(pod)
	}
	addresses := map[string]bool{}
	for i := range count {
		addresses[n.untilReady(fmt.Sprintf("pod-%d", i)).Status.PodIP] = true
	}
	if len(addresses) != count {
		t.Errorf("%d addresses for %d pods", len(addresses), count)
	}
}

func TestStatusOfAnotherPodIsNotTouched(t *testing.T) {
	n := newNode(t)
	other := newPod("web", "pause")
	other.Spec.NodeName = "node-2"
	n.create(other)
	mine := other.DeepCopy()
	mine.UID = "uid-mine"
	if _, err := patchStatus(t.Context(), n.client, mine, &v1.PodStatus{Phase: v1.PodFailed}); !apierrors.IsConflict(err) {
		t.Errorf("got %v, want a conflict", err)
	}
}
