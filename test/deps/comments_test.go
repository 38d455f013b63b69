package deps

import (
	"go/ast"
	"go/parser"
	"go/token"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

// Every package has exactly one comment that says what it is for; two would be joined by godoc in the order of file names.
func TestEveryPackageHasOneComment(t *testing.T) {
	packages := 0
	for _, p := range list(t) {
		packages++
		var with []string
		for _, f := range files(t, p.Dir) {
			if f.doc {
				with = append(with, f.name)
			}
		}
		switch {
		case len(with) == 0:
			t.Errorf("%s has no package comment", p.ImportPath)
		case len(with) > 1:
			t.Errorf("%s has package comments in %s: one must do", p.ImportPath, strings.Join(with, " and "))
		}
	}
	if packages == 0 {
		t.Error("no package found")
	}
}

// file is one Go file of a folder.
type file struct {
	name string
	doc  bool // has a package comment
}

// files returns the Go files of a package: those of its tests only where there are no others.
func files(t *testing.T, dir string) []file {
	t.Helper()
	names, err := filepath.Glob(filepath.Join(dir, "*.go"))
	if err != nil {
		t.Fatal(err)
	}
	var code, tests []file
	for _, name := range names {
		src, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		parsed, err := parser.ParseFile(token.NewFileSet(), name, src, parser.PackageClauseOnly|parser.ParseComments)
		if err != nil {
			t.Fatal(err)
		}
		f := file{name: filepath.Base(name), doc: hasDoc(parsed)}
		if strings.HasSuffix(name, "_test.go") {
			tests = append(tests, f)
		} else {
			code = append(code, f)
		}
	}
	if len(code) > 0 {
		return code
	}
	return tests
}

// hasDoc reports whether the file's package comment says something: directives alone do not.
func hasDoc(f *ast.File) bool { return f.Doc != nil && strings.TrimSpace(f.Doc.Text()) != "" }
