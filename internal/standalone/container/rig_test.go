package container

import (
	"bufio"
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// rig is what a test starts containers with.
type rig struct {
	*testing.T
	spawner *spawn.Spawner
	netns   string
}

func newRig(t *testing.T) *rig {
	r := &rig{T: t, spawner: spawn.New(), netns: newNetns(t)}
	t.Cleanup(r.spawner.Close)
	return r
}

func (r *rig) spec(args ...string) *Spec {
	mask, err := Capabilities(nil, nil)
	if err != nil {
		r.Fatal(err)
	}
	return &Spec{
		Hostname: "pod-a", Netns: r.netns, Image: image, Scratch: r.TempDir(),
		Command: Command{Args: append([]string{"/payload"}, args...), Capabilities: mask},
	}
}

// run runs a container to its end and returns what it wrote.
func (r *rig) run(spec *Spec) (stdout, stderr string, exit Exit) {
	r.Helper()
	var out, errs bytes.Buffer
	spec.Stdout, spec.Stderr = &out, &errs
	c, err := Start(r.spawner, spec)
	if err != nil {
		r.Fatal(err)
	}
	exit = c.Exit()
	return strings.TrimSpace(out.String()), strings.TrimSpace(errs.String()), exit
}

// start starts a container that says "ready" when its handlers are in place, and ends it with the test.
func (r *rig) start(spec *Spec) *Container {
	r.Helper()
	read, write, err := os.Pipe()
	if err != nil {
		r.Fatal(err)
	}
	defer read.Close()
	spec.Stdout = write
	c, err := Start(r.spawner, spec)
	write.Close()
	if err != nil {
		r.Fatal(err)
	}
	r.Cleanup(func() {
		if err := c.Signal(syscall.SIGKILL); err != nil {
			r.Error(err)
		}
		c.Exit()
	})
	if line, err := bufio.NewReader(read).ReadString('\n'); line != "ready\n" {
		r.Fatalf("container said %q: %v", line, err)
	}
	return c
}

// onlyOther returns the process id of the one process of a container beside its first.
func onlyOther(t *testing.T, c *Container) int {
	t.Helper()
	pids, err := processesOf(c)
	if err != nil || len(pids) != 1 {
		t.Fatalf("processes beside the first: %v, %v", pids, err)
	}
	return pids[0]
}

// processesOf lists the processes in the container's PID namespace, without the first.
func processesOf(c *Container) ([]int, error) {
	want, err := os.Readlink(fmt.Sprintf("/proc/%d/ns/pid", c.PID()))
	if err != nil {
		return nil, err
	}
	files, err := filepath.Glob("/proc/[0-9]*/ns/pid")
	var pids []int
	for _, f := range files {
		var pid int
		if link, err := os.Readlink(f); err != nil || link != want {
			continue
		}
		if _, err := fmt.Sscanf(f, "/proc/%d/ns/pid", &pid); err == nil && pid != c.PID() {
			pids = append(pids, pid)
		}
	}
	return pids, err
}

// newNetns returns a path to a network namespace that lives until the test ends.
func newNetns(t *testing.T) string {
	t.Helper()
	ready, done := make(chan error), make(chan struct{})
	var tid int
	go func() {
		runtime.LockOSThread()
		tid = unix.Gettid()
		ready <- unix.Unshare(unix.CLONE_NEWNET)
		<-done
	}()
	if err := <-ready; err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { close(done) })
	return fmt.Sprintf("/proc/self/task/%d/ns/net", tid)
}

// treeOf returns the files below dir with their sizes.
func treeOf(t *testing.T, dir string) map[string]int64 {
	t.Helper()
	tree := map[string]int64{}
	err := filepath.Walk(dir, func(file string, info os.FileInfo, err error) error {
		if err == nil && file != dir {
			tree[strings.TrimPrefix(file, dir)] = info.Size()
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	return tree
}

// waitGone waits until a process is gone or dead; a zombie's reaper is not the test's business.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d is still there", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
