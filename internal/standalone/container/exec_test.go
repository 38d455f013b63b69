package container

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"io"
	"os"
	"strings"
	"syscall"
	"testing"
)

func TestExec(t *testing.T) {
	r := newRig(t)
	spec := r.spec("wait")
	spec.Command.Env, spec.Command.UID = []string{"PATH=/", "A=b"}, 1000
	c := r.start(spec)
	netns, err := os.Readlink(r.netns)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range []struct {
		args, stdin, want string
		code              int
	}{
		{"hostname", "", "pod-a", 0},
		{"id", "", "1000 0 []", 0},
		{"env", "", "PATH=/\nA=b", 0},
		{"link /proc/self/ns/net", "", netns, 0},
		{"ls /", "", "dev kept payload proc sys", 0},
		{"copy", "given", "given", 0},
		{"exit 3", "", "", 3},
		{"raise", "", "", 137},
	} {
		var out bytes.Buffer
		code, err := c.Exec(t.Context(), append([]string{"payload"}, strings.Fields(e.args)...), strings.NewReader(e.stdin), &out, io.Discard)
		if got := strings.TrimSpace(out.String()); err != nil || got != e.want || code != e.code {
			t.Errorf("exec %s: got %q, code %d, error %v; want %q, code %d", e.args, got, code, err, e.want, e.code)
		}
	}
	if _, err := c.Exec(t.Context(), []string{"missing"}, nil, nil, nil); err == nil || !strings.Contains(err.Error(), "not found in $PATH") {
		t.Errorf("exec of a missing program: %v", err)
	}
}

func TestExecEndsWithContextAndContainer(t *testing.T) {
	r := newRig(t)
	c := r.start(r.spec("wait"))
	ctx, cancel := context.WithCancel(t.Context())
	read, write := io.Pipe()
	result := make(chan error, 1)
	go func() {
		_, err := c.Exec(ctx, []string{"/payload", "ignore"}, nil, write, nil)
		result <- err
	}()
	if line, err := bufio.NewReader(read).ReadString('\n'); line != "ready\n" {
		t.Fatalf("command said %q: %v", line, err)
	}
	pid := onlyOther(t, c)
	cancel()
	if err := <-result; !errors.Is(err, context.Canceled) {
		t.Errorf("canceled exec: %v", err)
	}
	waitGone(t, pid)
	if err := c.Signal(syscall.SIGKILL); err != nil {
		t.Fatal(err)
	}
	c.Exit()
	if _, err := c.Exec(t.Context(), []string{"/payload", "pid"}, nil, nil, nil); !errors.Is(err, ErrEnded) {
		t.Errorf("exec after the end: %v, want ErrEnded", err)
	}
}
