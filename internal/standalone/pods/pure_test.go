package pods

import (
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	v1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

func TestExpand(t *testing.T) {
	values := map[string]string{"A": "a", "EMPTY": "", "REF": "$(A)"}
	value := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	for _, c := range []struct{ in, want string }{
		{"", ""}, {"plain", "plain"}, {"$(A)", "a"}, {"x$(A)y$(A)", "xaya"}, {"$(EMPTY)", ""}, {"$(NONE)", "$(NONE)"},
		{"$$(A)", "$(A)"}, {"$$$(A)", "$a"}, {"$$", "$"}, {"$", "$"}, {"$A", "$A"}, {"$(A", "$(A"}, {"$(A$$", "$(A$"},
		{"$(REF)", "$(A)"}, {"$()", "$()"},
	} {
		if got := expand(c.in, value); got != c.want {
			t.Errorf("expand(%q) = %q, want %q", c.in, got, c.want)
		}
	}
}

func TestRestartBackoff(t *testing.T) {
	var b restartBackoff
	d := defaultDelays
	want := []time.Duration{0, 10, 20, 40, 80, 160, 300, 300}
	for i, w := range want {
		if got := b.after(time.Second, &d); got != w*time.Second {
			t.Errorf("restart %d after %s, want %s", i, got, w*time.Second)
		}
	}
	if got := b.after(10*time.Minute, &d); got != 0 {
		t.Errorf("after a long run: %s", got)
	}
	if got := b.after(time.Second, &d); got != 10*time.Second {
		t.Errorf("after a long and a short run: %s", got)
	}
}

func TestStopperOnlyShortens(t *testing.T) {
	s := newStopper()
	s.stop(time.Hour)
	if s.life.Err() == nil {
		t.Error("life goes on")
	}
	s.stop(2 * time.Hour)
	s.mu.Lock()
	left := time.Until(s.deadline)
	s.mu.Unlock()
	if left > time.Hour {
		t.Errorf("%s left of an hour", left)
	}
	s.stop(0)
	select {
	case <-s.killed:
	case <-time.After(10 * time.Second):
		t.Error("grace period was not shortened")
	}
	s.stop(0) // once more is harmless
}

func TestImageNames(t *testing.T) {
	images := &Images{dir: "/images", digest: "d"}
	for _, c := range []struct {
		reference string
		want      []string // entrypoint and command; nil: unknown
	}{
		{"hedgerow/toolbox", []string{"/agnhost", "pause"}},
		{"hedgerow/toolbox:v1", []string{"/agnhost", "pause"}},
		{"docker.io/hedgerow/toolbox", []string{"/agnhost", "pause"}},
		{"hedgerow/toolbox@sha256:0000", []string{"/agnhost", "pause"}},
		{"registry.k8s.io/e2e-test-images/agnhost:2.53", []string{"/agnhost", "pause"}},
		{"localhost:5000/agnhost", []string{"/agnhost", "pause"}},
		{"registry.k8s.io/pause:3.10", []string{"/pause"}},
		{"nginx", nil}, {"hedgerow/toolbox2", nil}, {"hedgerow/other", nil}, {"agnhost/nginx:1", nil}, {"", nil},
	} {
		found, err := images.find(c.reference)
		if err != nil {
			if c.want != nil || !strings.Contains(err.Error(), ToolboxImage) {
				t.Errorf("%q: %v", c.reference, err)
			}
			continue
		}
		if diff := cmp.Diff(c.want, append(slices.Clone(found.entrypoint), found.command...)); diff != "" {
			t.Errorf("%q: %s", c.reference, diff)
		}
	}
}

func TestImageIsALinkToTheProgram(t *testing.T) {
	dir := t.TempDir()
	if _, err := NewImages(filepath.Join(dir, "missing"), filepath.Join(dir, "no-program")); err == nil {
		t.Error("made an image without a program")
	}
	program := filepath.Join(dir, "program")
	if err := os.WriteFile(program, []byte("x"), 0o755); err != nil {
		t.Fatal(err)
	}
	image := filepath.Join(dir, "image")
	for range 2 { // a second time over what is left of the first
		if _, err := NewImages(image, program); err != nil {
			t.Fatal(err)
		}
	}
	a, err := os.Stat(program)
	if err != nil {
		t.Fatal(err)
	}
	b, err := os.Stat(filepath.Join(image, "agnhost"))
	if err != nil || !os.SameFile(a, b) {
		t.Errorf("not the same file: %v", err)
	}
	if info, err := os.Stat(filepath.Join(image, "tmp")); err != nil || info.Mode() != os.ModeDir|os.ModeSticky|0o777 {
		t.Errorf("/tmp: %v, %v", info.Mode(), err)
	}
}

func TestLogIsBounded(t *testing.T) {
	name := filepath.Join(t.TempDir(), "log")
	l, err := openLog(name)
	if err != nil {
		t.Fatal(err)
	}
	l.half = 100
	line := strings.Repeat("x", 29) + "\n"
	for range 50 {
		if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
			t.Fatal(n, err)
		}
	}
	if err := l.Close(); err != nil {
		t.Fatal(err)
	}
	if n, err := l.Write([]byte(line)); n != len(line) || err != nil {
		t.Errorf("after Close: %d, %v", n, err)
	}
	for _, file := range []string{name, name + ".1"} {
		b, err := os.ReadFile(file)
		if err != nil || len(b) == 0 || len(b) > 130 || len(b)%len(line) != 0 {
			t.Errorf("%s: %d bytes, %v", file, len(b), err)
		}
	}
}

func TestPhase(t *testing.T) {
	waiting := v1.ContainerState{Waiting: &v1.ContainerStateWaiting{}}
	running := v1.ContainerState{Running: &v1.ContainerStateRunning{}}
	succeeded := v1.ContainerState{Terminated: &v1.ContainerStateTerminated{}}
	failed := v1.ContainerState{Terminated: &v1.ContainerStateTerminated{ExitCode: 1}}
	one := func(s v1.ContainerState) v1.ContainerStatus { return v1.ContainerStatus{State: s, Started: new(bool)} }
	crashed := v1.ContainerStatus{State: waiting, LastTerminationState: failed, Started: new(bool)}
	type list = []v1.ContainerStatus
	for _, c := range []struct {
		name        string
		inits, apps list
		over        bool
		failure     *failure
		want        v1.PodPhase
	}{
		{"nothing yet", nil, list{one(waiting)}, false, nil, v1.PodPending},
		{"init runs", list{one(running)}, list{one(waiting)}, false, nil, v1.PodPending},
		{"init failed", list{one(failed)}, list{one(waiting)}, false, nil, v1.PodPending},
		{"init failed for good", list{one(failed)}, list{one(waiting)}, true, nil, v1.PodFailed},
		{"runs", list{one(succeeded)}, list{one(running)}, false, nil, v1.PodRunning},
		{"one waits", nil, list{one(running), one(waiting)}, false, nil, v1.PodPending},
		{"one crashed", nil, list{one(running), crashed}, false, nil, v1.PodRunning},
		{"all crashed", nil, list{crashed}, false, nil, v1.PodRunning},
		{"ended, not over", nil, list{one(succeeded)}, false, nil, v1.PodRunning},
		{"succeeded", nil, list{one(succeeded), one(succeeded)}, true, nil, v1.PodSucceeded},
		{"one failed", nil, list{one(succeeded), one(failed)}, true, nil, v1.PodFailed},
		{"deleted before it ran", nil, list{one(waiting)}, true, nil, v1.PodFailed},
		{"deadline", nil, list{one(running)}, false, &failure{}, v1.PodRunning},
		{"deadline over", nil, list{one(succeeded)}, true, &failure{}, v1.PodFailed},
	} {
		v := view{pod: newPod("web"), inits: c.inits, apps: c.apps, over: c.over, failure: c.failure}
		v.pod.Spec.InitContainers = make([]v1.Container, len(c.inits))
		if got := v.phase(); got != c.want {
			t.Errorf("%s: %s, want %s", c.name, got, c.want)
		}
	}
}

func TestConditionsKeepTheirTimes(t *testing.T) {
	pod := newPod("web")
	then, now := seconds(time.Now().Add(-time.Hour)), seconds(time.Now())
	pod.Spec.ReadinessGates = []v1.PodReadinessGate{{ConditionType: "example.com/gate"}}
	v := view{pod: pod, sandbox: true, apps: []v1.ContainerStatus{{Name: "main", Ready: true, Started: new(bool), State: v1.ContainerState{Running: &v1.ContainerStateRunning{}}}}}
	before := v.status(&v1.PodStatus{Conditions: []v1.PodCondition{{Type: "example.com/other", Status: v1.ConditionTrue}}}, then)
	if c := findCondition(before, v1.PodReady); c.Status != v1.ConditionFalse || c.Reason != "ReadinessGatesNotReady" {
		t.Errorf("behind a closed gate: %+v", c)
	}
	pod.Status.Conditions = []v1.PodCondition{{Type: "example.com/gate", Status: v1.ConditionTrue}}
	after := v.status(before, now)
	for _, c := range []struct {
		kind   v1.PodConditionType
		status v1.ConditionStatus
		at     time.Time
	}{
		{v1.PodReady, v1.ConditionTrue, now.Time}, {v1.ContainersReady, v1.ConditionTrue, then.Time}, {v1.PodInitialized, v1.ConditionTrue, then.Time},
		{"example.com/other", v1.ConditionTrue, time.Time{}},
	} {
		if got := findCondition(after, c.kind); got == nil || got.Status != c.status || !got.LastTransitionTime.Time.Equal(c.at) {
			t.Errorf("%s: %+v, want %s since %s", c.kind, got, c.status, c.at)
		}
	}
}

func TestEveryUnsupportedFieldIsNamed(t *testing.T) {
	yes, no, localhost := true, false, v1.SeccompProfileTypeLocalhost
	unmasked := v1.UnmaskedProcMount
	both := v1.MountPropagationBidirectional
	for path, edit := range map[string]func(*v1.PodSpec, *v1.Container){
		"spec.volumes[0]":            func(s *v1.PodSpec, _ *v1.Container) { s.Volumes = []v1.Volume{{Name: "x"}} },
		"spec.hostPID":               func(s *v1.PodSpec, _ *v1.Container) { s.HostPID = true },
		"spec.hostIPC":               func(s *v1.PodSpec, _ *v1.Container) { s.HostIPC = true },
		"spec.shareProcessNamespace": func(s *v1.PodSpec, _ *v1.Container) { s.ShareProcessNamespace = &yes },
		"spec.hostUsers":             func(s *v1.PodSpec, _ *v1.Container) { s.HostUsers = &no },
		"spec.runtimeClassName":      func(s *v1.PodSpec, _ *v1.Container) { name := "x"; s.RuntimeClassName = &name },
		"spec.resourceClaims":        func(s *v1.PodSpec, _ *v1.Container) { s.ResourceClaims = []v1.PodResourceClaim{{}} },
		"spec.ephemeralContainers":   func(s *v1.PodSpec, _ *v1.Container) { s.EphemeralContainers = []v1.EphemeralContainer{{}} },
		"spec.securityContext.sysctls": func(s *v1.PodSpec, _ *v1.Container) {
			s.SecurityContext = &v1.PodSecurityContext{Sysctls: []v1.Sysctl{{}}}
		},
		"spec.setHostnameAsFQDN":               func(s *v1.PodSpec, _ *v1.Container) { s.SetHostnameAsFQDN = &yes },
		"spec.os":                              func(s *v1.PodSpec, _ *v1.Container) { s.OS = &v1.PodOS{Name: v1.Windows} },
		"spec.containers[0].ports[0].hostPort": func(_ *v1.PodSpec, c *v1.Container) { c.Ports = []v1.ContainerPort{{HostPort: 80}} },
		"spec.containers[0].lifecycle.stopSignal": func(_ *v1.PodSpec, c *v1.Container) {
			signal := v1.SIGUSR1
			c.Lifecycle = &v1.Lifecycle{StopSignal: &signal}
		},
		"spec.containers[0].envFrom":     func(_ *v1.PodSpec, c *v1.Container) { c.EnvFrom = []v1.EnvFromSource{{}} },
		"spec.containers[0].env[0]":      func(_ *v1.PodSpec, c *v1.Container) { c.Env = []v1.EnvVar{{ValueFrom: &v1.EnvVarSource{}}} },
		"spec.containers[0].volumeDevic": func(_ *v1.PodSpec, c *v1.Container) { c.VolumeDevices = []v1.VolumeDevice{{}} },
		"spec.containers[0].volumeMounts[0].subPath": func(_ *v1.PodSpec, c *v1.Container) {
			c.VolumeMounts = []v1.VolumeMount{{SubPath: "x"}}
		},
		"spec.containers[0].volumeMounts[0].mountPropagation": func(_ *v1.PodSpec, c *v1.Container) {
			c.VolumeMounts = []v1.VolumeMount{{MountPropagation: &both}}
		},
		"spec.containers[0].restartPolicyRules": func(_ *v1.PodSpec, c *v1.Container) { c.RestartPolicyRules = []v1.ContainerRestartRule{{}} },
		"spec.containers[0].restartPolicy":      func(_ *v1.PodSpec, c *v1.Container) { p := v1.ContainerRestartPolicyNever; c.RestartPolicy = &p },
		"spec.containers[0].startupProbe.grpc": func(_ *v1.PodSpec, c *v1.Container) {
			c.StartupProbe = &v1.Probe{ProbeHandler: v1.ProbeHandler{GRPC: &v1.GRPCAction{}}}
		},
		"spec.containers[0].securityContext.procMount": func(_ *v1.PodSpec, c *v1.Container) {
			c.SecurityContext = &v1.SecurityContext{ProcMount: &unmasked}
		},
		"spec.containers[0].securityContext.seccompProfile": func(_ *v1.PodSpec, c *v1.Container) {
			c.SecurityContext = &v1.SecurityContext{SeccompProfile: &v1.SeccompProfile{Type: localhost}}
		},
	} {
		pod := newPod("web")
		edit(&pod.Spec, &pod.Spec.Containers[0])
		got := unsupported(pod)
		if len(got) != 1 || !strings.HasPrefix(got[0], path) {
			t.Errorf("%s: %q", path, got)
		}
	}
	if got := unsupported(newPod("web")); len(got) != 0 {
		t.Errorf("plain pod: %q", got)
	}
}

func TestSecurityContexts(t *testing.T) {
	id := func(n int64) *int64 { return &n }
	yes := true
	pod := newPod("web")
	pod.Spec.SecurityContext = &v1.PodSecurityContext{RunAsUser: id(1), RunAsGroup: id(2), FSGroup: id(3), SupplementalGroups: []int64{4}}
	c := &v1.SecurityContext{RunAsUser: id(5), ReadOnlyRootFilesystem: &yes, Capabilities: &v1.Capabilities{Drop: []v1.Capability{"ALL"}, Add: []v1.Capability{"NET_ADMIN"}}}
	var spec container.Spec
	if err := secure(&spec, pod.Spec.SecurityContext, c); err != nil {
		t.Fatal(err)
	}
	if got := spec.Command; got.UID != 5 || got.GID != 2 || !slices.Equal(got.Groups, []uint32{4, 3}) || got.Capabilities != 1<<12 || !spec.ReadOnlyRoot {
		t.Errorf("got %+v", spec)
	}
	for want, c := range map[string]*v1.SecurityContext{
		"runAsNonRoot":             {RunAsNonRoot: &yes, RunAsUser: id(0)},
		`unknown capability "FLY"`: {Capabilities: &v1.Capabilities{Add: []v1.Capability{"FLY"}}},
	} {
		if err := secure(&spec, nil, c); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("got %v, want %s", err, want)
		}
	}
}

func TestHostname(t *testing.T) {
	pod := newPod(strings.Repeat("a", 62) + ".b")
	if got, want := hostname(pod), strings.Repeat("a", 62); got != want {
		t.Errorf("got %q", got)
	}
	pod.Spec.Hostname = "front"
	if got := hostname(pod); got != "front" {
		t.Errorf("got %q", got)
	}
}
