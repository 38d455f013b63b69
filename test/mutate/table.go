package main

import (
	"fmt"
	"os"
	"strings"
)

// document is where the table lives, between two marks.
const (
	document = "docs/testing.md"
	begin    = "<!-- mutations: begin -->\n"
	end      = "<!-- mutations: end -->\n"
)

// writeTable puts the results into the document.
func writeTable(results []result) error {
	content, err := os.ReadFile(document)
	if err != nil {
		return err
	}
	before, rest, found := strings.Cut(string(content), begin)
	_, after, closed := strings.Cut(rest, end)
	if !found || !closed {
		return fmt.Errorf("write the table: %s has no marks for it", document)
	}
	return os.WriteFile(document, []byte(before+begin+table(results)+end+after), 0o644)
}

// table is the results as Markdown.
func table(results []result) string {
	var b strings.Builder
	b.WriteString("| broken | how | noticed by |\n| --- | --- | --- |\n")
	for _, r := range results {
		noticed := "`" + r.noticed + "`"
		if r.noticed == "" {
			noticed = "**nobody**"
		}
		fmt.Fprintf(&b, "| %s | %s | %s |\n", r.leg, r.name, noticed)
	}
	return b.String()
}
