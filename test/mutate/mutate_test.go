package main

import (
	"os"
	"regexp"
	"strings"
	"testing"
)

// TestMain works in the root of the repository, as the command does.
func TestMain(m *testing.M) {
	if err := os.Chdir("../.."); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestEveryMutationApplies(t *testing.T) {
	if len(mutations) < 25 {
		t.Errorf("%d mutations, want 25 at least", len(mutations))
	}
	legs, names := map[string]int{}, map[string]bool{}
	for _, m := range mutations {
		legs[m.leg]++
		if names[m.leg+m.name] {
			t.Errorf("two mutations of the %s are called %q", m.leg, m.name)
		}
		names[m.leg+m.name] = true
		if _, err := m.broken(); err != nil {
			t.Error(err)
		}
		if m.old == m.new || len(m.suites) == 0 {
			t.Errorf("%s breaks nothing, or nothing is run", m.name)
		}
	}
	for _, leg := range []string{"evaluator", "compiler", "program"} {
		if legs[leg] < 5 {
			t.Errorf("%d mutations of the %s, want 5 at least", legs[leg], leg)
		}
	}
}

// TestTableIsComplete: the document tells of every mutation, of no other, and that each was noticed.
func TestTableIsComplete(t *testing.T) {
	content, err := os.ReadFile(document)
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(content), begin)
	written, _, _ := strings.Cut(rest, end)
	rows := regexp.MustCompile("(?m)^\\| (\\w+) \\| (.*) \\| `(.+)` \\|$").FindAllStringSubmatch(written, -1)
	if len(rows) != len(mutations) {
		t.Fatalf("the table in %s has %d rows of noticed mutations, want %d (go run ./test/mutate -write)", document, len(rows), len(mutations))
	}
	for i, m := range mutations {
		if rows[i][1] != m.leg || rows[i][2] != m.name {
			t.Errorf("row %d of the table is %q, want %q (go run ./test/mutate -write)", i+1, rows[i][0], m.name)
		}
	}
}

// TestNoticesAndDoesNot: a mutation that a test notices is told from one that none does, and from one that does not compile.
func TestNoticesAndDoesNot(t *testing.T) {
	m := mutation{
		leg: "evaluator", name: "pods of the host's network are selected", file: "policy/selector.go",
		old: "!pod.HostNetwork && ", new: "", suites: []string{"./policy -run ^$", "./policy"},
	}
	if r := m.try(t.Context()); r.noticed == "" {
		t.Errorf("not noticed: %s", r.trouble)
	}
	m.suites = m.suites[:1]
	if r := m.try(t.Context()); r.noticed != "" || r.trouble != "every test passed" {
		t.Errorf("noticed by %q, trouble %q; want that every test passed", r.noticed, r.trouble)
	}
	m.new = "no Go"
	if r := m.try(t.Context()); r.noticed != "" || !strings.Contains(r.trouble, "build failed") {
		t.Errorf("noticed by %q, trouble %q; want that the build failed", r.noticed, r.trouble)
	}
}
