package cli

import (
	"fmt"
	"os"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// docs/lint.md lists every code with its severity and title, and explains it.
func TestLintDoc(t *testing.T) {
	data, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	var want, explained []string
	for _, k := range lint.Kinds() {
		want = append(want, fmt.Sprintf("| [%s](#%s) | %s | %s |", k.Code, strings.ToLower(string(k.Code)), k.Severity, k.Title))
		explained = append(explained, "### "+string(k.Code))
	}
	if diff := cmp.Diff(want, regexp.MustCompile(`(?m)^\| \[HR.*$`).FindAllString(string(data), -1)); diff != "" {
		t.Errorf("the table of docs/lint.md (-code +docs):\n%s", diff)
	}
	if diff := cmp.Diff(explained, regexp.MustCompile(`(?m)^### HR.*$`).FindAllString(string(data), -1)); diff != "" {
		t.Errorf("the explanations of docs/lint.md (-code +docs):\n%s", diff)
	}
	if !strings.Contains(string(data), lintAnnotation+": ") {
		t.Errorf("docs/lint.md does not name the annotation %s", lintAnnotation)
	}
}

// The example of docs/lint.md, with the files of testdata/lint-doc.
func TestLintDocExample(t *testing.T) {
	data, err := os.ReadFile("../../docs/lint.md")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, found := strings.Cut(string(data), "\n    $ hedgerow ")
	command, rest, _ := strings.Cut(rest, "\n")
	if !found {
		t.Fatal("docs/lint.md has no example")
	}
	var want strings.Builder
	for line := range strings.Lines(rest) {
		text, indented := strings.CutPrefix(line, "    ")
		if !indented {
			break
		}
		want.WriteString(text)
	}
	t.Chdir("testdata/lint-doc")
	var out, talk strings.Builder
	if code := Run(strings.NewReader(""), &out, &talk, words(command)...); code != exitNo || talk.Len() > 0 {
		t.Errorf("hedgerow %s: exit code %d, want %d\n%s", command, code, exitNo, talk.String())
	}
	if diff := cmp.Diff(want.String(), out.String()); diff != "" {
		t.Errorf("hedgerow %s (-docs +got):\n%s", command, diff)
	}
}
