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
