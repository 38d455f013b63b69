package policytest

import (
	"bytes"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// Read reads the PolicyTests of files, of folders (every .yaml, .yml and .json file below them that holds one), and of "-", which is stdin.
// Documents of other kinds are left alone, so that a test may stand beside its manifests. An error about what is written is a
// *manifest.Error: it says file and line.
func Read(paths []string, stdin io.Reader) ([]*Test, error) {
	var tests []*Test
	for _, path := range paths {
		found, err := readPath(path, stdin)
		if err != nil {
			return nil, err
		}
		tests = append(tests, found...)
	}
	return tests, nil
}

func readPath(path string, stdin io.Reader) ([]*Test, error) {
	if path == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return nil, fmt.Errorf("read tests from standard input: %w", err)
		}
		return parse(path, data)
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	if info.IsDir() {
		return readFolder(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("read tests: %w", err)
	}
	return parse(path, data)
}

// readFolder reads the files below a folder that speak of a PolicyTest. Others may be anything, templates for example.
func readFolder(folder string) ([]*Test, error) {
	var tests []*Test
	err := filepath.WalkDir(folder, func(path string, entry fs.DirEntry, err error) error {
		switch {
		case err != nil:
			return fmt.Errorf("read tests: %w", err)
		case entry.IsDir() && path != folder && strings.HasPrefix(entry.Name(), "."):
			return fs.SkipDir
		case entry.IsDir() || strings.HasPrefix(entry.Name(), ".") || !slices.Contains([]string{".yaml", ".yml", ".json"}, filepath.Ext(path)):
			return nil
		}
		data, err := os.ReadFile(path)
		if err != nil {
			return fmt.Errorf("read tests: %w", err)
		}
		if !bytes.Contains(data, []byte(Kind)) {
			return nil
		}
		found, err := parse(path, data)
		tests = append(tests, found...)
		return err
	})
	return tests, err
}

// parse reads the tests of one file.
func parse(file string, data []byte) ([]*Test, error) {
	nodes, err := manifest.Documents(file, data)
	if err != nil {
		return nil, err
	}
	var tests []*Test
	for _, n := range nodes {
		t, err := readDocument(file, n)
		if err != nil {
			return nil, err
		}
		if t != nil {
			tests = append(tests, t)
		}
	}
	return tests, nil
}
