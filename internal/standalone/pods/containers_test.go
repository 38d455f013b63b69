package pods

import (
	"bytes"
	"strings"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

func TestInitContainersAndSidecars(t *testing.T) {
	n := newNode(t)
	always := v1.ContainerRestartPolicyAlways
	pod := newPod("web", "exit", "0")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	data := []v1.VolumeMount{{Name: "data", MountPath: "/data"}}
	pod.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{EmptyDir: &v1.EmptyDirVolumeSource{}}}}
	pod.Spec.InitContainers = []v1.Container{
		{Name: "first", Image: ToolboxImage, Args: []string{"exit", "0"}, VolumeMounts: data},
		{Name: "side", Image: ToolboxImage, Args: []string{"sleep", "1h"}, RestartPolicy: &always},
	}
	n.create(pod)
	done := n.untilPhase("web", v1.PodSucceeded)
	first, side := done.Status.InitContainerStatuses[0], done.Status.InitContainerStatuses[1]
	if !first.Ready || first.State.Terminated == nil || first.State.Terminated.ExitCode != 0 {
		t.Errorf("init container: %+v", first)
	}
	if side.State.Terminated == nil || side.State.Terminated.FinishedAt.Before(&done.Status.ContainerStatuses[0].State.Terminated.FinishedAt) {
		t.Errorf("sidecar ended before the container it serves: %+v", side)
	}

	failing := newPod("failing", "pause")
	failing.Spec.RestartPolicy = v1.RestartPolicyNever
	failing.Spec.InitContainers = []v1.Container{{Name: "first", Image: ToolboxImage, Args: []string{"exit", "4"}}}
	n.create(failing)
	failed := n.untilPhase("failing", v1.PodFailed)
	if c := failed.Status.ContainerStatuses[0]; c.State.Waiting == nil || c.State.Waiting.Reason != reasonInitializing {
		t.Errorf("container behind a failed init container: %+v", c)
	}

	again := newPod("again", "pause")
	again.Spec.InitContainers = failing.Spec.InitContainers
	n.create(again)
	n.until("again", "retrying its init container", func(p *v1.Pod) bool {
		return p.Status.Phase == v1.PodPending && len(p.Status.InitContainerStatuses) == 1 && p.Status.InitContainerStatuses[0].RestartCount >= 2
	})
}

func TestProgramCannotBeExecuted(t *testing.T) {
	n := newNode(t)
	pod := newPod("web")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	pod.Spec.Containers[0].Command = []string{"/missing"}
	n.create(pod)
	failed := n.untilPhase("web", v1.PodFailed)
	c := failed.Status.ContainerStatuses[0].State.Terminated
	if c.Reason != reasonStart || c.ExitCode != startErrorCode || !strings.Contains(c.Message, "no such file") {
		t.Errorf("got %+v", c)
	}
}

func TestWhatTheContainerSees(t *testing.T) {
	n := newNode(t)
	field := func(name, path string) v1.EnvVar {
		return v1.EnvVar{Name: name, ValueFrom: &v1.EnvVarSource{FieldRef: &v1.ObjectFieldSelector{FieldPath: path}}}
	}
	env := newPod("env")
	env.Labels = map[string]string{"app": "web"}
	env.Spec.RestartPolicy = v1.RestartPolicyNever
	env.Spec.Hostname = "front"
	env.Spec.Containers[0].Command = []string{"env"}
	env.Spec.Containers[0].Env = []v1.EnvVar{
		{Name: "A", Value: "a"}, {Name: "B", Value: "<$(A)$$(A)$(NONE)>"},
		field("NAME", "metadata.name"), field("NAMESPACE", "metadata.namespace"), field("UID", "metadata.uid"),
		field("NODE", "spec.nodeName"), field("IP", "status.podIP"), field("IPS", "status.podIPs"), field("HOST", "status.hostIP"),
		field("APP", "metadata.labels['app']"),
	}
	n.create(env)
	n.untilPhase("env", v1.PodSucceeded)
	n.untilLog(env, "main", "A=a\nB=<a$(A)$(NONE)>\nNAME=env\nNAMESPACE=tenant-a\nUID=uid-env\nNODE=node-1\nIP=10.244.1.1\n"+
		"IPS=10.244.1.1,fd00::1\nHOST=10.213.0.11\nAPP=web\n")
	n.untilLog(env, "main", "HOSTNAME=front\n")

	files := newPod("files")
	files.Spec.RestartPolicy = v1.RestartPolicyNever
	files.Spec.HostAliases = []v1.HostAlias{{IP: "1.2.3.4", Hostnames: []string{"one", "two"}}}
	files.Spec.Containers[0].Command = []string{"cat", "/etc/hosts", "/etc/hostname", "/etc/resolv.conf"}
	n.create(files)
	n.untilPhase("files", v1.PodSucceeded)
	n.untilLog(files, "main", "10.244.1.2\tfiles\nfd00::2\tfiles\n1.2.3.4\tone\ttwo\nfiles\nnameserver 10.96.0.10\n"+
		"search tenant-a.svc.cluster.local svc.cluster.local cluster.local\noptions ndots:5\n")
}

func TestTerminationMessage(t *testing.T) {
	n := newNode(t)
	pod := newPod("web", "cat", "/missing")
	pod.Spec.RestartPolicy = v1.RestartPolicyNever
	pod.Spec.Containers[0].TerminationMessagePolicy = v1.TerminationMessageFallbackToLogsOnError
	n.create(pod)
	failed := n.untilPhase("web", v1.PodFailed)
	if m := failed.Status.ContainerStatuses[0].State.Terminated.Message; !strings.Contains(m, "/missing: no such file") {
		t.Errorf("termination message: %q", m)
	}
}

func TestProbes(t *testing.T) {
	n := newNode(t)
	exec := func(args ...string) *v1.Probe {
		return &v1.Probe{
			ProbeHandler:  v1.ProbeHandler{Exec: &v1.ExecAction{Command: args}},
			PeriodSeconds: 1, FailureThreshold: 1, TimeoutSeconds: 10,
		}
	}
	unready := newPod("unready", "pause")
	unready.Spec.Containers[0].ReadinessProbe = exec("/agnhost", "exit", "1")
	ready := newPod("ready", "pause")
	ready.Spec.Containers[0].StartupProbe = exec("/agnhost", "exit", "0")
	ready.Spec.Containers[0].ReadinessProbe = exec("/agnhost", "exit", "0")
	later := newPod("later", "pause")
	later.Spec.Containers[0].ReadinessProbe = exec("/agnhost", "exit", "0")
	later.Spec.Containers[0].ReadinessProbe.InitialDelaySeconds = 3600
	unhealthy := newPod("unhealthy", "sleep", "1h")
	unhealthy.Spec.Containers[0].LivenessProbe = exec("/agnhost", "exit", "1")
	for _, p := range []*v1.Pod{unready, ready, later, unhealthy} {
		n.create(p)
	}
	n.untilReady("ready")
	n.until("unready", "started", func(p *v1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && *p.Status.ContainerStatuses[0].Started
	})
	n.untilEvent(eventUnhealthy, "Readiness probe failed: exit code 1")
	if pod := n.get("unready"); pod.Status.ContainerStatuses[0].Ready {
		t.Error("ready although its probe fails")
	}
	n.until("later", "started and not ready", func(p *v1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && *p.Status.ContainerStatuses[0].Started && !p.Status.ContainerStatuses[0].Ready
	})
	n.until("unhealthy", "restarted", func(p *v1.Pod) bool {
		return len(p.Status.ContainerStatuses) == 1 && p.Status.ContainerStatuses[0].RestartCount > 0
	})
}

func TestProbesOverTheNetwork(t *testing.T) {
	n := newNode(t)
	// The sandboxes of these tests are connected to nothing, so the pod uses the node's network namespace.
	pod := newPod("web", "netexec", "--http-port=8080", "--udp-port=8081")
	pod.Spec.HostNetwork = true
	c := &pod.Spec.Containers[0]
	c.Ports = []v1.ContainerPort{{Name: "http", ContainerPort: 8080}}
	get := func(path string) v1.ProbeHandler {
		return v1.ProbeHandler{HTTPGet: &v1.HTTPGetAction{Host: "127.0.0.1", Path: path, Port: intstr.FromString("http")}}
	}
	c.StartupProbe = &v1.Probe{PeriodSeconds: 1, ProbeHandler: v1.ProbeHandler{TCPSocket: &v1.TCPSocketAction{Host: "127.0.0.1", Port: intstr.FromInt32(8080)}}}
	c.StartupProbe.FailureThreshold = 30
	c.ReadinessProbe = &v1.Probe{PeriodSeconds: 1, ProbeHandler: get("/healthz")}
	c.LivenessProbe = &v1.Probe{PeriodSeconds: 1, ProbeHandler: get("/hostname")}
	n.create(pod)
	ready := n.untilReady("web")
	if ready.Status.PodIP != ready.Status.HostIP || n.network.connected() != 0 {
		t.Errorf("pod in the node's network namespace: %+v", ready.Status)
	}
	bad := newPod("bad", "pause")
	bad.Spec.HostNetwork = true
	bad.Spec.Containers[0].Ports = c.Ports
	bad.Spec.Containers[0].ReadinessProbe = &v1.Probe{PeriodSeconds: 1, ProbeHandler: get("/echo?msg=busy&code=503")}
	n.create(bad)
	n.untilEvent(eventUnhealthy, "Readiness probe failed: HTTP status 503: busy")
}

func TestHooks(t *testing.T) {
	n := newNode(t)
	pod := newPod("web", "sleep", "1h")
	pod.Spec.Containers[0].Lifecycle = &v1.Lifecycle{
		PostStart: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"/agnhost", "exit", "0"}}},
		PreStop:   &v1.LifecycleHandler{Sleep: &v1.SleepAction{Seconds: 1}},
	}
	n.create(pod)
	n.untilReady("web")
	began := time.Now()
	n.delete("web", 20)
	n.untilGone("web")
	if d := time.Since(began); d < time.Second {
		t.Errorf("deleted after %s, before the preStop hook had ended", d)
	}
	failing := newPod("failing", "sleep", "1h")
	failing.Spec.RestartPolicy = v1.RestartPolicyNever
	failing.Spec.Containers[0].Lifecycle = &v1.Lifecycle{PostStart: &v1.LifecycleHandler{Exec: &v1.ExecAction{Command: []string{"/missing"}}}}
	n.create(failing)
	n.untilPhase("failing", v1.PodFailed)
	n.untilEvent(eventHook, "PostStartHook failed")
}

func TestActiveDeadline(t *testing.T) {
	n := newNode(t)
	pod := newPod("job", "sleep", "1h")
	limit := int64(1)
	pod.Spec.ActiveDeadlineSeconds = &limit
	n.create(pod)
	if failed := n.untilPhase("job", v1.PodFailed); failed.Status.Reason != "DeadlineExceeded" {
		t.Errorf("reason %q", failed.Status.Reason)
	}
	n.wait("its sandbox is gone", func() bool { return n.network.connected() == 0 })
	n.delete("job", 0)
	n.untilGone("job")
}

func TestVolumesLastAsLongAsThePod(t *testing.T) {
	n := newNode(t)
	pod := newPod("web", "pause")
	size := v1.EmptyDirVolumeSource{Medium: v1.StorageMediumMemory}
	pod.Spec.Volumes = []v1.Volume{{Name: "data", VolumeSource: v1.VolumeSource{EmptyDir: &size}}}
	pod.Spec.Containers[0].VolumeMounts = []v1.VolumeMount{{Name: "data", MountPath: "/data"}}
	pod.Spec.InitContainers = []v1.Container{{
		Name: "first", Image: ToolboxImage, VolumeMounts: pod.Spec.Containers[0].VolumeMounts, TerminationMessagePath: "/data/message",
		Args: []string{"exit", "0"},
	}}
	n.create(pod)
	n.untilReady("web")
	c, err := n.manager.Container("tenant-a", "web", "")
	if err != nil {
		t.Fatal(err)
	}
	var out bytes.Buffer
	if code, err := c.Exec(t.Context(), []string{"/agnhost", "mounttest", "--fs_type=/data"}, nil, &out, &out); err != nil || code != 0 ||
		!strings.Contains(out.String(), `mount type of "/data": tmpfs`) {
		t.Errorf("in the container: %s, code %d, %v", out.String(), code, err)
	}
}
