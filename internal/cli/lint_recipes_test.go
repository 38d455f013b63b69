package cli

import (
	"context"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/policytest"
)

func recipes(t *testing.T) []string {
	t.Helper()
	folders, err := filepath.Glob("../../examples/recipes/*/policy.yaml")
	if err != nil || len(folders) != 14 {
		t.Fatalf("found %d recipes (%v), want 14", len(folders), err)
	}
	for i, f := range folders {
		folders[i] = filepath.Dir(f)
	}
	return folders
}

// The recipes that everybody begins with are no mistakes, with their pods or without.
func TestLintRecipes(t *testing.T) {
	for _, folder := range recipes(t) {
		for _, path := range []string{folder, filepath.Join(folder, "policy.yaml")} {
			var out, talk strings.Builder
			if code := Run(strings.NewReader(""), &out, &talk, "lint", "-f", path); code != exitYes || out.String() != "no findings\n" {
				t.Errorf("lint -f %s: exit code %d\n%s%s", path, code, out.String(), talk.String())
			}
		}
	}
}

// The tests of the recipes pass, and each of their cases that expects deny has one that shows that the destination is there.
func TestRecipesPass(t *testing.T) {
	for _, folder := range recipes(t) {
		tests, err := policytest.Read([]string{filepath.Join(folder, "test.yaml")}, strings.NewReader(""))
		if err != nil || len(tests) != 1 {
			t.Errorf("%s: found %d tests (%v), want 1", folder, len(tests), err)
			continue
		}
		report, err := policytest.Run(context.Background(), tests, policytest.Options{Warn: func(text string) { t.Error(text) }})
		if err != nil {
			t.Errorf("%s: %v", folder, err)
			continue
		}
		for _, result := range report.Tests {
			for i := range result.Cases {
				if c := &result.Cases[i]; !c.Passed() {
					t.Errorf("%s: case %q: got %s, want %s: %s", c.Case.Position, c.Case.Name, c.Got, c.Case.Expect, c.Decision)
				}
			}
		}
		if !report.Passed() {
			t.Errorf("%s: did not pass", folder)
		}
	}
}

// The commands of the recipes' README do what it says, and it names every recipe.
func TestRecipesReadme(t *testing.T) {
	data, err := os.ReadFile("../../examples/recipes/README.md")
	if err != nil {
		t.Fatal(err)
	}
	for _, folder := range recipes(t) {
		if link := "(" + filepath.Base(folder) + "/policy.yaml)"; !strings.Contains(string(data), link) {
			t.Errorf("examples/recipes/README.md does not link %s", link)
		}
	}
	t.Chdir("../..")
	commands := 0
	for line := range strings.Lines(string(data)) {
		if command, is := strings.CutPrefix(line, "    hedgerow "); is {
			commands++
			t.Run(strings.TrimSpace(command), func(t *testing.T) { runExample(t, "hedgerow "+strings.TrimSpace(command)) })
		}
	}
	if commands != 3 {
		t.Errorf("ran %d commands, want 3", commands)
	}
}

// Policies that are common and right are no findings, however they look.
func TestLintQuiet(t *testing.T) {
	paths, err := filepath.Glob("testdata/lint-quiet/*.yaml")
	if err != nil || len(paths) < 5 {
		t.Fatalf("found %d files (%v)", len(paths), err)
	}
	for _, path := range paths {
		var out, talk strings.Builder
		if code := Run(strings.NewReader(""), &out, &talk, "lint", "-f", path); code != exitYes {
			t.Errorf("lint -f %s: exit code %d\n%s%s", path, code, out.String(), talk.String())
		}
	}
}
