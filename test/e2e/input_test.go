package e2e

import (
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
)

// TestRefusals starts instances that must not start: one line that says what and what to do, exit code 1, nothing left behind.
func TestRefusals(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	must(t, err)
	defer l.Close()
	taken := strconv.Itoa(l.Addr().(*net.TCPAddr).Port)
	newer := t.TempDir()
	must(t, os.WriteFile(filepath.Join(newer, "VERSION"), []byte("99\n"), 0o600))
	lonely := t.TempDir()
	fresh := filepath.Join(t.TempDir(), "data")
	for name, c := range map[string]struct {
		args []string
		want string
	}{
		"port in use":       {[]string{"--data-dir", fresh, "--port", taken}, "port " + taken + " of 127.0.0.1 is in use"},
		"no such port":      {[]string{"--data-dir", fresh, "--port", "70000"}, "--port is 70000"},
		"newer data":        {[]string{"--data-dir", newer}, "newer hedgerow-standalone"},
		"no agent":          {[]string{"--data-dir", fresh, "--bin-dir", lonely}, "hedgerow-agent, hedgerow-cni, hedgerow-toolbox not found in " + lonely},
		"no nodes":          {[]string{"--data-dir", fresh, "--nodes", "-1"}, "--nodes is -1"},
		"too many nodes":    {[]string{"--data-dir", fresh, "--nodes", "201"}, "--nodes is 201"},
		"two minds":         {[]string{"--data-dir", fresh, "--ephemeral"}, "leave out --data-dir"},
		"path too long":     {[]string{"--data-dir", fresh + strings.Repeat("x", 100)}, "too long for unix sockets"},
		"not what it takes": {[]string{"now"}, "unknown command"},
	} {
		t.Run(name, func(t *testing.T) { checkRefused(t, standalone(append([]string{"up"}, c.args...)...), c.want, fresh) })
	}
}

// TestNotRoot runs "up" as somebody else, from a place where that user may read it.
func TestNotRoot(t *testing.T) {
	dir, err := os.MkdirTemp("/tmp", "hedgerow-not-root-")
	must(t, err)
	defer os.RemoveAll(dir)
	must(t, os.Chmod(dir, 0o755))
	program := filepath.Join(dir, "hedgerow-standalone")
	if err := os.Link(binary("hedgerow-standalone"), program); err != nil {
		content, err := os.ReadFile(binary("hedgerow-standalone"))
		must(t, err)
		must(t, os.WriteFile(program, content, 0o755))
	}
	cmd := exec.Command(program, "up")
	cmd.SysProcAttr = &syscall.SysProcAttr{Credential: &syscall.Credential{Uid: 65534, Gid: 65534}}
	checkRefused(t, cmd, "not root", filepath.Join(dir, "data"))
}

func checkRefused(t *testing.T, cmd *exec.Cmd, want, fresh string) {
	t.Helper()
	before, err := filepath.Glob("/run/hedgerow-standalone/*")
	must(t, err)
	code, out, errOut := run(t, cmd)
	if code != 1 || out != "" || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, want) {
		t.Errorf("ended with %d, stdout %q, stderr %q; want 1 and one line with %q", code, out, errOut, want)
	}
	if _, err := os.Stat(fresh); !os.IsNotExist(err) {
		t.Errorf("%s was left behind (error %v)", fresh, err)
	}
	after, err := filepath.Glob("/run/hedgerow-standalone/*")
	must(t, err)
	if len(after) > len(before) {
		t.Errorf("left behind: %v, before %v", after, before)
	}
	checkUntouched(t)
}

// TestHelp checks that every command explains itself with an example.
func TestHelp(t *testing.T) {
	for _, args := range [][]string{{}, {"up"}, {"clean"}, {"version"}, {"demo"}} {
		code, out, errOut := run(t, standalone(append(args, "--help")...))
		if code != 0 || errOut != "" || !strings.Contains(out, "Examples:") {
			t.Errorf("%v --help ended with %d, stderr %q and printed:\n%s", args, code, errOut, out)
		}
		if strings.Contains(out, "kube-scheduler") {
			t.Errorf("%v --help shows what is for the program itself", args)
		}
	}
}
