// Package docs runs what README and documents show: every command line of hedgerow in a block of code, in the root of the repository. It requires the
// exit code that the line ends with ("# exit 1"; otherwise 0) and, after a "$ ", exactly the output that follows. Commands of a running
// cluster are not run here but by test/e2e, which reads them from the same documents.
package docs

import (
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// TestMain works in the root of the repository, with the binaries of HEDGEROW_BIN first in PATH.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	bin := os.Getenv("HEDGEROW_BIN")
	if bin == "" {
		bin, _ = filepath.Abs("bin")
	}
	os.Setenv("PATH", bin+string(os.PathListSeparator)+os.Getenv("PATH"))
	os.Exit(m.Run())
}

// documents are those for people. The reference in docs/cli repeats the commands' own examples, which have a test.
func documents(t *testing.T) []string {
	t.Helper()
	found := []string{"README.md"}
	for _, pattern := range []string{"docs/*.md", "examples/*.md", "examples/*/*.md"} {
		more, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found = append(found, more...)
	}
	return found
}

func TestCommands(t *testing.T) {
	shown := map[string]int{}
	for _, path := range documents(t) {
		content, err := os.ReadFile(path)
		if err != nil {
			t.Fatal(err)
		}
		for _, c := range commands(string(content)) {
			shown[path]++
			t.Run(path+": "+c.line, func(t *testing.T) { c.run(t) })
		}
	}
	for _, path := range []string{"README.md", "docs/lint.md", "examples/recipes/README.md"} {
		if shown[path] == 0 {
			t.Errorf("%s shows no command of hedgerow", path)
		}
	}
}

// command is one command line of a document.
type command struct {
	line string
	code int
	// output is what must be printed, if shows; otherwise anything.
	output string
	shows  bool
}

var (
	// ours are the lines that are run: by name, from bin/, as root or not.
	ours = regexp.MustCompile(`^(\$ )?((?:sudo )?(?:bin/)?hedgerow .*)$`)
	exit = regexp.MustCompile(`\s*# exit (\d+)$`)
	note = regexp.MustCompile(`\s+#\s.*$`)
)

// commands finds the command lines in the indented and fenced blocks of a document.
func commands(document string) []command {
	var found []command
	fenced, showing := false, false
	for line := range strings.Lines(document) {
		line = strings.TrimRight(line, "\n")
		text, indented := strings.CutPrefix(line, "    ")
		switch {
		case strings.HasPrefix(line, "```"):
			fenced, showing = !fenced, false
			continue
		case fenced:
			text = line
		case line == "" && showing:
			found[len(found)-1].output += "\n"
			continue
		case !indented:
			showing = false
			continue
		}
		if match := ours.FindStringSubmatch(text); match != nil {
			showing = match[1] != ""
			found = append(found, newCommand(match[2], showing))
		} else if showing {
			found[len(found)-1].output += text + "\n"
		}
	}
	return found
}

func newCommand(line string, shows bool) command {
	c := command{shows: shows}
	if match := exit.FindStringSubmatch(line); match != nil {
		c.code, _ = strconv.Atoi(match[1])
		line = exit.ReplaceAllString(line, "")
	}
	line = note.ReplaceAllString(line, "")
	c.line = strings.TrimPrefix(strings.TrimPrefix(line, "sudo "), "bin/")
	return c
}

func (c command) run(t *testing.T) {
	t.Helper()
	var talk strings.Builder
	cmd := exec.Command("bash", "-c", c.line)
	cmd.Stderr = &talk
	out, err := cmd.Output()
	var exited *exec.ExitError
	if err != nil && !errors.As(err, &exited) {
		t.Fatal(err)
	}
	if got := cmd.ProcessState.ExitCode(); got != c.code {
		t.Errorf("exit code %d, want %d\n%s%s", got, c.code, out, &talk)
	}
	if diff := cmp.Diff(strings.TrimRight(c.output, "\n"), strings.TrimRight(string(out), "\n")); c.shows && diff != "" {
		t.Errorf("output differs (-document +command):\n%s", diff)
	}
}

func TestCommandsAreFound(t *testing.T) {
	got := commands("text hedgerow no\n\n    hedgerow a   # why\n    sudo bin/hedgerow b # exit 1\n\n    $ hedgerow c\n    one\n\n    two\n\nend\n\n```\n$ hedgerow d\nx\n```\n    hedgerow-standalone e\n")
	want := []command{{line: "hedgerow a"}, {line: "hedgerow b", code: 1}, {line: "hedgerow c", output: "one\n\ntwo\n\n", shows: true}, {line: "hedgerow d", output: "x\n", shows: true}}
	if diff := cmp.Diff(want, got, cmp.AllowUnexported(command{})); diff != "" {
		t.Error(diff)
	}
}
