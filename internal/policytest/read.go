package policytest

import (
	"bytes"
	"io"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// Read reads the PolicyTests of files, of folders, and of "-", which is stdin, as manifest.Files finds them. Documents of other kinds are left alone, so that
// a test may stand beside its manifests; of folders also files that do not speak of a PolicyTest, which may be anything, templates for example. An error about what
// is written is a *manifest.Error: it says file and line.
func Read(paths []string, stdin io.Reader) ([]*Test, error) {
	var tests []*Test
	err := manifest.Files("tests", paths, stdin, func(name string, data []byte) error {
		if !slices.Contains(paths, name) && !bytes.Contains(data, []byte(Kind)) {
			return nil
		}
		found, err := parse(name, data)
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
