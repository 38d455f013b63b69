package main

import (
	"bufio"
	"bytes"
	"debug/elf"
	"errors"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// toolbox is the program, built as it goes into the image, under the name it has there.
var toolbox string

func TestMain(m *testing.M) {
	dir, err := os.MkdirTemp("", "toolbox-test-")
	if err != nil {
		panic(err)
	}
	toolbox = filepath.Join(dir, "agnhost")
	build := exec.Command("go", "build", "-o", toolbox, ".")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		panic(string(out))
	}
	code := m.Run()
	os.RemoveAll(dir)
	os.Exit(code)
}

func TestIsStatic(t *testing.T) {
	f, err := elf.Open(toolbox)
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	for _, p := range f.Progs {
		if p.Type == elf.PT_INTERP || p.Type == elf.PT_DYNAMIC {
			t.Errorf("program header %s: needs a dynamic linker, which the image does not have", p.Type)
		}
	}
}

func TestArguments(t *testing.T) {
	root := newRoot()
	for _, c := range []struct{ argv, want []string }{
		{[]string{"/agnhost", "pause"}, []string{"pause"}},
		{[]string{"/pause"}, []string{"pause"}},
		{[]string{"/bin/sleep", "3"}, []string{"sleep", "3"}},
		{[]string{"agnhost"}, []string{}},
		{nil, nil},
	} {
		if diff := cmp.Diff(c.want, arguments(root, c.argv)); diff != "" {
			t.Errorf("arguments(%q): %s", c.argv, diff)
		}
	}
}

func TestPlainCommands(t *testing.T) {
	file := filepath.Join(t.TempDir(), "file")
	if err := os.WriteFile(file, []byte("content\n"), 0o644); err != nil {
		t.Fatal(err)
	}
	for _, c := range []struct {
		args   []string
		code   int
		stdout string
		stderr string
	}{
		{[]string{"cat", file, file}, 0, "content\ncontent\n", ""},
		{[]string{"cat", file + "x"}, 1, "", "no such file"},
		{[]string{"env"}, 0, "A=b\n", ""},
		{[]string{"exit", "0"}, 0, "", ""},
		{[]string{"exit", "42"}, 42, "", ""},
		{[]string{"exit", "256"}, 1, "", "not a number from 0 to 255"},
		{[]string{"sleep", "1ms"}, 0, "sleeping\n", ""},
		{[]string{"sleep", "0"}, 0, "sleeping\n", ""},
		{[]string{"sleep", "long"}, 1, "", "neither a number of seconds nor like"},
		{[]string{"nonsense"}, 1, "", "unknown command"},
	} {
		var stdout, stderr bytes.Buffer
		cmd := exec.Command(toolbox, c.args...)
		cmd.Env, cmd.Stdout, cmd.Stderr = []string{"A=b"}, &stdout, &stderr
		if code := exitCode(t, cmd.Run()); code != c.code || stdout.String() != c.stdout || !strings.Contains(stderr.String(), c.stderr) {
			t.Errorf("%q: code %d, stdout %q, stderr %q; want %+v", c.args, code, stdout.String(), stderr.String(), c)
		}
	}
}

func TestSleepEndsAtSIGTERM(t *testing.T) {
	for _, c := range []struct {
		args []string
		code int
	}{
		{[]string{"sleep", "1h"}, 143},
		{[]string{"sleep", "1s", "--ignore-sigterm"}, 0},
	} {
		cmd := exec.Command(toolbox, c.args...)
		out, err := cmd.StdoutPipe()
		if err != nil {
			t.Fatal(err)
		}
		if err := cmd.Start(); err != nil {
			t.Fatal(err)
		}
		if line, err := bufio.NewReader(out).ReadString('\n'); line != "sleeping\n" {
			t.Errorf("%q said %q: %v", c.args, line, err)
		}
		if err := cmd.Process.Signal(syscall.SIGTERM); err != nil {
			t.Fatal(err)
		}
		kill := time.AfterFunc(20*time.Second, func() { _ = cmd.Process.Kill() })
		if code := exitCode(t, cmd.Wait()); code != c.code {
			t.Errorf("%q after SIGTERM: exit code %d, want %d", c.args, code, c.code)
		}
		kill.Stop()
	}
}

func TestConnect(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	if code := exitCode(t, exec.Command(toolbox, "connect", "--timeout=10s", l.Addr().String()).Run()); code != 0 {
		t.Errorf("connect to a listener: exit code %d", code)
	}
	l.Close()
	out, err := exec.Command(toolbox, "connect", "--timeout=10s", l.Addr().String()).CombinedOutput()
	if exitCode(t, err) != 1 || !strings.Contains(string(out), "REFUSED") {
		t.Errorf("connect to a closed port: %v, %q", err, out)
	}
}

func exitCode(t *testing.T, err error) int {
	t.Helper()
	var exit *exec.ExitError
	if errors.As(err, &exit) {
		return exit.ExitCode()
	}
	if err != nil {
		t.Fatal(err)
	}
	return 0
}
