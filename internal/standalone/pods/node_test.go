package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	v1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/watch"
	"k8s.io/client-go/kubernetes/fake"
	clienttesting "k8s.io/client-go/testing"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// insideVar marks the test process that runs in mount and network namespaces of its own, where tests may do as they like.
const insideVar = "HEDGEROW_PODS_TEST_INSIDE"

// toolbox is the program of the built-in image.
var toolbox string

func TestMain(m *testing.M) {
	if os.Getenv("CNI_COMMAND") != "" {
		stubPlugin() // a test of CNI has started this binary as its plugin
	}
	if os.Getenv(insideVar) == "" {
		os.Exit(runInside())
	}
	dir, err := os.MkdirTemp("", "pods-test-")
	if err != nil {
		panic(err)
	}
	toolbox = filepath.Join(dir, "hedgerow-toolbox")
	build := exec.Command("go", "build", "-o", toolbox, "github.com/hedgerow-net/hedgerow/cmd/hedgerow-toolbox")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build toolbox: %v\n%s", err, out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

// runInside runs the tests in a child and returns its exit code.
func runInside() int {
	cmd := exec.Command("/proc/self/exe", os.Args[1:]...)
	cmd.Env = append(os.Environ(), insideVar+"=1")
	cmd.Stdin, cmd.Stdout, cmd.Stderr = os.Stdin, os.Stdout, os.Stderr
	cmd.SysProcAttr = &syscall.SysProcAttr{Unshareflags: syscall.CLONE_NEWNS | syscall.CLONE_NEWNET, Pdeathsig: syscall.SIGKILL}
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return cmd.ProcessState.ExitCode()
}

// fakeNetwork is a Network that gives out addresses and connects nothing.
type fakeNetwork struct {
	mu     sync.Mutex
	next   byte
	added  map[string]*Sandbox
	errors []error       // what the next calls of Add return
	hold   chan struct{} // if not nil, Add waits for it
}

func (n *fakeNetwork) Add(ctx context.Context, s *Sandbox) ([]netip.Addr, error) {
	n.mu.Lock()
	hold := n.hold
	n.mu.Unlock()
	if hold != nil {
		select {
		case <-hold:
		case <-ctx.Done():
			return nil, ctx.Err()
		}
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	if len(n.errors) > 0 {
		err := n.errors[0]
		n.errors = n.errors[1:]
		return nil, err
	}
	if _, err := os.Stat(s.Netns); err != nil {
		return nil, err
	}
	n.next++
	n.added[s.ID] = s
	return []netip.Addr{netip.AddrFrom4([4]byte{10, 244, 1, n.next}), netip.MustParseAddr(fmt.Sprintf("fd00::%x", n.next))}, nil
}

func (n *fakeNetwork) Remove(_ context.Context, s *Sandbox) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	delete(n.added, s.ID)
	return nil
}

func (n *fakeNetwork) Clean(context.Context) error { return nil }

func (n *fakeNetwork) connected() int {
	n.mu.Lock()
	defer n.mu.Unlock()
	return len(n.added)
}

// node is a Manager under test with everything around it. The machine's part is real: namespaces, mounts, processes.
type node struct {
	*testing.T
	client  *fake.Clientset
	network *fakeNetwork
	dir     string
	netns   string // of the node
	manager *Manager
	stop    func() // as a shutdown
}

// quick are delays that a test can wait for.
var quick = delays{
	firstRestart: 50 * time.Millisecond, maxRestart: 200 * time.Millisecond, resetRestart: time.Hour,
	firstRetry: 10 * time.Millisecond, maxRetry: 50 * time.Millisecond,
}

// newNode starts a node and stops it with the test, when nothing of any pod may be left.
func newNode(t *testing.T, pods ...*v1.Pod) *node {
	t.Helper()
	var objects []runtime.Object
	for _, p := range pods {
		objects = append(objects, p)
	}
	n := &node{T: t, client: fake.NewClientset(objects...), network: &fakeNetwork{added: map[string]*Sandbox{}}, dir: t.TempDir(), netns: newNetns(t)}
	n.client.PrependReactor("*", "pods", n.refuseOtherUIDs)
	n.start()
	t.Cleanup(func() {
		n.stop()
		n.checkNothingLeft()
	})
	return n
}

// newNetns makes a network namespace that lives until the test ends.
func newNetns(t *testing.T) string {
	t.Helper()
	path := filepath.Join(t.TempDir(), "netns")
	if err := makeNetns(path); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := removeNetns(path); err != nil {
			t.Error(err)
		}
	})
	return path
}

// refuseOtherUIDs does what the API server does and the fake does not: it refuses to change or delete an object with another UID than the request
// names.
func (n *node) refuseOtherUIDs(action clienttesting.Action) (bool, runtime.Object, error) {
	var name string
	var uid types.UID
	switch a := action.(type) {
	case clienttesting.PatchAction:
		var patch v1.Pod
		if err := json.Unmarshal(a.GetPatch(), &patch); err != nil {
			return true, nil, err
		}
		name, uid = a.GetName(), patch.UID
	case clienttesting.DeleteActionImpl:
		if p := a.DeleteOptions.Preconditions; p != nil {
			name, uid = a.Name, *p.UID
		}
	}
	if uid == "" {
		return false, nil, nil
	}
	now, err := n.client.Tracker().Get(action.GetResource(), action.GetNamespace(), name)
	if err != nil {
		return true, nil, err
	}
	if now.(*v1.Pod).UID != uid {
		return true, nil, apierrors.NewConflict(action.GetResource().GroupResource(), name, errors.New("it has another UID"))
	}
	return false, nil, nil
}

// start runs a manager until n.stop is called.
func (n *node) start() {
	n.Helper()
	images, err := NewImages(filepath.Join(n.dir, "image"), toolbox)
	if err != nil {
		n.Fatal(err)
	}
	spawner := spawn.New()
	n.manager, err = New(Config{
		NodeName: "node-1", NodeAddresses: []netip.Addr{netip.MustParseAddr("10.213.0.11")}, NodeNetns: n.netns,
		Client: n.client, Network: n.network, Images: images, Spawner: spawner, RunDir: filepath.Join(n.dir, "run"),
		Nameservers: []netip.Addr{netip.MustParseAddr("10.96.0.10")}, ClusterDomain: "cluster.local",
		Logger: slog.New(slog.NewTextHandler(testWriter{n.T}, nil)),
	})
	if err != nil {
		n.Fatal(err)
	}
	n.manager.delays = quick
	watching := n.watchStarts()
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() { done <- n.manager.Run(ctx) }()
	n.stop = sync.OnceFunc(func() {
		cancel()
		if err := <-done; err != nil {
			n.Error(err)
		}
		spawner.Close()
	})
	select {
	case <-watching:
	case <-time.After(10 * time.Second):
		n.Fatal("the manager never watched pods")
	}
}

// watchStarts returns a channel that is closed once the next watch of pods gets every event.
func (n *node) watchStarts() <-chan struct{} {
	started := make(chan struct{})
	once := sync.OnceFunc(func() { close(started) })
	n.client.PrependWatchReactor("pods", func(action clienttesting.Action) (bool, watch.Interface, error) {
		w, err := n.client.Tracker().Watch(action.GetResource(), action.GetNamespace())
		once()
		return true, w, err
	})
	return started
}

type testWriter struct{ t *testing.T }

func (w testWriter) Write(p []byte) (int, error) {
	w.t.Logf("%s", strings.TrimSpace(string(p)))
	return len(p), nil
}

var _ io.Writer = testWriter{}

// newPod returns a pod of one toolbox container with the given arguments.
func newPod(name string, args ...string) *v1.Pod {
	grace := int64(1)
	return &v1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: "tenant-a", Name: name, UID: types.UID("uid-" + name)},
		Spec: v1.PodSpec{
			NodeName: "node-1", RestartPolicy: v1.RestartPolicyAlways, TerminationGracePeriodSeconds: &grace,
			Containers: []v1.Container{{Name: "main", Image: ToolboxImage, Args: args}},
		},
	}
}

func (n *node) create(pod *v1.Pod) {
	n.Helper()
	if _, err := n.client.CoreV1().Pods(pod.Namespace).Create(n.Context(), pod, metav1.CreateOptions{}); err != nil {
		n.Fatal(err)
	}
}

func (n *node) get(name string) *v1.Pod {
	n.Helper()
	pod, err := n.client.CoreV1().Pods("tenant-a").Get(context.Background(), name, metav1.GetOptions{})
	if err != nil {
		n.Fatal(err)
	}
	return pod
}

// delete does what the API server does for kubectl delete: the node removes the object when the pod has ended.
func (n *node) delete(name string, grace int64) {
	n.Helper()
	pod := n.get(name)
	now := metav1.Now()
	pod.DeletionTimestamp, pod.DeletionGracePeriodSeconds = &now, &grace
	if _, err := n.client.CoreV1().Pods(pod.Namespace).Update(n.Context(), pod, metav1.UpdateOptions{}); err != nil {
		n.Fatal(err)
	}
}

// deadline bounds every wait. It is far beyond what anything takes.
const deadline = 30 * time.Second

// until waits until a pod is as wanted and returns it.
func (n *node) until(name, want string, ok func(*v1.Pod) bool) *v1.Pod {
	n.Helper()
	for end := time.Now().Add(deadline); ; time.Sleep(2 * time.Millisecond) {
		pod := n.get(name)
		if ok(pod) {
			return pod
		}
		if time.Now().After(end) {
			n.Fatalf("pod %s is not %s: %+v\nEvents:\n%s", name, want, pod.Status, strings.Join(n.events(""), "\n"))
		}
	}
}

func (n *node) untilReady(name string) *v1.Pod {
	n.Helper()
	return n.until(name, "ready", func(p *v1.Pod) bool {
		c := findCondition(&p.Status, v1.PodReady)
		return c != nil && c.Status == v1.ConditionTrue
	})
}

func (n *node) untilPhase(name string, phase v1.PodPhase) *v1.Pod {
	n.Helper()
	return n.until(name, string(phase), func(p *v1.Pod) bool { return p.Status.Phase == phase })
}

func (n *node) untilGone(name string) {
	n.Helper()
	n.wait("pod "+name+" is gone", func() bool {
		_, err := n.client.CoreV1().Pods("tenant-a").Get(context.Background(), name, metav1.GetOptions{})
		return err != nil
	})
}

func (n *node) wait(what string, ok func() bool) {
	n.Helper()
	for end := time.Now().Add(deadline); !ok(); time.Sleep(2 * time.Millisecond) {
		if time.Now().After(end) {
			n.Fatalf("waited in vain until %s", what)
		}
	}
}

// untilLog waits until a container's log has the text.
func (n *node) untilLog(pod *v1.Pod, container, text string) {
	n.Helper()
	name := filepath.Join(n.dir, "run", "pods", string(pod.UID), container+".log")
	n.wait(fmt.Sprintf("log of %s has %q", container, text), func() bool {
		b, _ := os.ReadFile(name)
		return strings.Contains(string(b), text)
	})
}

// events returns the messages of the Events with a reason, "" being any.
func (n *node) events(reason string) []string {
	n.Helper()
	list, err := n.client.CoreV1().Events("tenant-a").List(n.Context(), metav1.ListOptions{})
	if err != nil {
		n.Fatal(err)
	}
	var messages []string
	for _, e := range list.Items {
		if reason == "" || e.Reason == reason {
			messages = append(messages, e.Message)
		}
	}
	return messages
}

func (n *node) untilEvent(reason, text string) {
	n.Helper()
	n.wait(fmt.Sprintf("an Event %s says %q", reason, text), func() bool {
		return strings.Contains(strings.Join(n.events(reason), "\n"), text)
	})
}

// checkNothingLeft compares the machine with what it was before the first pod.
func (n *node) checkNothingLeft() {
	n.Helper()
	if c := n.network.connected(); c != 0 {
		n.Errorf("%d sandboxes are still connected", c)
	}
	for _, dir := range []string{"netns", "pods"} {
		entries, err := os.ReadDir(filepath.Join(n.dir, "run", dir))
		if err != nil || len(entries) != 0 {
			n.Errorf("left in %s: %v %v", dir, entries, err)
		}
	}
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil || strings.Contains(string(mounts), n.dir) {
		n.Errorf("mounts are left: %v\n%s", err, mounts)
	}
	if left := children(n.T); len(left) != 0 {
		n.Errorf("processes are left: %v", left)
	}
}

// children lists the processes whose parent is this one.
func children(t *testing.T) []string {
	t.Helper()
	tasks, err := filepath.Glob("/proc/self/task/*/children")
	if err != nil || len(tasks) == 0 {
		t.Fatalf("cannot list child processes: %v", err)
	}
	var list []string
	for _, f := range tasks {
		b, _ := os.ReadFile(f) // a thread may have ended
		list = append(list, strings.Fields(string(b))...)
	}
	return list
}

// describe puts a container's status into words.
func describe(c *v1.ContainerStatus) string {
	last := int32(-1)
	if t := c.LastTerminationState.Terminated; t != nil {
		last = t.ExitCode
	}
	state := "waits"
	switch {
	case c.State.Running != nil:
		state = "runs"
	case c.State.Terminated != nil:
		state = fmt.Sprintf("ended %d", c.State.Terminated.ExitCode)
	}
	return fmt.Sprintf("%s, %d restarts, last %d", state, c.RestartCount, last)
}
