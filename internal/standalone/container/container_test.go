package container

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// image is the root filesystem of the tests: the payload program and an empty file.
var image string

// roleVar makes the test binary act as a process that starts a container and is then killed.
const roleVar = "HEDGEROW_CONTAINER_ROLE"

func TestMain(m *testing.M) {
	if os.Getenv(roleVar) == "parent" {
		parentRole()
	}
	dir, err := os.MkdirTemp("", "container-test-")
	if err != nil {
		panic(err)
	}
	image = filepath.Join(dir, "image")
	build := exec.Command("go", "build", "-o", filepath.Join(image, "payload"), "./testdata/payload")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(fmt.Sprintf("build payload: %v\n%s", err, out))
	}
	if err := os.WriteFile(filepath.Join(image, "kept"), nil, 0o644); err != nil {
		panic(err)
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestWhatTheProgramSees(t *testing.T) {
	r := newRig(t)
	netns, err := os.Readlink(r.netns)
	if err != nil {
		t.Fatal(err)
	}
	volume := t.TempDir()
	if err := os.WriteFile(filepath.Join(volume, "kept"), []byte("from outside"), 0o644); err != nil {
		t.Fatal(err)
	}
	full := func(s *Spec) {
		s.Command.Env = []string{"PATH=/nowhere:/", "A=b"}
		s.Command.Dir = "/srv/deep"
		s.Files = []File{{Path: "/etc/hosts", Content: "127.0.0.1 localhost\n", Mode: 0o644}}
		s.Mounts = []Mount{{Source: volume, Target: "/data"}, {Source: filepath.Join(volume, "kept"), Target: "/etc/one", ReadOnly: true}}
	}
	user := func(s *Spec) {
		s.Command.UID, s.Command.GID, s.Command.Groups = 1000, 2000, []uint32{3000}
	}
	for _, c := range []struct {
		args string
		edit func(*Spec)
		want string
	}{
		{"pid", nil, "1"},
		{"hostname", nil, "pod-a"},
		{"link /proc/self/ns/net", nil, netns},
		{"ls /", nil, "dev kept payload proc sys"},
		{"ls /dev", nil, "fd full null ptmx pts random shm stderr stdin stdout tty urandom zero"},
		{"ls /dev/pts", nil, "ptmx"},
		{"ls /sys/class/net", nil, "lo"},
		{"env", full, "PATH=/nowhere:/\nA=b"},
		{"pwd", nil, "/"},
		{"pwd", full, "/srv/deep"},
		{"cat /etc/hosts", full, "127.0.0.1 localhost"},
		{"cat /data/kept", full, "from outside"},
		{"cat /etc/one", full, "from outside"},
		{"id", nil, "0 0 []"},
		{"id", user, "1000 2000 [3000]"},
		{"link /proc/self/cwd", nil, "/"},
	} {
		t.Run(c.args, func(t *testing.T) {
			spec := r.spec(strings.Fields(c.args)...)
			if c.edit != nil {
				c.edit(spec)
			}
			got, errs, exit := r.run(spec)
			if got != c.want || errs != "" || exit.Code != 0 {
				t.Errorf("got %q (stderr %q, exit code %d), want %q", got, errs, exit.Code, c.want)
			}
		})
	}
}

func TestProgramIsFoundInPath(t *testing.T) {
	r := newRig(t)
	spec := r.spec()
	spec.Command.Args = []string{"payload", "pid"}
	spec.Command.Env = []string{"PATH=/nowhere:/"}
	if got, errs, _ := r.run(spec); got != "1" {
		t.Errorf("got %q, stderr %q", got, errs)
	}
}

func TestNothingIsWrittenOutside(t *testing.T) {
	r := newRig(t)
	before := treeOf(t, image)
	spec := r.spec("write", "/kept", "changed")
	if _, errs, exit := r.run(spec); exit.Code != 0 {
		t.Fatalf("write in the container: %s", errs)
	}
	if diff := cmp.Diff(before, treeOf(t, image)); diff != "" {
		t.Errorf("image changed: %s", diff)
	}
	if got := treeOf(t, spec.Scratch); len(got) != 0 {
		t.Errorf("left in the scratch directory: %v", got)
	}
}

func TestProtection(t *testing.T) {
	r := newRig(t)
	readOnly := func(s *Spec) { s.ReadOnlyRoot = true }
	volume := t.TempDir()
	sealed := func(s *Spec) { s.Mounts = []Mount{{Source: volume, Target: "/data", ReadOnly: true}} }
	open := func(s *Spec) { s.Mounts = []Mount{{Source: volume, Target: "/data"}} }
	privileged := func(s *Spec) { s.Privileged, s.Command.Capabilities = true, AllCapabilities() }
	for _, c := range []struct {
		args    string
		edit    func(*Spec)
		allowed bool
	}{
		{"write /proc/sys/kernel/hostname x", nil, false},
		{"write /proc/sys/net/ipv4/ip_forward 1", nil, false},
		{"write /proc/sys/net/ipv4/ip_forward 1", privileged, true},
		{"write /sys/kernel/mm/ksm/run 0", nil, false},
		{"mount /tmp", nil, false},
		{"write /file x", nil, true},
		{"write /file x", readOnly, false},
		{"write /data/x x", sealed, false},
		{"write /dev/null x", readOnly, true},
		{"device /", nil, false},
		{"device /dev", nil, false},
		{"device /data", open, false},
	} {
		t.Run(c.args, func(t *testing.T) {
			spec := r.spec(strings.Fields(c.args)...)
			if c.edit != nil {
				c.edit(spec)
			}
			if out, errs, exit := r.run(spec); (exit.Code == 0) != c.allowed || out != "" {
				t.Errorf("exit code %d, stdout %q, stderr %q, want allowed %v", exit.Code, out, errs, c.allowed)
			}
		})
	}
}

func TestCapabilitiesOfTheProgram(t *testing.T) {
	r := newRig(t)
	plain := r.spec("cat", "/proc/self/status")
	user := r.spec("cat", "/proc/self/status")
	user.Command.UID, user.Command.NoNewPrivileges = 1000, true
	for _, c := range []struct {
		name string
		spec *Spec
		want []string
	}{
		{"root", plain, []string{"CapInh:\t0000000000000000", "CapEff:\t00000000a80425fb", "CapBnd:\t00000000a80425fb", "NoNewPrivs:\t0"}},
		{"user", user, []string{"CapEff:\t0000000000000000", "CapBnd:\t00000000a80425fb", "NoNewPrivs:\t1"}},
	} {
		got, _, _ := r.run(c.spec)
		for _, line := range c.want {
			if !strings.Contains(got, line+"\n") {
				t.Errorf("%s: status lacks %q:\n%s", c.name, line, got)
			}
		}
	}
}

func TestExit(t *testing.T) {
	r := newRig(t)
	for _, c := range []struct {
		args string
		code int
	}{{"exit 0", 0}, {"exit 42", 42}} {
		if _, _, exit := r.run(r.spec(strings.Fields(c.args)...)); exit.Code != c.code || exit.Signal != 0 {
			t.Errorf("%s: got %+v, want code %d", c.args, exit, c.code)
		}
	}
	running := r.start(r.spec("wait"))
	if err := running.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	if exit := running.Exit(); exit.Code != 7 {
		t.Errorf("after SIGTERM: got %+v, want the handler's code 7", exit)
	}
	stubborn := r.start(r.spec("ignore"))
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGKILL} {
		if err := stubborn.Signal(s); err != nil {
			t.Fatal(err)
		}
	}
	if exit := stubborn.Exit(); exit.Code != 137 || exit.Signal != syscall.SIGKILL {
		t.Errorf("after SIGKILL: got %+v, want code 137", exit)
	}
}

func TestStartErrors(t *testing.T) {
	r := newRig(t)
	noNetns, noProgram, notInPath, noImage, noMount := r.spec("pid"), r.spec(), r.spec(), r.spec("pid"), r.spec("pid")
	noNetns.Netns = ""
	noProgram.Command.Args = []string{"/missing"}
	notInPath.Command.Args, notInPath.Command.Env = []string{"missing"}, []string{"PATH=/"}
	noImage.Image = filepath.Join(t.TempDir(), "missing")
	noMount.Mounts = []Mount{{Source: filepath.Join(t.TempDir(), "missing"), Target: "/data"}}
	for _, c := range []struct {
		spec *Spec
		want string
	}{
		{noNetns, "no network namespace"},
		{noProgram, `exec "/missing": no such file or directory`},
		{notInPath, `executable file not found in $PATH`},
		{noImage, "on image: no such file or directory"},
		{noMount, "to mount it: no such file or directory"},
	} {
		_, err := Start(r.spawner, c.spec)
		if err == nil || !strings.Contains(err.Error(), c.want) {
			t.Errorf("got error %v, want one with %q", err, c.want)
		}
	}
}

func TestLinkInVolumeStaysInside(t *testing.T) {
	r := newRig(t)
	outside, volume, inner := t.TempDir(), t.TempDir(), t.TempDir()
	if err := os.Symlink(outside, filepath.Join(volume, "trap")); err != nil {
		t.Fatal(err)
	}
	spec := r.spec("pid")
	spec.Mounts = []Mount{{Source: volume, Target: "/data"}, {Source: inner, Target: "/data/trap/new"}}
	if _, err := Start(r.spawner, spec); err == nil {
		t.Error("mounted through a link that leads nowhere inside the container")
	}
	if got := treeOf(t, outside); len(got) != 0 {
		t.Errorf("mounting through a volume's link made %v outside", got)
	}
}

func TestNothingOutlivesTheParent(t *testing.T) {
	r := newRig(t)
	scratch := t.TempDir()
	parent := exec.Command("/proc/self/exe")
	parent.Env = append(os.Environ(), roleVar+"=parent", "NETNS="+fmt.Sprintf("/proc/%d/%s", os.Getpid(), strings.TrimPrefix(r.netns, "/proc/self/")),
		"IMAGE="+image, "SCRATCH="+scratch)
	parent.Stderr = os.Stderr
	out, err := parent.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := parent.Start(); err != nil {
		t.Fatal(err)
	}
	var first, second int
	if _, err := fmt.Fscan(out, &first, &second); err != nil {
		t.Errorf("parent did not say the process ids: %v", err)
	}
	if err := parent.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = parent.Wait()
	waitGone(t, first)
	waitGone(t, second)
	mounts, err := os.ReadFile("/proc/self/mountinfo")
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(string(mounts), scratch) {
		t.Errorf("a mount is left:\n%s", mounts)
	}
}

// parentRole starts a container and a command in it, says their process ids and stays.
func parentRole() {
	spec := &Spec{
		Hostname: "pod-a", Netns: os.Getenv("NETNS"), Image: os.Getenv("IMAGE"), Scratch: os.Getenv("SCRATCH"),
		// Another user: changing it clears the parent-death signal, which must be set again.
		Command: Command{Args: []string{"/payload", "ignore"}, UID: 1000},
	}
	c, err := Start(spawn.New(), spec)
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	read, write := io.Pipe()
	go c.Exec(context.Background(), []string{"/payload", "ignore"}, nil, write, nil)
	if _, err := bufio.NewReader(read).ReadString('\n'); err != nil {
		os.Exit(1)
	}
	others, err := processesOf(c)
	if err != nil || len(others) != 1 {
		fmt.Fprintln(os.Stderr, others, err)
		os.Exit(1)
	}
	fmt.Println(c.PID(), others[0])
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
}
