package e2e

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestPodServesOnItsAddress(t *testing.T) {
	r := newPodRig(t, shared)
	created := r.pod("web", "netexec", "--http-port=8080")
	created.Spec.Containers[0].ReadinessProbe = &corev1.Probe{
		PeriodSeconds: 1,
		ProbeHandler:  corev1.ProbeHandler{HTTPGet: &corev1.HTTPGetAction{Path: "/healthz", Port: intstr.FromInt32(8080)}},
	}
	r.create(created)
	pod := r.untilReady("web")
	for _, kind := range []corev1.PodConditionType{corev1.PodScheduled, corev1.PodInitialized, corev1.ContainersReady} {
		if s := conditionOf(pod, kind); s != corev1.ConditionTrue {
			t.Errorf("condition %s is %q", kind, s)
		}
	}
	c := pod.Status.ContainerStatuses[0]
	if pod.Status.Phase != corev1.PodRunning || pod.Status.HostIP == "" || pod.Status.PodIPs[0].IP != pod.Status.PodIP ||
		c.State.Running == nil || !c.Ready || c.RestartCount != 0 || c.ContainerID == "" || c.ImageID == "" {
		t.Errorf("status: %+v", pod.Status)
	}
	if got := getFromNode(t, "http://"+net.JoinHostPort(pod.Status.PodIP, "8080")+"/hostname"); got != "web" {
		t.Errorf("the pod says its name is %q", got)
	}
}

// getFromNode gets a page from within the node's network namespace.
func getFromNode(t *testing.T, url string) string {
	t.Helper()
	dial := func(ctx context.Context, network, address string) (conn net.Conn, err error) {
		err = inNetns(shared.nodeNetns(node), func() error {
			var d net.Dialer
			conn, err = d.DialContext(ctx, network, address)
			return err
		})
		return conn, err
	}
	client := &http.Client{Timeout: waitTime, Transport: &http.Transport{DialContext: dial, DisableKeepAlives: true}}
	answer, err := client.Get(url)
	if err != nil {
		t.Fatal(err)
	}
	defer answer.Body.Close()
	body, err := io.ReadAll(answer.Body)
	if err != nil {
		t.Fatal(err)
	}
	return string(body)
}

func TestScheduledPodRuns(t *testing.T) {
	r := newPodRig(t, shared)
	pod := r.pod("web", "pause")
	pod.Spec.NodeName = "" // the scheduler's business
	r.create(pod)
	r.untilReady("web")
}

func TestRestartPolicies(t *testing.T) {
	r := newPodRig(t, shared)
	ended := func(phase corev1.PodPhase, code int32, restarts int32) func(*corev1.Pod) string {
		return func(p *corev1.Pod) string {
			if p.Status.Phase != phase || len(p.Status.ContainerStatuses) == 0 {
				return "it is " + string(p.Status.Phase)
			}
			c := p.Status.ContainerStatuses[0]
			if c.State.Terminated == nil || c.State.Terminated.ExitCode != code || c.RestartCount != restarts {
				return fmt.Sprintf("container is %+v", c)
			}
			return ""
		}
	}
	crashing := func(p *corev1.Pod) string {
		if len(p.Status.ContainerStatuses) == 0 {
			return "it has no status"
		}
		// The first restart is immediate, the second ten seconds later.
		c := p.Status.ContainerStatuses[0]
		if p.Status.Phase != corev1.PodRunning || c.RestartCount != 1 || c.State.Waiting == nil || c.State.Waiting.Reason != "CrashLoopBackOff" ||
			c.LastTerminationState.Terminated == nil {
			return fmt.Sprintf("container is %+v", c)
		}
		return ""
	}
	for _, c := range []struct {
		policy corev1.RestartPolicy
		code   string
		want   func(*corev1.Pod) string
	}{
		{corev1.RestartPolicyNever, "0", ended(corev1.PodSucceeded, 0, 0)},
		{corev1.RestartPolicyNever, "3", ended(corev1.PodFailed, 3, 0)},
		{corev1.RestartPolicyOnFailure, "0", ended(corev1.PodSucceeded, 0, 0)},
		{corev1.RestartPolicyOnFailure, "3", crashing},
		{corev1.RestartPolicyAlways, "0", crashing},
	} {
		name := strings.ToLower(fmt.Sprintf("%s-%s", c.policy, c.code))
		pod := r.pod(name, "exit", c.code)
		pod.Spec.RestartPolicy = c.policy
		r.create(pod)
		r.until(name, "as its policy says", c.want)
	}
}

func TestGracePeriod(t *testing.T) {
	r := newPodRig(t, shared)
	grace := int64(3)
	stubborn := r.pod("stubborn", "sleep", "1h", "--ignore-sigterm")
	stubborn.Spec.TerminationGracePeriodSeconds = &grace
	patient := int64(3600)
	polite := r.pod("polite", "sleep", "1h")
	polite.Spec.TerminationGracePeriodSeconds = &patient
	stubborn, polite = r.create(stubborn), r.create(polite)
	r.untilLog(stubborn, "sleeping")
	r.untilLog(polite, "sleeping")

	r.delete("polite", metav1.DeleteOptions{})
	r.untilGone("polite") // an hour early

	began := time.Now()
	r.delete("stubborn", metav1.DeleteOptions{})
	// The API server keeps whole seconds of the grace period, counted from the request; the process gets all of it.
	for time.Since(began) < 2*time.Second {
		if pod := r.until("stubborn", "there", func(*corev1.Pod) string { return "" }); pod.Status.ContainerStatuses[0].State.Running == nil {
			t.Fatalf("container ended after %s of %d s: %+v", time.Since(began), grace, pod.Status.ContainerStatuses[0])
		}
	}
	r.untilGone("stubborn")
	if took := time.Since(began); took < 3*time.Second {
		t.Errorf("gone after %s, before the grace period of %d s was over", took, grace)
	}
}

func TestNothingOfAPodIsLeft(t *testing.T) {
	i := startInstance(t, "--ephemeral")
	r := newPodRig(t, i)
	before := remains(t, i)
	gentle, forced := int64(1), int64(0)
	for name, grace := range map[string]*int64{"gently": &gentle, "forced": &forced} {
		pod := r.pod(name, "netexec")
		pod.Spec.Volumes = []corev1.Volume{{Name: "memory", VolumeSource: corev1.VolumeSource{
			EmptyDir: &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}}}}
		pod.Spec.Containers[0].VolumeMounts = []corev1.VolumeMount{{Name: "memory", MountPath: "/memory"}}
		pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Name: "second", Image: "hedgerow/toolbox"})
		r.create(pod)
		r.untilReady(name)
		if cmp.Equal(before, remains(t, i)) {
			t.Fatal("a running pod shows nowhere: this test cannot see anything")
		}
		r.delete(name, metav1.DeleteOptions{GracePeriodSeconds: grace})
		r.untilGone(name)
		eventually(t, "nothing of pod "+name+" is left", func(context.Context) error {
			if diff := cmp.Diff(before, remains(t, i)); diff != "" {
				return errors.New(diff)
			}
			return nil
		})
	}
}

func TestPodOfTheSameName(t *testing.T) {
	r := newPodRig(t, shared)
	first := r.create(r.pod("web", "sleep", "1h", "--ignore-sigterm"))
	r.untilReady("web")
	now := int64(0)
	r.delete("web", metav1.DeleteOptions{GracePeriodSeconds: &now})
	second := r.create(r.pod("web", "pause"))
	if first.UID == second.UID {
		t.Fatal("it is the same pod")
	}
	ready := r.untilReady("web")
	if c := ready.Status.ContainerStatuses[0]; ready.UID != second.UID || c.RestartCount != 0 {
		t.Errorf("status of the second pod: %+v", ready.Status)
	}
}

func TestUnknownImage(t *testing.T) {
	r := newPodRig(t, shared)
	bad := r.pod("bad")
	bad.Spec.Containers[0].Image = "nginx:1.27"
	r.create(bad)
	r.create(r.pod("good", "pause"))
	r.until("bad", "waiting for its image", func(p *corev1.Pod) string {
		if len(p.Status.ContainerStatuses) == 0 {
			return "it has no status"
		}
		w := p.Status.ContainerStatuses[0].State.Waiting
		if p.Status.Phase != corev1.PodPending || w == nil || w.Reason != "ErrImagePull" && w.Reason != "ImagePullBackOff" ||
			!strings.Contains(w.Message, "hedgerow/toolbox") {
			return "it does not say so"
		}
		return ""
	})
	r.untilEvent("bad", "Failed", `image "nginx:1.27" is not known`)
	r.untilReady("good")
}

func TestUnsupportedVolume(t *testing.T) {
	r := newPodRig(t, shared)
	pod := r.pod("web")
	pod.Spec.Volumes = []corev1.Volume{{Name: "host", VolumeSource: corev1.VolumeSource{HostPath: &corev1.HostPathVolumeSource{Path: "/"}}}}
	r.create(pod)
	r.untilEvent("web", "Unsupported", "spec.volumes[0] (host): only emptyDir volumes are supported")
}

func TestPodInTheNodesNetwork(t *testing.T) {
	r := newPodRig(t, shared)
	pod := r.pod("web", "netexec", "--http-port=18080", "--udp-port=18081")
	pod.Spec.HostNetwork = true
	r.create(pod)
	ready := r.untilReady("web")
	if ready.Status.PodIP != ready.Status.HostIP || ready.Status.PodIP == "" {
		t.Errorf("podIP %q, hostIP %q", ready.Status.PodIP, ready.Status.HostIP)
	}
	r.untilLog(ready, "Started UDP server")
	if got := getFromNode(t, "http://127.0.0.1:18080/hostname"); got != "web" {
		t.Errorf("the pod says its name is %q", got)
	}
}

func TestNamespaceWithPodsIsDeleted(t *testing.T) {
	r := newPodRig(t, shared)
	for k := range 3 {
		name := fmt.Sprint("web-", k)
		r.create(r.pod(name, "pause"))
		r.untilReady(name)
	}
	if err := r.client.CoreV1().Namespaces().Delete(t.Context(), r.namespace, metav1.DeleteOptions{}); err != nil {
		t.Fatal(err)
	}
	eventually(t, "namespace is gone", func(ctx context.Context) error {
		ns, err := r.client.CoreV1().Namespaces().Get(ctx, r.namespace, metav1.GetOptions{})
		if err == nil {
			return fmt.Errorf("it is there: %+v", ns.Status)
		}
		return nil
	})
}

func TestPodsAreStartedAgain(t *testing.T) {
	for _, c := range []struct {
		name string
		end  func(*testing.T, *instance)
	}{
		{"after Ctrl-C", func(t *testing.T, i *instance) {
			if err := i.interrupt(); err != nil {
				t.Fatal(err)
			}
		}},
		{"after kill -9", func(t *testing.T, i *instance) { i.kill(t) }},
	} {
		t.Run(c.name, func(t *testing.T) {
			dir := t.TempDir()
			first := startInstance(t, "--data-dir", dir)
			r := &podRig{T: t, instance: first, client: first.client(t), namespace: "default"}
			kept := r.create(r.pod("kept", "pause"))
			never := r.pod("never", "pause")
			never.Spec.RestartPolicy = corev1.RestartPolicyNever
			r.create(never)
			r.untilReady("kept")
			r.untilReady("never")
			began := descendants(t, first.cmd.Process.Pid)
			c.end(t, first)
			checkGone(t, began)
			if left, err := os.ReadDir(first.file("run", node, "pods", "netns")); c.name == "after Ctrl-C" && err == nil && len(left) != 0 {
				t.Errorf("sandboxes are left: %v", left)
			}

			r.instance = startInstance(t, "--data-dir", dir)
			r.client = r.instance.client(t)
			again := r.until("kept", "running again", func(p *corev1.Pod) string {
				if len(p.Status.ContainerStatuses) == 0 || p.Status.ContainerStatuses[0].RestartCount != 1 || !p.Status.ContainerStatuses[0].Ready {
					return "it is not"
				}
				return ""
			})
			if again.UID != kept.UID {
				t.Error("it is another object")
			}
			r.untilPhase("never", corev1.PodFailed)
			checkAddress(t, r.instance, again)
		})
	}
}

// checkAddress fails the test unless the node reaches the pod's address, where nothing listens.
func checkAddress(t *testing.T, i *instance, pod *corev1.Pod) {
	t.Helper()
	err := inNetns(i.nodeNetns(node), func() error {
		conn, err := net.DialTimeout("tcp", net.JoinHostPort(pod.Status.PodIP, "9"), waitTime)
		if err == nil {
			conn.Close()
		}
		return err
	})
	if err == nil || !strings.Contains(err.Error(), "refused") {
		t.Errorf("connecting to %s: %v, want refused", pod.Status.PodIP, err)
	}
}
