package main

import (
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
	for _, c := range []struct {
		name, dir, environment string
		args                   []string
		want                   string
	}{
		{"folder named", "/srv", "/another", []string{"get"}, "/srv/kubeconfig"},
		{"file named", "/srv", "", []string{"get", "--kubeconfig", "/x"}, ""},
		{"file named, joined", "/srv", "", []string{"--kubeconfig=/x", "get"}, ""},
		{"file named for somebody else", "/srv", "", []string{"exec", "p", "--", "prog", "--kubeconfig=/x"}, "/srv/kubeconfig"},
		{"environment", "", "/another", []string{"get"}, ""},
	} {
		t.Setenv("KUBECONFIG", c.environment)
		if got := kubeconfig(c.dir, c.args); got != c.want {
			t.Errorf("%s: %q, want %q", c.name, got, c.want)
		}
	}
}
