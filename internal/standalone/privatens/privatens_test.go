package privatens

import (
	"bufio"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

// folderVar makes the test binary enter, mount a bpffs in the folder it names, and stay.
const folderVar = "HEDGEROW_PRIVATENS_FOLDER"

func TestMain(m *testing.M) {
	folder := os.Getenv(folderVar)
	if folder == "" {
		os.Exit(m.Run())
	}
	if err := errors.Join(Enter(), MountBPF(folder)); err != nil {
		fmt.Println(err)
		os.Exit(1)
	}
	fmt.Println("mounted", os.Getpid())
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
}

func TestMountsStayInsideAndDie(t *testing.T) {
	if err := Require(); !errors.Is(err, ErrOutside) {
		t.Fatalf("Require outside: %v", err)
	}
	folder := filepath.Join(t.TempDir(), "bpf")
	before := read(t, "/proc/self/mountinfo")
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), folderVar+"="+folder)
	out, err := cmd.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	defer cmd.Wait() //nolint:errcheck // killed below
	defer cmd.Process.Kill()
	said, _ := bufio.NewReader(out).ReadString('\n')
	if want := fmt.Sprintln("mounted", cmd.Process.Pid); said != want {
		t.Fatalf("child said %q, want %q", said, want)
	}
	inside := read(t, fmt.Sprintf("/proc/%d/mountinfo", cmd.Process.Pid))
	if !strings.Contains(inside, folder+" ") {
		t.Errorf("bpffs is not mounted inside:\n%s", inside)
	}
	if diff := cmp.Diff(before, read(t, "/proc/self/mountinfo")); diff != "" {
		t.Errorf("the machine's mounts changed (-before +during):\n%s", diff)
	}
}

func TestInheritedMarkerDoesNotCount(t *testing.T) {
	t.Setenv(marker, "1")
	if err := Require(); !errors.Is(err, ErrOutside) {
		t.Errorf("Require with another process's marker: %v, want ErrOutside", err)
	}
	if err := MountBPF(filepath.Join(t.TempDir(), "bpf")); !errors.Is(err, ErrOutside) {
		t.Errorf("MountBPF outside: %v, want ErrOutside", err)
	}
}

func read(t *testing.T, path string) string {
	t.Helper()
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
