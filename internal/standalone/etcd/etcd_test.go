package etcd

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	clientv3 "go.etcd.io/etcd/client/v3"
)

func TestKeepsData(t *testing.T) {
	dir := t.TempDir()
	for _, want := range []string{"", "value"} {
		s := startStore(t, dir)
		c := connect(t, s)
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		got, err := c.Get(ctx, "key")
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Kvs) > 0 != (want != "") || want != "" && string(got.Kvs[0].Value) != want {
			t.Errorf("got %v, want %q", got.Kvs, want)
		}
		if _, err := c.Put(ctx, "key", "value"); err != nil {
			t.Fatal(err)
		}
		cancel()
		_ = c.Close()
		start := time.Now()
		s.Stop()
		if d := time.Since(start); d >= stopTime {
			t.Errorf("stopping took %v", d)
		}
	}
}

func TestNoTCP(t *testing.T) {
	s := startStore(t, t.TempDir())
	defer s.Stop()
	inodes := sockets(t)
	for _, table := range []string{"tcp", "tcp6"} {
		text, err := os.ReadFile("/proc/self/net/" + table)
		if err != nil {
			t.Fatal(err)
		}
		for _, line := range strings.Split(string(text), "\n")[1:] {
			f := strings.Fields(line)
			if len(f) > 9 && f[3] == "0A" && inodes["socket:["+f[9]+"]"] {
				t.Errorf("listens on TCP: %s", line)
			}
		}
	}
}

// sockets returns this process's sockets as /proc/self/fd shows them.
func sockets(t *testing.T) map[string]bool {
	t.Helper()
	links, err := filepath.Glob("/proc/self/fd/*")
	if err != nil {
		t.Fatal(err)
	}
	set := map[string]bool{}
	for _, l := range links {
		if to, err := os.Readlink(l); err == nil {
			set[to] = true
		}
	}
	return set
}

func TestDamagedStore(t *testing.T) {
	dir := t.TempDir()
	if err := os.WriteFile(filepath.Join(dir, "data"), []byte("not a folder"), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := Start(context.Background(), options(dir))
	if err == nil || !strings.Contains(err.Error(), "start etcd: ") {
		t.Errorf("got error %v, want one that names the operation", err)
	}
}

func options(dir string) Options {
	return Options{Dir: filepath.Join(dir, "data"), SocketDir: dir, LogFile: filepath.Join(dir, "log")}
}

func startStore(t *testing.T, dir string) *Server {
	t.Helper()
	ctx, cancel := context.WithTimeout(context.Background(), 20*time.Second)
	defer cancel()
	s, err := Start(ctx, options(dir))
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func connect(t *testing.T, s *Server) *clientv3.Client {
	t.Helper()
	c, err := clientv3.New(clientv3.Config{Endpoints: []string{s.Endpoint()}, DialTimeout: 5 * time.Second})
	if err != nil {
		t.Fatal(err)
	}
	return c
}
