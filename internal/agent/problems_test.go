package agent

import (
	"context"
	"errors"
	"io"
	"log/slog"
	"net/netip"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/cluster"
	"github.com/hedgerow-net/hedgerow/internal/compile"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// discard is a datapath that takes everything, or refuses everything with an error, or what the screen refuses.
type discard struct {
	mu      sync.Mutex
	refusal error
	screen  func(*datapath.Change) error // nil: no screen
	applied int
}

func (d *discard) Apply(c *datapath.Change) error {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.refusal == nil && d.screen != nil {
		if err := d.screen(c); err != nil {
			return err
		}
	}
	if d.refusal == nil {
		d.applied++
	}
	return d.refusal
}

func (d *discard) refuse(err error) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.refusal = err
}

func (d *discard) Barrier() error   { return nil }
func (d *discard) Attach() error    { return nil }
func (d *discard) Instance() string { return "discard" }
func (d *discard) Events(ctx context.Context, _ func(datapath.Event)) error {
	<-ctx.Done()
	return nil
}

// warnings records what is raised.
type warnings struct {
	mu   sync.Mutex
	list []string
}

func (w *warnings) Warn(ref policy.Ref, reason, message string) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.list = append(w.list, ref.String()+": "+reason+": "+message)
}

func (w *warnings) count(part string) int {
	w.mu.Lock()
	defer w.mu.Unlock()
	n := 0
	for _, text := range w.list {
		if strings.Contains(text, part) {
			n++
		}
	}
	return n
}

// runAgent runs an agent on the manifests of a rig without a kernel.
func runAgent(t *testing.T, r *rig, dp *discard) *warnings {
	t.Helper()
	w := &warnings{}
	log := slog.New(slog.NewTextHandler(io.Discard, nil))
	a, err := New(Options{
		NodeName: "n1", Source: &cluster.Files{Folder: r.manifests, Logger: log}, Datapath: dp, Recorder: w, Logger: log,
		Socket: filepath.Join(r.dir, "agent.sock"), StateDir: filepath.Join(r.dir, "state"),
		ClusterCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16")}, PodCIDRs: []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24")},
	})
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan error)
	go func() { done <- a.Run(ctx) }()
	t.Cleanup(func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	})
	r.await("the agent to be ready", func() bool { return r.status() != nil && r.status().Ready })
	return w
}

func (r *rig) status() *agentapi.Status {
	s, err := r.client.Status(context.Background())
	if err != nil {
		return nil
	}
	return s
}

// TestProblemsAreRaisedOnce: objects that cannot be understood raise one Event each, again when their text changes, and show in the status
// until they are mended.
func TestProblemsAreRaisedOnce(t *testing.T) {
	r := newRig(t)
	const misspelt = `
apiVersion: net.alpha.kubernetes.io/v1alpha1
kind: NetworkPolicy
metadata: {namespace: tenant-a, name: pol1}
spec: {allowIncoming: {form: [{pods: {segment: frontend}}]}}`
	r.write("tenant-a.yaml", namespace("tenant-a", `net.alpha.kubernetes.io/network-isolation: maybe`), misspelt)
	w := runAgent(t, r, &discard{})
	r.await("both Events", func() bool { return w.count(`"maybe"`) == 1 && w.count("spec.allowIncoming.form") == 1 })
	if got := len(r.status().Problems); got != 2 {
		t.Errorf("status has %d problems, want 2: %q", got, r.status().Problems)
	}

	r.write("other.yaml", namespace("tenant-b", `net.alpha.kubernetes.io/network-isolation: "yes"`))
	r.await("an Event about tenant-b", func() bool { return w.count(`"yes"`) == 1 })
	if w.count(`"maybe"`) != 1 || w.count("spec.allowIncoming.form") != 1 {
		t.Errorf("Events were raised again: %q", w.list)
	}

	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn), pol1)
	r.write("other.yaml", namespace("tenant-b", ""))
	r.await("the status to be clean", func() bool { return len(r.status().Problems) == 0 })
}

// TestReasons: the Event about a policy that is shut does not speak of an address.
func TestReasons(t *testing.T) {
	w := &warnings{}
	a := &Agent{o: Options{NodeName: "n1", Recorder: w}, log: slog.New(slog.DiscardHandler), world: cluster.NewWorld(), problems: []compile.Problem{
		{Address: netip.MustParseAddr("10.0.0.1"), Pods: []string{"a/b"}, Message: "claimed twice"},
		{Pods: []string{"a/b"}, Message: "the policy needs too many entries"},
	}}
	a.raise()
	if w.count("AddressClosed: claimed twice") != 1 || w.count("OverLimit: the policy needs too many entries") != 1 {
		t.Errorf("Events %q", w.list)
	}
}

// TestBridges: what lets packets pass unseen shows in the status while it lasts.
func TestBridges(t *testing.T) {
	broken := true
	a := &Agent{o: Options{NodeName: "n1", CheckBridges: func(interfaces []uint32) error {
		if broken && slices.Equal(interfaces, []uint32{7}) {
			return errors.New("pod interface p is a port of bridge b")
		}
		return nil
	}}, log: slog.New(slog.DiscardHandler), world: cluster.NewWorld()}
	a.attachments = &attachments{byKey: map[string]*agentapi.Attachment{"c1/eth0": {HostIndex: 7}}}
	for _, want := range []int{1, 0} {
		a.checkBridges()
		a.raise()
		if got := a.openProblems(); len(got) != want {
			t.Errorf("problems %q, want %d", got, want)
		}
		broken = false
	}
}

// TestFullTable: a change that does not fit is a problem in the status and an error for the CNI plugin, and is tried again.
func TestFullTable(t *testing.T) {
	r := newRig(t)
	r.write("pods.yaml", namespace("tenant-a", ""), pod("tenant-a", "backend", "backend"))
	dp := &discard{}
	w := runAgent(t, r, dp)
	dp.refuse(datapath.ErrFull)
	at := &agentapi.Attachment{
		ContainerID: "c1", PodInterface: "eth0", HostInterface: "lo", HostIndex: 1,
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.1.2")}, Namespace: "tenant-a", Pod: "backend",
	}
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	var refused *agentapi.Error
	if err := r.client.Attach(ctx, at); !errors.As(err, &refused) || refused.Code != "full" {
		t.Errorf("attach with full tables: %v, want code full", err)
	}
	if got := strings.Join(r.status().Problems, "\n"); !strings.Contains(got, "table is full") {
		t.Errorf("problems %q do not say that a table is full", got)
	}
	if w.count("Node n1: NotEnforced: ") != 1 {
		t.Errorf("Events %q, want one about the node", w.list)
	}
	dp.refuse(nil)
	r.await("the agent to try again", func() bool { return len(r.status().Problems) == 0 })
	if err := r.client.Attach(ctx, at); err != nil {
		t.Errorf("attach once there is room: %v", err)
	}
}

// TestAttachWaitsForThePod: an attachment is answered only when the pod is known, and refused with what to do when it does not appear.
func TestAttachWaitsForThePod(t *testing.T) {
	r := newRig(t)
	r.write("ns.yaml", namespace("tenant-a", ""))
	runAgent(t, r, &discard{})
	at := &agentapi.Attachment{
		ContainerID: "c1", PodInterface: "eth0", HostInterface: "lo", HostIndex: 1,
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.1.2")}, Namespace: "tenant-a", Pod: "backend",
	}
	short, stop := context.WithTimeout(context.Background(), 300*time.Millisecond)
	defer stop()
	if err := r.client.Attach(short, at); err == nil {
		t.Fatal("an attachment of a pod that nobody knows was answered")
	}
	answer := make(chan error)
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	go func() { answer <- r.client.Attach(ctx, at) }()
	r.await("the attachment to wait", func() bool { return strings.Contains(strings.Join(r.status().Problems, "\n"), "c1/eth0") })
	r.write("pod.yaml", pod("tenant-a", "backend", "backend"))
	if err := <-answer; err != nil {
		t.Errorf("attach after the pod appeared: %v", err)
	}
	if err := r.client.Detach(ctx, "c1", "eth0"); err != nil {
		t.Errorf("detach: %v", err)
	}
	if err := r.client.Detach(ctx, "c1", "eth0"); err != nil {
		t.Errorf("detach again: %v", err)
	}
	at.HostIndex = 0
	var refused *agentapi.Error
	if err := r.client.Attach(ctx, at); !errors.As(err, &refused) || refused.Code != "invalid" {
		t.Errorf("attach without an interface: %v, want code invalid", err)
	}
}

// TestMissing: an agent that cannot begin says what it waits for.
func TestMissing(t *testing.T) {
	a := &Agent{o: Options{NodeName: "n1"}, world: cluster.NewWorld()}
	a.world.Awaited["pods"], a.world.Awaited["namespaces"] = true, true
	want := []string{
		"the world is not known yet: waiting for the first list of namespaces, pods",
		"the node's own addresses are not known yet",
		"Node n1 has no spec.podCIDRs yet: without them --pod-cidr is needed",
	}
	if diff := cmp.Diff(want, a.missing()); diff != "" {
		t.Errorf("missing (-want +got):\n%s", diff)
	}
	a.world.Synced, a.addresses, a.o.PodCIDRs = true, []netip.Addr{}, []netip.Prefix{netip.MustParsePrefix("10.244.1.0/24")}
	if got := a.missing(); len(got) > 0 {
		t.Errorf("missing %q, want nothing", got)
	}
}
