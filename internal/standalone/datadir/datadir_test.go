package datadir

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// holdVar makes the test binary lock the folder it names, say so, and stay.
const holdVar = "HEDGEROW_DATADIR_HOLD"

func TestMain(m *testing.M) {
	path := os.Getenv(holdVar)
	if path == "" {
		os.Exit(m.Run())
	}
	if _, err := Open(path); err != nil {
		os.Stdout.WriteString(err.Error() + "\n")
		os.Exit(1)
	}
	os.Stdout.WriteString("held\n")
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
}

// hold lets another process lock path; the function returned kills it.
func hold(t *testing.T, path string) (pid int, kill func()) {
	t.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), holdVar+"="+path)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	kill = func() { _ = cmd.Process.Kill(); _ = cmd.Wait() }
	t.Cleanup(kill)
	said := make([]byte, 200)
	n, _ := out.Read(said)
	if string(said[:n]) != "held\n" {
		t.Fatalf("other process said %q", said[:n])
	}
	return cmd.Process.Pid, kill
}

func TestSecondInstanceIsRefused(t *testing.T) {
	path := t.TempDir()
	pid, kill := hold(t, path)
	_, err := Open(path)
	var inUse *InUseError
	if !errors.As(err, &inUse) {
		t.Fatalf("Open of a live folder: %v, want InUseError", err)
	}
	if inUse.PID != strconv.Itoa(pid) || strings.Contains(err.Error(), "\n") {
		t.Errorf("error %q, want one line that names process %d", err, pid)
	}
	if _, err := Clean(path, true); !errors.As(err, &inUse) {
		t.Errorf("Clean of a live folder: %v, want InUseError", err)
	}
	kill()
	d := openDir(t, path)
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
}

func TestRunFolderIsEmptiedAndDataKept(t *testing.T) {
	path := t.TempDir()
	d := openDir(t, path)
	write(t, d.Run("log", "old.log"))
	write(t, d.File("kept"))
	if got := d.Port(); got != 0 {
		t.Errorf("port of a new folder is %d, want 0", got)
	}
	if err := d.SavePort(12345); err != nil {
		t.Fatal(err)
	}
	d.lock.Close() // as a crash would
	d = openDir(t, path)
	if _, err := os.Stat(d.Run("log", "old.log")); !os.IsNotExist(err) {
		t.Errorf("file of the last run is still there (error %v)", err)
	}
	if _, err := os.Stat(d.File("kept")); err != nil {
		t.Errorf("data is gone: %v", err)
	}
	if got := d.Port(); got != 12345 {
		t.Errorf("port is %d, want 12345", got)
	}
	write(t, d.Log("part"))
	write(t, d.Run("socket"))
	if err := d.Close(); err != nil {
		t.Fatal(err)
	}
	for path, want := range map[string]bool{d.Log("part"): true, d.File("kept"): true, d.Run("socket"): false} {
		if _, err := os.Stat(path); (err == nil) != want {
			t.Errorf("after Close %s is there: %v, want %v", path, err == nil, want)
		}
	}
}

func TestVersions(t *testing.T) {
	for content, want := range map[string]string{
		"1\n":     "",
		"2\n":     "newer hedgerow-standalone",
		"later\n": "holds no number",
	} {
		path := t.TempDir()
		if err := os.WriteFile(filepath.Join(path, "VERSION"), []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
		d, err := Open(path)
		if err == nil {
			_ = d.Close()
		}
		if got := errText(err); (want == "") != (got == "") || !strings.Contains(got, want) || strings.Contains(got, "\n") {
			t.Errorf("VERSION %q: error %q, want one line with %q", content, got, want)
		}
		if _, err := os.Stat(filepath.Join(path, "lock")); want != "" && !os.IsNotExist(err) {
			t.Errorf("VERSION %q: something was left behind (error %v)", content, err)
		}
	}
}

func TestPathTooLong(t *testing.T) {
	path := filepath.Join(t.TempDir(), strings.Repeat("a", 100))
	if _, err := Open(path); err == nil || !strings.Contains(err.Error(), "too long for unix sockets") {
		t.Errorf("got error %v", err)
	}
	if _, err := os.Stat(path); !os.IsNotExist(err) {
		t.Error("the folder was made all the same")
	}
}

func TestEphemeral(t *testing.T) {
	root := t.TempDir()
	live, err := NewEphemeral(root)
	if err != nil {
		t.Fatal(err)
	}
	dead, err := NewEphemeral(root)
	if err != nil {
		t.Fatal(err)
	}
	dead.lock.Close() // as a crash would
	if diff := cmp.Diff([]string{live.path}, Ephemerals(root)); diff != "" {
		t.Errorf("live folders (-want +got):\n%s", diff)
	}
	removed, err := Sweep(root)
	if diff := cmp.Diff([]string{dead.path}, removed); diff != "" || err != nil {
		t.Errorf("swept (error %v, -want +got):\n%s", err, diff)
	}
	if _, err := os.Stat(live.Run("log")); err != nil {
		t.Errorf("live folder was touched: %v", err)
	}
	if err := live.Close(); err != nil {
		t.Fatal(err)
	}
	if _, err := os.Stat(live.path); !os.IsNotExist(err) {
		t.Errorf("ephemeral folder outlives Close (error %v)", err)
	}
}

func TestClean(t *testing.T) {
	path := t.TempDir()
	if _, err := Clean(path, true); err == nil || !strings.Contains(err.Error(), "not a data folder") {
		t.Errorf("Clean of somebody else's folder: %v, want a refusal", err)
	}
	d := openDir(t, path)
	write(t, d.File("kept"))
	d.lock.Close()
	steps := []struct{ all, did, kept bool }{
		{all: false, did: true, kept: true},
		{all: false, did: false, kept: true},
		{all: true, did: true, kept: false},
		{all: true, did: false, kept: false},
	}
	for i, s := range steps {
		did, err := Clean(path, s.all)
		if err != nil || did != s.did {
			t.Errorf("step %d: Clean = %v, %v, want %v", i, did, err, s.did)
		}
		if _, err := os.Stat(d.File("kept")); (err == nil) != s.kept {
			t.Errorf("step %d: data there: %v, want %v", i, err == nil, s.kept)
		}
	}
}

func openDir(t *testing.T, path string) *Dir {
	t.Helper()
	d, err := Open(path)
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func write(t *testing.T, path string) {
	t.Helper()
	if err := os.WriteFile(path, []byte("x"), 0o600); err != nil {
		t.Fatal(err)
	}
}

func errText(err error) string {
	if err == nil {
		return ""
	}
	return err.Error()
}
