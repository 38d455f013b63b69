package probe

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/cilium/ebpf"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// Roles that TestMain gives to a child process.
const (
	role     = "HEDGEROW_PROBE_TEST"
	roleHold = "hold" // builds a set, says so, and waits to be killed
	roleNew  = "new"  // says what New says
)

// play plays the role, if this process has one, and does not return then.
func play() {
	switch os.Getenv(role) {
	case roleHold:
		s, err := New()
		if err == nil {
			err = s.Update(shop(onlyFrom("web", "db", 80)), strangers())
		}
		fmt.Println("ready:", err)
		select {}
	case roleNew:
		_, err := New()
		fmt.Println(errors.Is(err, errUnable), err)
		os.Exit(0)
	}
}

func child(r string) *exec.Cmd {
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), role+"="+r)
	cmd.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	cmd.Stderr = os.Stderr
	return cmd
}

// around is what a set could change around it: mounts, named namespaces, interfaces.
func around(t *testing.T) string {
	t.Helper()
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	text := string(mounts)
	for _, pattern := range []string{"/run/netns/*", "/sys/class/net/*"} {
		names, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		text += fmt.Sprintln(names)
	}
	return text
}

var programID = regexp.MustCompile(`prog_id:\s*(\d+)`)

// programsOf returns the ids of the programs in the kernel that a process holds.
func programsOf(t *testing.T, pid int) (ids []ebpf.ProgramID) {
	t.Helper()
	paths, err := filepath.Glob(fmt.Sprintf("/proc/%d/fdinfo/*", pid))
	if err != nil {
		t.Fatal(err)
	}
	for _, path := range paths {
		text, err := os.ReadFile(path)
		if err != nil {
			continue // closed meanwhile
		}
		if found := programID.FindSubmatch(text); found != nil {
			id, err := strconv.ParseUint(string(found[1]), 10, 32)
			if err != nil {
				t.Fatal(err)
			}
			ids = append(ids, ebpf.ProgramID(id))
		}
	}
	return ids
}

func exists(id ebpf.ProgramID) bool {
	p, err := ebpf.NewProgramFromID(id)
	if err != nil {
		return false
	}
	p.Close()
	return true
}

// gone waits until the kernel has let go of all programs. Their links hold the nodes' namespaces, so those are gone then, too.
func gone(t *testing.T, ids []ebpf.ProgramID) {
	t.Helper()
	lab.Eventually(t, "the programs to go", func() bool {
		for _, id := range ids {
			if exists(id) {
				return false
			}
		}
		return true
	})
}

// TestKilled: after SIGKILL nothing is left of a set.
func TestKilled(t *testing.T) {
	before := around(t)
	cmd := child(roleHold)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait()
	line, err := bufio.NewReader(out).ReadString('\n')
	if err != nil || strings.TrimSpace(line) != "ready: <nil>" {
		cmd.Process.Kill()
		t.Fatalf("the child says %q, %v", line, err)
	}
	if during := around(t); during != before {
		t.Errorf("around a set:\n%s\nbefore:\n%s", during, before)
	}
	ids := programsOf(t, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	if len(ids) < 2 {
		t.Errorf("the child held the programs %v: one for each of two nodes at least", ids)
	}
	gone(t, ids)
	if after := around(t); after != before {
		t.Errorf("after a set was killed:\n%s\nbefore:\n%s", after, before)
	}
}

// TestClose: Close gives everything back while the process lives on.
func TestClose(t *testing.T) {
	files := func() int {
		entries, err := os.ReadDir("/proc/self/fd")
		if err != nil {
			t.Fatal(err)
		}
		return len(entries)
	}
	before, open := around(t), files()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Update(shop(onlyFrom("web", "db", 80)), strangers()); err != nil {
		t.Fatal(err)
	}
	ids := programsOf(t, os.Getpid())
	if len(ids) < 2 {
		t.Errorf("a set of two nodes holds the programs %v", ids)
	}
	s.Close()
	gone(t, ids)
	if after := around(t); after != before {
		t.Errorf("after Close:\n%s\nbefore:\n%s", after, before)
	}
	if !lab.Holds(5*time.Second, func() bool { return files() <= open }) {
		t.Errorf("%d files are open after Close, %d were before", files(), open)
	}
}

// TestNeedsRoot: another user learns what to do.
func TestNeedsRoot(t *testing.T) {
	cmd := child(roleNew)
	cmd.SysProcAttr.Credential = &syscall.Credential{Uid: 65534, Gid: 65534}
	out, err := cmd.Output()
	want := "true cannot send real packets here: network namespaces and the datapath need root: run this with sudo\n"
	if err != nil || string(out) != want {
		t.Errorf("New says %q, %v, want %q", out, err, want)
	}
}
