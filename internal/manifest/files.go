package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"
)

// Files hands over each file that the paths stand for, in order. A path is a file; a folder, which stands for every .yaml, .yml and .json file below it
// except hidden ones and kustomizations, and must hold one; or "-" for stdin. A file that is named twice counts once. what names them in errors: "manifests".
// The first error of visit ends it, and is returned as it is.
func Files(what string, paths []string, stdin io.Reader, visit func(name string, data []byte) error) error {
	w := walk{what: what, stdin: stdin, visit: visit, seen: map[string]bool{}}
	for _, path := range paths {
		w.found = false
		if err := w.path(path); err != nil {
			return err
		}
		if !w.found { // the wrong folder, of which everything would be true
			return fmt.Errorf("read %s: folder %s holds none: no file below it ends in .yaml, .yml or .json", what, path)
		}
	}
	return nil
}

// walk is one call of Files.
type walk struct {
	what  string
	stdin io.Reader
	visit func(name string, data []byte) error
	seen  map[string]bool // files and folders that were read, by their real path
	// found: the path that is being read holds a file, maybe one that was read before.
	found bool
}

func (w *walk) path(path string) error {
	if path == "-" {
		data, err := io.ReadAll(w.stdin)
		if err != nil {
			return fmt.Errorf("read %s from standard input: %w", w.what, err)
		}
		w.found = true
		return w.visit(path, data)
	}
	info, err := os.Stat(path)
	if err != nil {
		return w.fail(err)
	}
	if again, err := w.again(path); again || err != nil {
		return err
	}
	if info.IsDir() {
		return w.folder(path)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return w.fail(err)
	}
	w.found = true
	return w.visit(path, data)
}

func (w *walk) fail(err error) error { return fmt.Errorf("read %s: %w", w.what, err) }

// again reports whether the file or folder was read already, maybe by another name.
func (w *walk) again(path string) (bool, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return false, w.fail(err)
	}
	before := w.seen[real]
	w.seen[real] = true
	w.found = w.found || before
	return before, nil
}

func (w *walk) folder(path string) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return w.fail(err)
	}
	for _, entry := range entries {
		below := filepath.Join(path, entry.Name())
		info, err := os.Stat(below) // what a symbolic link leads to; editors leave hidden ones that lead nowhere
		if !isManifest(entry.Name(), err == nil && info.IsDir()) {
			continue
		}
		if err != nil {
			return w.fail(err)
		}
		if err := w.path(below); err != nil {
			return err
		}
	}
	return nil
}

// isManifest reports whether an entry of a folder is read by itself. Kustomizations are no objects, and may lack a kind.
func isManifest(name string, folder bool) bool {
	extension := filepath.Ext(name)
	base := strings.TrimSuffix(name, extension)
	switch {
	case strings.HasPrefix(name, "."):
		return false
	case folder:
		return true
	}
	return slices.Contains([]string{".yaml", ".yml", ".json"}, extension) && base != "kustomization"
}
