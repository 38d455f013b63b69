package cli

import (
	"bytes"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/spf13/cobra"
)

const referenceFolder = "../../docs/cli"

// TestReference: docs/cli says what the commands say of themselves.
func TestReference(t *testing.T) {
	want := map[string]string{}
	for _, c := range commandsOf(whole()) {
		if c.HasParent() && c.Parent().Name() == "completion" {
			continue // one page for all shells
		}
		want[pageName(c)] = page(c)
	}
	if *update {
		for name, text := range want {
			if err := os.WriteFile(filepath.Join(referenceFolder, name), []byte(text), 0o644); err != nil {
				t.Fatal(err)
			}
		}
	}
	entries, err := os.ReadDir(referenceFolder)
	if err != nil {
		t.Fatal(err)
	}
	for _, entry := range entries {
		if _, found := want[entry.Name()]; !found {
			t.Errorf("docs/cli/%s is about no command: remove it", entry.Name())
		}
	}
	for name, text := range want {
		got, err := os.ReadFile(filepath.Join(referenceFolder, name))
		if err != nil {
			t.Errorf("%v: run go generate ./internal/cli", err)
			continue
		}
		if diff := cmp.Diff(text, string(got)); diff != "" {
			t.Errorf("docs/cli/%s is stale: run go generate ./internal/cli (-commands +docs):\n%s", name, diff)
		}
	}
}

func pageName(c *cobra.Command) string { return strings.ReplaceAll(c.CommandPath(), " ", "_") + ".md" }

// page is the reference of one command, in Markdown.
func page(c *cobra.Command) string {
	var b bytes.Buffer
	fmt.Fprintf(&b, "<!-- Generated from the command by go generate ./internal/cli. -->\n# %s\n\n", c.CommandPath())
	if c.Example != "" {
		fmt.Fprintf(&b, "%s.\n\n```sh\n%s\n```\n\n", c.Short, strings.TrimRight(unindent(c.Example), "\n"))
	}
	if c.Runnable() {
		fmt.Fprintf(&b, "Usage: `%s`\n\n", c.UseLine())
	}
	if c.Long != "" {
		fmt.Fprintf(&b, "```text\n%s\n```\n\n", strings.TrimSpace(c.Long))
	}
	if c.HasAvailableLocalFlags() {
		fmt.Fprintf(&b, "## Flags\n\n```text\n%s```\n\n", c.LocalFlags().FlagUsagesWrapped(90))
	}
	for _, g := range c.Groups() {
		fmt.Fprintf(&b, "## %s\n\n", strings.TrimSuffix(g.Title, ":"))
		below := slices.DeleteFunc(slices.Clone(c.Commands()), func(c *cobra.Command) bool { return c.GroupID != g.ID || !c.IsAvailableCommand() || c.Name() == "help" })
		for _, c := range below {
			fmt.Fprintf(&b, "- [%s](%s): %s\n", c.CommandPath(), pageName(c), c.Short)
		}
		b.WriteByte('\n')
	}
	return strings.TrimRight(b.String(), "\n") + "\n"
}

// unindent takes away the two blanks that help puts before examples.
func unindent(text string) string {
	var b strings.Builder
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimPrefix(line, "  "))
	}
	return b.String()
}
