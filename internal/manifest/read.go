package manifest

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Read reads manifests into a world. A path is a file; a folder, which stands for every .yaml, .yml and .json file below it except hidden ones
// and kustomizations, and must hold one; or "-" for stdin. A file that is named twice counts once. An error of a manifest is an *Error: it says file and line.
func Read(paths []string, stdin io.Reader) (*World, error) {
	return newReader().all(paths, stdin)
}

// ReadUnchecked is Read for those who convert custom resources (the alpha API's policies and those of policy.networking.k8s.io) by themselves, as they
// come from an API server, which may hold what this version does not know: their Value is an *unstructured.Unstructured, unknown fields and wrong types
// included, and they are not among the world's Policies.
func ReadUnchecked(paths []string, stdin io.Reader) (*World, error) {
	r := newReader()
	r.unchecked = true
	return r.all(paths, stdin)
}

// Error is what is wrong in a manifest, and where.
type Error struct {
	Position Position
	// Message says, for people, what is wrong and, where that is known, what to write in its place.
	Message string
}

func (e *Error) Error() string { return e.Position.String() + ": " + e.Message }

// reader turns documents into objects, and those into a world.
type reader struct {
	world  *World
	seen   map[string]bool // files and folders that were read, by their real path
	shapes shapes
	// unchecked: custom resources are taken as they are.
	unchecked bool
	// found: the path that is being read holds a file with manifests, maybe one that was read before.
	found bool
	// names holds each object by what must be unique.
	names map[objectName]*Object
}

func newReader() *reader {
	return &reader{
		world: &World{byRef: map[refKey]*Object{}}, seen: map[string]bool{}, shapes: shapes{}, names: map[objectName]*Object{},
	}
}

func (r *reader) all(paths []string, stdin io.Reader) (*World, error) {
	for _, path := range paths {
		r.found = false
		if err := r.path(path, stdin); err != nil {
			return nil, err
		}
		if !r.found { // the wrong folder, of which everything would be true
			return nil, fmt.Errorf("read manifests: folder %s holds none: no file below it ends in .yaml, .yml or .json", path)
		}
	}
	return r.finish()
}

func (r *reader) path(path string, stdin io.Reader) error {
	if path == "-" {
		data, err := io.ReadAll(stdin)
		if err != nil {
			return fmt.Errorf("read manifests from standard input: %w", err)
		}
		return r.file(path, data)
	}
	info, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	if again, err := r.again(path); again || err != nil {
		return err
	}
	if info.IsDir() {
		return r.folder(path, stdin)
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	return r.file(path, data)
}

// again reports whether the file or folder was read already, maybe by another name.
func (r *reader) again(path string) (bool, error) {
	real, err := filepath.EvalSymlinks(path)
	if err == nil {
		real, err = filepath.Abs(real)
	}
	if err != nil {
		return false, fmt.Errorf("read manifests: %w", err)
	}
	before := r.seen[real]
	r.seen[real] = true
	r.found = r.found || before
	return before, nil
}

func (r *reader) folder(path string, stdin io.Reader) error {
	entries, err := os.ReadDir(path)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	for _, entry := range entries {
		below := filepath.Join(path, entry.Name())
		info, err := os.Stat(below) // what a symbolic link leads to; editors leave hidden ones that lead nowhere
		if !isManifest(entry.Name(), err == nil && info.IsDir()) {
			continue
		}
		if err != nil {
			return fmt.Errorf("read manifests: %w", err)
		}
		if err := r.path(below, stdin); err != nil {
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

func (r *reader) file(name string, data []byte) error {
	r.found = true
	documents, err := parse(name, data)
	if err != nil {
		return err
	}
	for _, document := range documents {
		if err := r.document(name, document, schema.GroupVersionKind{}); err != nil {
			return err
		}
	}
	return nil
}
