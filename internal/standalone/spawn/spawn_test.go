package spawn

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// roleVar makes the test binary act as a child of a test instead of running tests.
const roleVar = "HEDGEROW_SPAWN_ROLE"

func TestMain(m *testing.M) {
	switch os.Getenv(roleVar) {
	case "":
		os.Exit(m.Run())
	case "parent":
		parentRole()
	case "sleeper":
		fmt.Println(os.Getpid())
		time.Sleep(time.Hour) // select {} would be found out as a deadlock
	case "netns":
		link, err := os.Readlink("/proc/self/ns/net")
		fmt.Println(link, err)
	case "pid":
		fmt.Println(os.Getpid())
	}
}

// parentRole starts sleepers through a Spawner, one of them as the first process of a PID namespace, and stays.
func parentRole() {
	s := New()
	for _, flags := range []uintptr{0, syscall.CLONE_NEWPID} {
		cmd := self("sleeper")
		cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: flags}
		if err := s.Start(cmd, ""); err != nil {
			fmt.Println(err)
			os.Exit(1)
		}
		fmt.Println(cmd.Process.Pid)
	}
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
}

func self(role string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), roleVar+"="+role)
	return cmd
}

func TestChildrenDieWithTheProcess(t *testing.T) {
	parent := self("parent")
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	children := readPids(t, bufio.NewScanner(out), 2)
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	for _, pid := range children {
		waitGone(t, pid)
	}
}

func TestChildrenSurviveOtherThreads(t *testing.T) {
	s := New()
	defer s.Close()
	cmd := self("sleeper")
	// The thread that asks ends at once; the child must not notice.
	var wg sync.WaitGroup
	wg.Add(1)
	go func() {
		defer wg.Done()
		runtime.LockOSThread()
		if err := s.Start(cmd, ""); err != nil {
			t.Error(err)
		}
	}()
	wg.Wait()
	for range 50 {
		endThread()
	}
	if err := cmd.Process.Signal(syscall.Signal(0)); err != nil {
		t.Fatalf("child is gone: %v", err)
	}
	s.Close()
	defer time.AfterFunc(10*time.Second, func() { _ = cmd.Process.Signal(syscall.SIGTERM) }).Stop()
	err := cmd.Wait()
	var exit *exec.ExitError
	if !errors.As(err, &exit) || exit.Sys().(syscall.WaitStatus).Signal() != syscall.SIGKILL {
		t.Errorf("after Close the child ended with %v, want killed", err)
	}
	if err := s.Start(self("pid"), ""); !errors.Is(err, ErrClosed) {
		t.Errorf("Start after Close: %v, want ErrClosed", err)
	}
}

// endThread starts and ends one OS thread.
func endThread() {
	done := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(done)
	}()
	<-done
}

func TestNetworkNamespace(t *testing.T) {
	path, want := newNetns(t)
	own, err := os.Readlink("/proc/self/ns/net")
	if err != nil {
		t.Fatal(err)
	}
	s := New()
	defer s.Close()
	for _, c := range []struct{ path, want string }{{path, want}, {"", own}, {path, want}} {
		if got := output(t, s, self("netns"), c.path); got != c.want+" <nil>" {
			t.Errorf("child started with %q is in %s, want %s", c.path, got, c.want)
		}
	}
	if err := s.Start(self("netns"), filepath.Join(t.TempDir(), "missing")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("missing namespace: %v, want not exist", err)
	}
}

func TestKeepsAttributes(t *testing.T) {
	s := New()
	defer s.Close()
	cmd := self("pid")
	cmd.SysProcAttr = &syscall.SysProcAttr{Cloneflags: syscall.CLONE_NEWPID}
	if got := output(t, s, cmd, ""); got != "1" {
		t.Errorf("process id in a new PID namespace: %s, want 1", got)
	}
}

func output(t *testing.T, s *Spawner, cmd *exec.Cmd, netns string) string {
	t.Helper()
	var b strings.Builder
	cmd.Stdout, cmd.Stderr = &b, os.Stderr
	if err := s.Start(cmd, netns); err != nil {
		t.Fatal(err)
	}
	if err := cmd.Wait(); err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(b.String())
}

// newNetns returns a path to a network namespace that lives until the test ends, and its name.
func newNetns(t *testing.T) (path, link string) {
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
	path = fmt.Sprintf("/proc/self/task/%d/ns/net", tid)
	link, err := os.Readlink(path)
	if err != nil {
		t.Fatal(err)
	}
	return path, link
}

func readPids(t *testing.T, lines *bufio.Scanner, n int) []int {
	t.Helper()
	var pids []int
	for len(pids) < n && lines.Scan() {
		var pid int
		if _, err := fmt.Sscan(lines.Text(), &pid); err != nil {
			t.Fatalf("child said %q", lines.Text())
		}
		pids = append(pids, pid)
	}
	if len(pids) < n {
		t.Fatalf("got pids %v, want %d", pids, n)
	}
	return pids
}

// waitGone waits until a process is gone or dead. Zombies count as dead: their reaper is not the test's business.
func waitGone(t *testing.T, pid int) {
	t.Helper()
	for end := time.Now().Add(10 * time.Second); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
		stat, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
		if err != nil || strings.Contains(string(stat), ") Z ") {
			return
		}
	}
	t.Errorf("process %d outlived its parent", pid)
	_ = syscall.Kill(pid, syscall.SIGKILL)
}
