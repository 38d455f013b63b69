package main

import (
	"bufio"
	"bytes"
	"context"
	"io"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/agentapi/agenttest"
)

// twoNodes returns the data folder of an instance with the two agents.
func twoNodes(t *testing.T, node1, node2 *agenttest.Server) string {
	t.Helper()
	dir := t.TempDir()
	for name, s := range map[string]*agenttest.Server{"node1": node1, "node2": node2} {
		folder := filepath.Join(dir, "run", name)
		if err := os.MkdirAll(folder, 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.Symlink(s.Socket, filepath.Join(folder, "agent.sock")); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

func TestListDenials(t *testing.T) {
	noon := time.Date(2026, 1, 1, 12, 0, 0, 0, time.Local)
	node1, node2 := agenttest.Start(t), agenttest.Start(t)
	node1.Deny(agentapi.Denial{Time: noon, Reason: "Denied: a"})
	node2.Deny(agentapi.Denial{Time: noon.Add(time.Second), Reason: "Denied: a"})
	node1.Deny(agentapi.Denial{Time: noon.Add(2 * time.Second), Reason: "Denied: b"})
	node1.Deny(agentapi.Denial{Time: noon.Add(3 * time.Second), Reason: "Denied: a"})
	nodes, err := agents(twoNodes(t, node1, node2))
	if err != nil {
		t.Fatal(err)
	}
	var got bytes.Buffer
	if err := listDenials(t.Context(), &got, nodes); err != nil {
		t.Fatal(err)
	}
	want := "12:00:01.000 node2 Denied: a\n12:00:02.000 node1 Denied: b\n12:00:03.000 node1 Denied: a (2 times)\n"
	if diff := cmp.Diff(want, got.String()); diff != "" {
		t.Errorf("(-want +got):\n%s", diff)
	}
}

func TestFollowDenials(t *testing.T) {
	node1, node2 := agenttest.Start(t), agenttest.Start(t)
	node1.Deny(agentapi.Denial{Time: time.Now().Add(-time.Hour), Reason: "Denied: long ago"})
	nodes, err := agents(twoNodes(t, node1, node2))
	if err != nil {
		t.Fatal(err)
	}
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	r, w := io.Pipe()
	ended := make(chan error, 1)
	go func() {
		ended <- followDenials(ctx, w, nodes)
		w.Close()
	}()
	lines := bufio.NewScanner(r)
	for name, s := range map[string]*agenttest.Server{"node1": node1, "node2": node2} {
		s.Deny(agentapi.Denial{Time: time.Now().Add(time.Hour), Reason: "Denied: on " + name})
		if want := name + " Denied: on " + name; !lines.Scan() || !strings.HasSuffix(lines.Text(), want) {
			t.Errorf("line %q, want one that ends with %q", lines.Text(), want)
		}
	}
	stop()
	if err := <-ended; err != nil {
		t.Errorf("after the context ended: %v", err)
	}
}

func TestFollowDenialsEndsWithAnAgent(t *testing.T) {
	node1, node2 := agenttest.Start(t), agenttest.Start(t)
	nodes, err := agents(twoNodes(t, node1, node2))
	if err != nil {
		t.Fatal(err)
	}
	node2.Stop()
	if err := followDenials(t.Context(), io.Discard, nodes); err == nil || !strings.Contains(err.Error(), "node2: ") {
		t.Errorf("error %v, want one about node2", err)
	}
}

func TestDenialsNeedAnInstance(t *testing.T) {
	if _, err := agents(t.TempDir()); err == nil || !strings.Contains(err.Error(), "--data-dir") {
		t.Errorf("error %v, want one that says how to name an instance", err)
	}
}
