package agent

import (
	"bytes"
	"context"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// build makes the agent's binary once for all tests.
var build = sync.OnceValues(func() (string, error) {
	dir, err := os.MkdirTemp("", "hedgerow-agent-test")
	if err != nil {
		return "", err
	}
	path := filepath.Join(dir, "hedgerow-agent")
	out, err := exec.Command("go", "build", "-o", path, "../../cmd/hedgerow-agent").CombinedOutput()
	if err != nil {
		os.Stderr.Write(out)
	}
	return path, err
})

// rig is a node whose agent reads a folder of manifests.
type rig struct {
	t         *testing.T
	node      *lab.Node
	dir       string
	bpf       string
	manifests string
	client    *agentapi.Client
	agent     *exec.Cmd
	log       *bytes.Buffer
	logMu     sync.Mutex
}

func newRig(t *testing.T) *rig {
	t.Helper()
	dir := t.TempDir()
	r := &rig{t: t, node: lab.NewNode(t), dir: dir, bpf: lab.BPFFS(t), manifests: filepath.Join(dir, "manifests"), log: &bytes.Buffer{}}
	if err := os.Mkdir(r.manifests, 0o700); err != nil {
		t.Fatal(err)
	}
	r.client = agentapi.NewClient(filepath.Join(dir, "agent.sock"))
	t.Cleanup(func() {
		r.kill()
		if t.Failed() {
			r.logMu.Lock()
			defer r.logMu.Unlock()
			t.Logf("the agent's log:\n%s", r.log)
		}
	})
	return r
}

// Write makes the log safe to read while the agent writes it.
func (r *rig) Write(p []byte) (int, error) {
	r.logMu.Lock()
	defer r.logMu.Unlock()
	return r.log.Write(p)
}

// start runs an agent in the node's network namespace and waits until it enforces.
func (r *rig) start() {
	r.t.Helper()
	path, err := build()
	if err != nil {
		r.t.Fatalf("build the agent: %v", err)
	}
	r.agent = exec.Command(path, "--node-name=n1", "--manifests="+r.manifests, "--socket="+filepath.Join(r.dir, "agent.sock"),
		"--state-dir="+filepath.Join(r.dir, "state"), "--bpf-dir="+r.bpf,
		"--cluster-cidr=10.244.0.0/16,fd00:10:244::/56", "--pod-cidr=10.244.1.0/24,fd00:10:244:1::/64", "--log-level=debug")
	r.agent.Stdout, r.agent.Stderr = r, r
	r.node.Do(func() { err = r.agent.Start() })
	if err != nil {
		r.t.Fatalf("start the agent: %v", err)
	}
	r.await("the agent to be ready", func() bool {
		s, err := r.client.Status(context.Background())
		return err == nil && s.Ready
	})
}

// kill ends the agent with SIGKILL.
func (r *rig) kill() {
	if r.agent == nil {
		return
	}
	r.agent.Process.Signal(unix.SIGKILL)
	r.agent.Wait()
	r.agent = nil
}

// write puts one manifest into place, whole.
func (r *rig) write(name string, documents ...string) {
	r.t.Helper()
	path := filepath.Join(r.manifests, name)
	if err := os.WriteFile(path+".new", []byte(strings.Join(documents, "\n---\n")), 0o600); err != nil {
		r.t.Fatal(err)
	}
	if err := os.Rename(path+".new", path); err != nil {
		r.t.Fatal(err)
	}
}

// attach announces a pod as the CNI plugin does.
func (r *rig) attach(p *lab.Pod, namespace string) {
	r.t.Helper()
	ctx, stop := context.WithTimeout(context.Background(), 10*time.Second)
	defer stop()
	err := r.client.Attach(ctx, &agentapi.Attachment{
		ContainerID: p.Name, PodInterface: "eth0", HostInterface: p.HostName, HostIndex: p.HostIndex,
		Addresses: []netip.Addr{p.Address4, p.Address6}, Namespace: namespace, Pod: p.Name,
	})
	if err != nil {
		r.t.Fatalf("attach %s: %v", p.Name, err)
	}
}

// await waits for a condition.
func (r *rig) await(what string, ok func() bool) {
	r.t.Helper()
	for end := time.Now().Add(20 * time.Second); !ok(); time.Sleep(10 * time.Millisecond) {
		if time.Now().After(end) {
			r.t.Fatalf("waited in vain for %s", what)
		}
	}
}

// open waits until connections work on both families.
func (r *rig) open(from, to *lab.Pod, port uint16) {
	r.t.Helper()
	for _, a := range []netip.Addr{to.Address4, to.Address6} {
		r.await(from.Name+" to reach "+to.Name, func() bool { return from.Talk(a, port, lab.Denied) == nil })
	}
}

// closed waits until connections fail on both families and then checks, with patience, that they still do.
func (r *rig) closed(from, to *lab.Pod, port uint16) {
	r.t.Helper()
	var wait sync.WaitGroup
	for _, a := range []netip.Addr{to.Address4, to.Address6} {
		r.await(from.Name+" not to reach "+to.Name, func() bool { return from.Talk(a, port, 100*time.Millisecond) != nil })
		wait.Go(func() {
			if from.Talk(a, port, lab.Denied) == nil {
				r.t.Errorf("%s reaches %s at %s port %d", from.Name, to.Name, a, port)
			}
		})
	}
	wait.Wait()
}
