package cli

import (
	"bytes"
	"flag"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
)

var update = flag.Bool("update", false, "write what is printed into testdata and docs")

// TestScripts runs the commands of testdata/*.txtar. Each archive holds manifests, and a file "script" with lines "$ hedgerow …" (maybe ending in
// "< FILE"), each followed by what it prints: stdout as it is, stderr behind "! ", and the exit code.
func TestScripts(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) { commands += runScript(t, path) })
	}
	if commands < 40 {
		t.Errorf("only %d commands were run", commands)
	}
}

func runScript(t *testing.T, path string) int {
	archive, err := txtar.ParseFile(path)
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	var script *txtar.File
	for i, f := range archive.Files {
		if f.Name == "script" {
			script = &archive.Files[i]
			continue
		}
		if err := os.MkdirAll(filepath.Dir(f.Name), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(f.Name, f.Data, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if script == nil {
		t.Fatal("there is no script")
	}
	commands := 0
	var got bytes.Buffer
	for line := range strings.Lines(string(script.Data)) {
		if command, is := strings.CutPrefix(line, "$ hedgerow"); is {
			commands++
			got.WriteString(line)
			record(t, &got, command)
		}
	}
	if *update {
		script.Data = got.Bytes()
		if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
			t.Fatal(err)
		}
	}
	if diff := cmp.Diff(string(script.Data), got.String()); diff != "" {
		t.Errorf("printed other than the script says (-want +got; -update takes it over):\n%s", diff)
	}
	return commands
}

// progressLine is what a slow machine says besides.
var progressLine = regexp.MustCompile(`: \d+ of \d+\n$`)

// record runs a command and writes what it prints.
func record(t *testing.T, to *bytes.Buffer, command string) {
	t.Helper()
	command, input, _ := strings.Cut(command, "<")
	stdin := []byte(nil)
	if input = strings.TrimSpace(input); input != "" {
		var err error
		if stdin, err = os.ReadFile(input); err != nil {
			t.Fatal(err)
		}
	}
	var out, talk bytes.Buffer
	code := Run(bytes.NewReader(stdin), &out, &talk, words(command)...)
	to.Write(out.Bytes())
	for line := range strings.Lines(talk.String()) {
		if !progressLine.MatchString(line) {
			to.WriteString("! " + line)
		}
	}
	fmt.Fprintf(to, "exit %d\n", code)
}

// words splits a command line as a shell does, as far as examples need it: single quotes hold a word together.
func words(line string) []string {
	var all []string
	for i, part := range strings.Split(line, "'") {
		if i%2 == 1 {
			all = append(all, part)
		} else {
			all = append(all, strings.Fields(part)...)
		}
	}
	return all
}
