package e2e

import (
	"bufio"
	"os/exec"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"
)

// rows are the measured rows of a demonstration's tables, without spacing and the numbers of notes.
func rows(output string) []string {
	var list []string
	numbers := regexp.MustCompile(`✗ \d+`)
	for line := range strings.Lines(output) {
		fields := strings.Fields(numbers.ReplaceAllString(line, "✗"))
		if len(fields) == 5 && (strings.HasPrefix(fields[0], "tenant-") || fields[0] == "node1") {
			list = append(list, strings.Join(fields, " "))
		}
	}
	return list
}

// wantRows are the four tables: open, isolated, pol1 posted, pol1 deleted.
var wantRows = []string{
	"tenant-a/frontend · ✓ ✓ ✓", "tenant-a/backend ✓ · · ✓", "tenant-b/outsider ✓ ✓ ✓ ·", "node1 ✓ ✓ ✓ ✓",
	"tenant-a/frontend · ✗ ✗ ✓", "tenant-a/backend ✗ · · ✓", "tenant-b/outsider ✗ ✗ ✗ ·", "node1 ✓ ✓ ✓ ✓",
	"tenant-a/frontend · ✓ ✗ ✓", "tenant-a/backend ✗ · · ✓", "tenant-b/outsider ✗ ✗ ✗ ·", "node1 ✓ ✓ ✓ ✓",
	"tenant-a/frontend · ✗ ✗ ✓", "tenant-a/backend ✗ · · ✓", "tenant-b/outsider ✗ ✗ ✗ ·", "node1 ✓ ✓ ✓ ✓",
}

func checkDemo(t *testing.T, args ...string) {
	t.Helper()
	code, out, errOut := run(t, standalone(append([]string{"demo", "--exit"}, args...)...))
	if code != 0 {
		t.Errorf("demo ends with code %d\n%s%s", code, out, errOut)
	}
	if got, want := strings.Join(rows(out), "\n"), strings.Join(wantRows, "\n"); got != want {
		t.Errorf("tables\n%s\nwant\n%s\nwhole output\n%s%s", got, want, out, errOut)
	}
	if n := strings.Count(out, "from the API write to the first changed packet"); n != 3 {
		t.Errorf("%d steps have a time, want 3\n%s", n, out)
	}
}

// TestDemo runs the demonstration twice at the same time, with data folders of their own.
func TestDemo(t *testing.T) {
	var wait sync.WaitGroup
	wait.Go(func() { checkDemo(t, "--data-dir", t.TempDir()) })
	wait.Go(func() { checkDemo(t) })
	wait.Wait()
	checkUntouched(t)
}

// TestDemoKilled kills a demonstration while its pods run, and a second one right after it has started; the next one is as good as the first and
// leaves nothing.
func TestDemoKilled(t *testing.T) {
	for _, moment := range []string{"pods ready", "network ready"} {
		cmd := standalone("demo")
		kill(t, cmd, moment)
		checkDemo(t)
		checkUntouched(t)
	}
}

// kill starts the command and kills it -9 when its stderr says the word.
func kill(t *testing.T, cmd *exec.Cmd, word string) {
	t.Helper()
	stderr, err := cmd.StderrPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	// Were the word never to come, the command would not end either.
	timer := time.AfterFunc(startTime, func() { _ = cmd.Process.Kill() })
	defer timer.Stop()
	said := false
	for lines := bufio.NewScanner(stderr); lines.Scan(); {
		if strings.Contains(lines.Text(), word) {
			said = true
			break
		}
	}
	children := descendants(t, cmd.Process.Pid)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	_ = cmd.Wait() // killed
	if !said {
		t.Fatalf("%s never said %q", cmd, word)
	}
	checkGone(t, children)
}
