// Package deps holds the architecture true by tests: which package may import which, and that every package says what it is
// for. It reads the tree and asks the go command; it runs none of the code.
package deps

import (
	"encoding/json"
	"errors"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"
)

const module = "github.com/hedgerow-net/hedgerow/"

// A rule forbids packages, and all below them, to import others. A pattern matches itself and everything below; without a
// dot in its first element it is of this module.
type rule struct {
	of      string   // the packages that the rule is about
	forbid  []string // also by way of others
	direct  []string // import paths, exactly these, in their own files
	except  []string // allowed in spite of forbid
	because string
}

const (
	clientGo   = "k8s.io/client-go"
	kubernetes = "k8s.io/kubernetes"
)

var rules = []rule{
	{of: "cmd/hedgerow-cni", forbid: []string{"k8s.io"},
		because: "it is started for every pod, must be there in milliseconds, and needs nothing but the agent's socket"},
	{of: "cmd/hedgerow-agent", forbid: []string{kubernetes},
		because: "it runs on every node; the API server's code belongs to standalone alone"},
	{of: "cmd/hedgerow", forbid: []string{kubernetes},
		because: "it is downloaded by people; the API server's code belongs to standalone alone"},
	{of: "cmd/hedgerow-toolbox", forbid: []string{kubernetes}, except: []string{kubernetes + "/test/images/agnhost"},
		because: "it is a small image for tests: agnhost's commands and no more"},

	{of: "policy", forbid: []string{clientGo, "internal"},
		because: "the semantics are a library by themselves: what is right of them imports them"},
	{of: "policy", direct: []string{"time", "log", "log/slog", "net/http", "os", "os/exec", "sync", "context"},
		because: "the semantics are pure: the same input gives the same output, without clock, log, files, network or goroutines"},

	{of: "internal/compile", forbid: []string{clientGo, "internal/agent", "internal/agentapi", "internal/standalone", "internal/podnet", "internal/cni", "internal/datapath/ebpf"},
		because: "it turns a world into tables: it knows neither where worlds come from nor how tables get into a kernel"},
	{of: "internal/compile", direct: []string{"time", "log", "log/slog", "net/http", "os", "os/exec", "sync", "context"},
		because: "it is pure: the same worlds give the same changes, without clock, log, files, network or goroutines"},

	{of: "internal/datapath", forbid: []string{clientGo, "policy", "api", "internal/compile", "internal/cluster", "internal/agent"},
		because: "the kernel's tables know no policies, pods or selectors"},
	{of: "internal/manifest", forbid: []string{clientGo, "internal"}, except: []string{"internal/manifest"},
		because: "it reads manifests for people without a cluster, and for agents"},
	{of: "internal/controller", forbid: []string{"internal/compile", "internal/datapath", "internal/agent"},
		because: "it writes what policies mean into their status, once per cluster: nodes are none of its business"},
	{of: "internal/cluster", forbid: []string{"internal/compile", "internal/datapath", "internal/agent"},
		because: "data flows one way: the world knows nothing of what is made of it"},
	{of: "api", forbid: []string{"policy", "internal", clientGo},
		because: "the API's types are public and stand alone"},
	{of: "internal/agentapi", forbid: []string{"policy", "internal/compile", "internal/cluster", "internal/agent", "k8s.io"},
		because: "it is what others say to the agent, and the CNI plugin is one of them"},
	{of: "internal/podnet", forbid: []string{"policy", "internal/compile", "internal/cluster", "internal/agent", "internal/agentapi", "k8s.io"},
		because: "it makes interfaces and decides nothing"},
}

// pkg is what the go command says of a package. Deps holds all that it imports, also by way of others; tests do not count.
type pkg struct {
	ImportPath, Dir, Name string
	Imports, Deps         []string
}

// list asks the go command for all packages of the module.
func list(t *testing.T) []pkg {
	t.Helper()
	cmd := exec.Command("go", "list", "-json=ImportPath,Dir,Name,Imports,Deps", module+"...")
	cmd.Env = append(cmd.Environ(), "CGO_ENABLED=0")
	out, err := cmd.Output()
	if err != nil {
		var exit *exec.ExitError
		if errors.As(err, &exit) {
			t.Fatalf("go list: %v\n%s", err, exit.Stderr)
		}
		t.Fatal(err)
	}
	var all []pkg
	dec := json.NewDecoder(strings.NewReader(string(out)))
	for {
		var p pkg
		if err := dec.Decode(&p); errors.Is(err, io.EOF) {
			return all
		} else if err != nil {
			t.Fatal(err)
		}
		all = append(all, p)
	}
}

func TestImports(t *testing.T) {
	all := list(t)
	for _, r := range rules {
		for _, v := range r.violations(all) {
			t.Errorf("%s\n\tforbidden because %s", v, r.because)
		}
	}
}

// violations names each import that breaks the rule.
func (r rule) violations(all []pkg) (found []string) {
	for _, p := range all {
		if !within(p.ImportPath, r.of) {
			continue
		}
		for _, dep := range p.Deps {
			if withinAny(dep, r.forbid) && !withinAny(dep, r.except) {
				found = append(found, p.ImportPath+" imports "+dep+" (go mod why, or go list -deps, says by way of what)")
			}
		}
		for _, dep := range p.Imports {
			if slices.Contains(r.direct, dep) {
				found = append(found, p.ImportPath+" imports "+dep+" itself")
			}
		}
	}
	return found
}

func withinAny(path string, patterns []string) bool {
	return slices.ContainsFunc(patterns, func(p string) bool { return within(path, p) })
}

// within reports whether the import path is the pattern or lies below it.
func within(path, pattern string) bool {
	if first, _, _ := strings.Cut(pattern, "/"); !strings.Contains(first, ".") {
		pattern = module + pattern
	}
	return path == pattern || strings.HasPrefix(path, pattern+"/")
}

// A rule that cannot be broken holds nothing true.
func TestViolations(t *testing.T) {
	all := []pkg{
		{ImportPath: module + "a", Deps: []string{"k8s.io/client-go/rest", "k8s.io/api/core/v1"}, Imports: []string{"time"}},
		{ImportPath: module + "a/below", Deps: []string{module + "internal/x"}},
		{ImportPath: module + "ab", Deps: []string{"k8s.io/client-go/rest", module + "internal/x"}, Imports: []string{"time"}},
	}
	tests := []struct {
		rule rule
		want int
	}{
		{rule{of: "a", forbid: []string{"k8s.io"}}, 2},
		{rule{of: "a", forbid: []string{"k8s.io"}, except: []string{"k8s.io/api"}}, 1},
		{rule{of: "a", forbid: []string{"k8s.io/client"}}, 0},
		{rule{of: "a", forbid: []string{"internal/x"}}, 1},
		{rule{of: "a", direct: []string{"time"}}, 1},
		{rule{of: "b", forbid: []string{"k8s.io"}}, 0},
	}
	for _, test := range tests {
		if got := test.rule.violations(all); len(got) != test.want {
			t.Errorf("%+v: got %q, want %d", test.rule, got, test.want)
		}
	}
}
