// Command report reads what "go test -json" prints and says it for people: a line per package, the output of failed tests, and a closing
// line with the counts. It fails when a test failed or was skipped, when a package did not build, and when no test ran at all.
package main

import (
	"bufio"
	"encoding/json"
	"flag"
	"fmt"
	"io"
	"os"
	"strings"
)

// event is one line of test2json (see "go doc test2json").
type event struct {
	Action, Package, Test, Output, ImportPath string
	Elapsed                                   float64
}

// report counts, and keeps the output of tests until it is known whether they failed.
type report struct {
	out                     io.Writer // nil: counts only
	passed, failed, skipped int
	broken                  int // packages that failed without a failed test: did not build, or died
	kept                    map[string]*strings.Builder
	failures                map[string]int // by package
}

func main() {
	summary := flag.Bool("summary", false, "print only the closing line")
	quiet := flag.Bool("quiet", false, "leave out the closing line")
	flag.Parse()
	r := &report{kept: map[string]*strings.Builder{}, failures: map[string]int{}}
	if !*summary {
		r.out = os.Stdout
	}
	if err := r.read(os.Stdin); err != nil {
		fmt.Fprintf(os.Stderr, "report: %v\n", err)
		os.Exit(2)
	}
	if !*quiet {
		fmt.Printf("%d passed, %d failed, %d skipped\n", r.passed, r.failed+r.broken, r.skipped)
	}
	if r.failed+r.broken+r.skipped > 0 || r.passed == 0 {
		os.Exit(1)
	}
}

func (r *report) read(in io.Reader) error {
	lines := bufio.NewScanner(in)
	lines.Buffer(nil, 1<<24)
	for lines.Scan() {
		var e event
		if json.Unmarshal(lines.Bytes(), &e) != nil {
			r.print("%s\n", lines.Text()) // the go command itself
			continue
		}
		r.take(&e)
	}
	return lines.Err()
}

func (r *report) take(e *event) {
	key := e.Package + " " + e.Test
	switch e.Action {
	case "output", "build-output":
		if e.Action == "build-output" {
			r.print("%s", e.Output)
			return
		}
		if r.kept[key] == nil {
			r.kept[key] = &strings.Builder{}
		}
		r.kept[key].WriteString(e.Output)
	case "pass", "fail", "skip":
		if e.Test == "" {
			r.endPackage(e, key)
		} else {
			r.endTest(e, key)
		}
		delete(r.kept, key)
	}
}

func (r *report) endTest(e *event, key string) {
	switch e.Action {
	case "pass":
		r.passed++
		return
	case "fail":
		r.failed++
		r.failures[e.Package]++
	case "skip":
		r.skipped++
	}
	r.print("--- %s %s %s\n", strings.ToUpper(e.Action), e.Package, e.Test)
	if r.kept[key] != nil {
		r.print("%s", r.kept[key])
	}
}

func (r *report) endPackage(e *event, key string) {
	if e.Action == "skip" {
		return // no test files
	}
	if e.Action == "fail" && r.failures[e.Package] == 0 {
		r.broken++
		if r.kept[key] != nil {
			r.print("%s", r.kept[key])
		}
	}
	r.print("%-5s %s (%.1f s)\n", map[string]string{"pass": "ok", "fail": "FAIL"}[e.Action], e.Package, e.Elapsed)
}

func (r *report) print(format string, args ...any) {
	if r.out != nil {
		fmt.Fprintf(r.out, format, args...)
	}
}
