package main

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
)

// mutation is one way to break the code.
type mutation struct {
	leg  string // "evaluator", "compiler" or "program"
	name string
	file string // below the root of the repository
	// old is the text to break, which occurs once in the file, and new what takes its place.
	old, new string
	// suites are the arguments of the "go test" runs that should notice, tried in order.
	suites []string
}

// result is how a mutation went.
type result struct {
	mutation
	noticed string // the test that failed first; empty: none
	trouble string // why nobody noticed
}

// failed finds the tests that failed in the output of go test.
var failed = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// try breaks the code and runs the suites until one of them notices.
func (m mutation) try(ctx context.Context) result {
	r := result{mutation: m, trouble: "every test passed"}
	folder, err := os.MkdirTemp("", "mutate")
	if err != nil {
		r.trouble = err.Error()
		return r
	}
	defer os.RemoveAll(folder)
	overlay, err := m.overlay(ctx, folder)
	if err != nil {
		r.trouble = err.Error()
		return r
	}
	for _, suite := range m.suites {
		out, err := goTest(ctx, overlay, suite)
		found := failed.FindStringSubmatch(out)
		switch {
		case err == nil:
		case found != nil:
			r.noticed = found[1]
			return r
		default:
			// A mutant that does not compile, or a suite that dies, proves nothing about tests.
			r.trouble = fmt.Sprintf("go test %s: %v\n%s", suite, err, tail(out))
			return r
		}
	}
	return r
}

func goTest(ctx context.Context, overlay, suite string) (string, error) {
	arguments := append([]string{"test", "-count=1", "-failfast", "-timeout=5m", "-overlay", overlay}, strings.Fields(suite)...)
	cmd := exec.CommandContext(ctx, "go", arguments...)
	out, err := cmd.CombinedOutput()
	return string(out), err
}

func tail(out string) string { return out[max(0, len(out)-2000):] }

// overlay writes the broken file, and the list by which the go command finds it.
func (m mutation) overlay(ctx context.Context, folder string) (string, error) {
	broken, err := m.broken()
	if err != nil {
		return "", err
	}
	replaced, content := m.file, filepath.Join(folder, filepath.Base(m.file))
	if strings.Contains(m.file, "/bpf/") {
		replaced = object
		if content, err = compileProgram(ctx, folder, filepath.Base(m.file), broken); err != nil {
			return "", err
		}
	} else if err := os.WriteFile(content, broken, 0o644); err != nil {
		return "", err
	}
	absolute, err := filepath.Abs(replaced)
	if err != nil {
		return "", err
	}
	list, err := json.Marshal(map[string]map[string]string{"Replace": {absolute: content}})
	if err != nil {
		return "", err
	}
	path := filepath.Join(folder, "overlay.json")
	return path, os.WriteFile(path, list, 0o644)
}

// broken returns the file's content with the text replaced.
func (m mutation) broken() ([]byte, error) {
	content, err := os.ReadFile(m.file)
	if err != nil {
		return nil, err
	}
	if n := bytes.Count(content, []byte(m.old)); n != 1 {
		return nil, fmt.Errorf("%s: the text to break occurs %d times in %s, not once", m.name, n, m.file)
	}
	return bytes.Replace(content, []byte(m.old), []byte(m.new), 1), nil
}
