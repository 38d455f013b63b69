package supervise

import (
	"bufio"
	"context"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"os/signal"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// roleVar makes the test binary act as a child.
const roleVar = "HEDGEROW_SUPERVISE_ROLE"

func TestMain(m *testing.M) {
	role := os.Getenv(roleVar)
	if role == "" {
		os.Exit(m.Run())
	}
	if role == "stubborn" {
		signal.Ignore(syscall.SIGTERM)
	}
	fmt.Println(os.Getpid())
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
}

// start supervises a child; stop ends it and returns when Run has.
func start(t *testing.T, role string) (logFile string, stop func()) {
	t.Helper()
	spawner := spawn.New()
	ctx, cancel := context.WithCancel(context.Background())
	logFile = filepath.Join(t.TempDir(), "log")
	done := make(chan error, 1)
	go func() {
		done <- Run(ctx, spawner, Process{
			Name: role, LogFile: logFile, Grace: 100 * time.Millisecond, Logger: slog.New(slog.DiscardHandler),
			Command: func() *exec.Cmd {
				cmd := exec.Command("/proc/self/exe")
				cmd.Env = append(os.Environ(), roleVar+"="+role)
				return cmd
			},
		})
	}()
	stopped := false
	stop = func() {
		if stopped {
			return
		}
		stopped = true
		cancel()
		if err := <-done; err != nil {
			t.Errorf("Run: %v", err)
		}
		spawner.Close()
	}
	t.Cleanup(stop)
	return logFile, stop
}

// pids waits until the log names n processes.
func pids(t *testing.T, logFile string, n int) []int {
	t.Helper()
	for end := time.Now().Add(20 * time.Second); time.Now().Before(end); time.Sleep(2 * time.Millisecond) {
		var list []int
		f, err := os.Open(logFile)
		if err != nil {
			continue
		}
		for lines := bufio.NewScanner(f); lines.Scan(); {
			if pid, err := strconv.Atoi(lines.Text()); err == nil {
				list = append(list, pid)
			}
		}
		f.Close()
		if len(list) >= n {
			return list
		}
	}
	t.Fatalf("fewer than %d starts in time", n)
	return nil
}

func TestRestarts(t *testing.T) {
	logFile, stop := start(t, "willing")
	for i := 1; i <= 3; i++ {
		list := pids(t, logFile, i)
		if err := syscall.Kill(list[i-1], syscall.SIGKILL); err != nil {
			t.Fatal(err)
		}
	}
	last := pids(t, logFile, 4)[3]
	stop()
	if err := syscall.Kill(last, 0); err != syscall.ESRCH {
		t.Errorf("child is still there after Run returned: %v", err)
	}
}

func TestKillsWhatIgnoresSIGTERM(t *testing.T) {
	logFile, stop := start(t, "stubborn")
	pid := pids(t, logFile, 1)[0]
	stop()
	if err := syscall.Kill(pid, 0); err != syscall.ESRCH {
		t.Errorf("child is still there after Run returned: %v", err)
	}
}

func TestFirstStartFails(t *testing.T) {
	spawner := spawn.New()
	defer spawner.Close()
	err := Run(context.Background(), spawner, Process{
		Name: "nothing", LogFile: filepath.Join(t.TempDir(), "log"),
		Command: func() *exec.Cmd { return exec.Command("/nonexistent/program") },
	})
	if err == nil || !strings.Contains(err.Error(), "/nonexistent/program") {
		t.Errorf("got error %v, want one that names the program", err)
	}
}

func TestPauses(t *testing.T) {
	var got []time.Duration
	for pause, i := time.Duration(0), 0; i < 10; i++ {
		got = append(got, pause)
		pause = next(pause)
	}
	ms := time.Millisecond
	want := []time.Duration{0, 100 * ms, 200 * ms, 400 * ms, 800 * ms, 1600 * ms, 3200 * ms, 6400 * ms, 10000 * ms, 10000 * ms}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("pauses (-want +got):\n%s", diff)
	}
}
