package cli

import (
	"bytes"
	"io"
	"os"
	"strconv"
	"strings"
	"testing"

	"github.com/spf13/cobra"
)

// commandsOf returns a command and all below it that help shows.
func commandsOf(c *cobra.Command) []*cobra.Command {
	all := []*cobra.Command{c}
	for _, below := range c.Commands() {
		if below.IsAvailableCommand() && below.Name() != "help" {
			all = append(all, commandsOf(below)...)
		}
	}
	return all
}

// whole returns the command line with what cobra adds when it runs.
func whole() *cobra.Command {
	root := New(strings.NewReader(""), io.Discard, io.Discard)
	root.InitDefaultHelpCmd()
	root.InitDefaultCompletionCmd()
	return root
}

// TestExamples runs every line of every Example that starts with "hedgerow", in the root of the repository, and requires the exit code that the line
// ends with, as "# exit 1"; without one, 0.
func TestExamples(t *testing.T) {
	t.Chdir("../..")
	for _, c := range commandsOf(whole()) {
		if c.Example == "" && c.Runnable() && c.Parent().Name() != "completion" {
			t.Errorf("%s has no example", c.CommandPath())
		}
		for line := range strings.Lines(c.Example) {
			line = strings.TrimSpace(line)
			if strings.HasPrefix(line, "hedgerow ") {
				t.Run(line, func(t *testing.T) { runExample(t, line) })
			}
		}
	}
}

func runExample(t *testing.T, line string) {
	line, comment, _ := strings.Cut(line, "#")
	want := 0
	if text, is := strings.CutPrefix(strings.TrimSpace(comment), "exit "); is {
		var err error
		if want, err = strconv.Atoi(text); err != nil {
			t.Fatal(err)
		}
	}
	line, _, _ = strings.Cut(line, ">") // where a shell would write it
	line, input, _ := strings.Cut(line, "<")
	var stdin []byte
	if input = strings.TrimSpace(input); input != "" {
		var err error
		if stdin, err = os.ReadFile(input); err != nil {
			t.Fatal(err)
		}
	}
	var out, talk bytes.Buffer
	got := Run(bytes.NewReader(stdin), &out, &talk, words(line)[1:]...)
	if got != want {
		t.Errorf("exit code %d, want %d\n%s%s", got, want, &out, &talk)
	}
	if out.Len() == 0 {
		t.Errorf("printed nothing on stdout, and on stderr\n%s", &talk)
	}
}
