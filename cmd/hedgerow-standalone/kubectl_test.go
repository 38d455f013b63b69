package main

import (
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestTakeDataDir(t *testing.T) {
	for _, c := range []struct {
		args []string
		dir  string
		rest []string
	}{
		{[]string{"get", "pods"}, "", []string{"get", "pods"}},
		{[]string{"--data-dir", "/a", "get", "pods"}, "/a", []string{"get", "pods"}},
		{[]string{"get", "--data-dir=/a", "pods", "-A"}, "/a", []string{"get", "pods", "-A"}},
		{[]string{"exec", "p", "--", "prog", "--data-dir", "/a"}, "", []string{"exec", "p", "--", "prog", "--data-dir", "/a"}},
		{[]string{"get", "--data-dir"}, "", []string{"get", "--data-dir"}},
	} {
		dir, rest := takeDataDir(c.args)
		if dir != c.dir || cmp.Diff(c.rest, rest) != "" {
			t.Errorf("takeDataDir(%q) = %q, %q, want %q, %q", c.args, dir, rest, c.dir, c.rest)
		}
	}
}

func TestKubeconfig(t *testing.T) {
	dir := t.TempDir()
	file := filepath.Join(dir, "kubeconfig")
	if got := kubeconfig(dir, nil); got != "" {
		t.Errorf("folder without kubeconfig: %q, want none", got)
	}
	if err := os.WriteFile(file, nil, 0o600); err != nil {
		t.Fatal(err)
	}
	t.Setenv("KUBECONFIG", "/another")
	for _, c := range []struct {
		name, dir string
		args      []string
		want      string
	}{
		{"folder named", dir, []string{"get"}, file},
		{"file named", dir, []string{"get", "--kubeconfig", "/x"}, ""},
		{"file named, joined", dir, []string{"--kubeconfig=/x", "get"}, ""},
		{"environment", "", []string{"get"}, ""},
	} {
		if got := kubeconfig(c.dir, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
