package cli

import (
	"bytes"
	"errors"
	"fmt"
	"strings"
	"testing"
	"unicode/utf8"
)

// runLine runs a command line and returns what it prints and its exit code.
func runLine(t *testing.T, line string) (out, talk string, code int) {
	t.Helper()
	var o, e bytes.Buffer
	code = Run(strings.NewReader(""), &o, &e, words(line)...)
	return o.String(), e.String(), code
}

func TestExitCodes(t *testing.T) {
	for _, test := range []struct {
		err  error
		code int
		talk string
	}{
		{nil, 0, ""},
		{errNo, 1, ""},
		{fmt.Errorf("about something: %w", errNo), 1, ""},
		{errors.New("a.yaml:3: no"), 2, "hedgerow: a.yaml:3: no\n"},
	} {
		var talk bytes.Buffer
		if code := exitCode(test.err, &talk); code != test.code || talk.String() != test.talk {
			t.Errorf("%v gives %d and says %q, want %d and %q", test.err, code, &talk, test.code, test.talk)
		}
	}
	if answer(true) != nil || !errors.Is(answer(false), errNo) {
		t.Error("answers are turned round")
	}
}

// TestHelp: every command's help puts its examples before usage and flags, its lines (but for commands to copy) are not too long to read, and every
// command is in a group.
func TestHelp(t *testing.T) {
	for _, c := range commandsOf(whole()) {
		line := strings.TrimPrefix(c.CommandPath()+" --help", "hedgerow ")
		out, talk, code := runLine(t, line)
		if code != 0 || talk != "" {
			t.Errorf("%s: exit code %d, stderr %q", line, code, talk)
		}
		for text := range strings.Lines(out) {
			if !strings.HasPrefix(text, "  hedgerow ") && utf8.RuneCountInString(text) > 91 {
				t.Errorf("%s prints a line that terminals break: %s", line, text)
			}
		}
		example, usage := strings.Index(out, "Examples:"), strings.Index(out, "Usage:")
		if usage < 0 || c.HasExample() != (example >= 0) || example > usage {
			t.Errorf("%s prints examples at %d and usage at %d:\n%s", line, example, usage, out)
		}
		if c.HasParent() && !c.Parent().HasParent() && c.GroupID == "" {
			t.Errorf("%s is in no group", c.CommandPath())
		}
	}
}

// TestNothingAsked: without a command there is help, not what the process itself was called with.
func TestNothingAsked(t *testing.T) {
	bare, talk, code := runLine(t, "")
	help, _, _ := runLine(t, "--help")
	if code != 0 || talk != "" || bare != help {
		t.Errorf("exit code %d, stderr %q, stdout\n%s", code, talk, bare)
	}
}

func TestCompletionScripts(t *testing.T) {
	for _, shell := range []string{"bash", "zsh", "fish", "powershell"} {
		out, talk, code := runLine(t, "completion "+shell)
		if code != 0 || talk != "" || !strings.Contains(out, "__complete") {
			t.Errorf("completion %s: exit code %d, stderr %q, and on stdout %d bytes", shell, code, talk, len(out))
		}
	}
}

func TestVersion(t *testing.T) {
	out, _, code := runLine(t, "version")
	if code != 0 || !strings.HasPrefix(out, "hedgerow ") || strings.Count(out, "\n") != 1 {
		t.Errorf("exit code %d, printed %q", code, out)
	}
}

// full is a writer whose disk is full.
type full struct{}

func (full) Write([]byte) (int, error) { return 0, errors.New("no space left") }

// TestOutputThatFails: an answer that could not be printed is no answer.
func TestOutputThatFails(t *testing.T) {
	t.Chdir("../..")
	for _, form := range []string{"text", "json"} {
		var talk bytes.Buffer
		code := Run(strings.NewReader(""), full{}, &talk, "explain", "-f", "examples/tenant-a/tenants.yaml", "-o", form, "tenant-a/frontend", "tenant-a/backend:80")
		if code != 2 || !strings.Contains(talk.String(), "no space left") {
			t.Errorf("-o %s: exit code %d, said %q", form, code, &talk)
		}
	}
}
