package manifest

import (
	"io"

	"k8s.io/apimachinery/pkg/runtime/schema"
)

// Read reads manifests into a world, from what Files finds: files, folders, and "-" for stdin. An error of a manifest is an *Error: it says file and line.
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
	shapes shapes
	// unchecked: custom resources are taken as they are.
	unchecked bool
	// names holds each object by what must be unique.
	names map[objectName]*Object
}

func newReader() *reader {
	return &reader{
		world: &World{byRef: map[refKey]*Object{}}, shapes: shapes{}, names: map[objectName]*Object{},
	}
}

func (r *reader) all(paths []string, stdin io.Reader) (*World, error) {
	if err := Files("manifests", paths, stdin, r.file); err != nil {
		return nil, err
	}
	return r.finish()
}

func (r *reader) file(name string, data []byte) error {
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
