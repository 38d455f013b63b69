package manifest

import (
	"fmt"
	"strconv"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// At returns the position of a field, such as "spec.egress[0].to[1].ipBlock" or "metadata.labels[app]"; of a field that was not written,
// that of the nearest enclosing one that was.
func (o *Object) At(field string) Position {
	position := o.Position
	for v := o.value; v != nil && field != ""; {
		var line int
		v, line, field = v.step(field)
		if v != nil {
			position.Line = line
		}
	}
	return position
}

// step follows the first part of a path, and returns the rest of the path; nil when there is no such part.
func (v *value) step(path string) (*value, int, string) {
	if index, rest, found := strings.Cut(strings.TrimPrefix(path, "["), "]"); found && path[0] == '[' {
		rest = strings.TrimPrefix(rest, ".")
		if f := v.field(index); f != nil {
			return f.value, f.line, rest
		}
		if i, err := strconv.Atoi(index); err == nil && 0 <= i && i < len(v.entries) {
			return v.entries[i], v.entries[i].line, rest
		}
		return nil, 0, ""
	}
	// Names may hold dots: the longest that fits is meant.
	var best *fieldValue
	for i := range v.fields {
		f := &v.fields[i]
		rest, fits := strings.CutPrefix(path, f.name)
		if fits && (rest == "" || rest[0] == '.' || rest[0] == '[') && (best == nil || len(f.name) > len(best.name)) {
			best = f
		}
	}
	if best == nil {
		return nil, 0, ""
	}
	return best.value, best.line, strings.TrimPrefix(path[len(best.name):], ".")
}

// Nulls returns the paths of the fields and list entries in which nothing was written, such as "spec.ingress[0].from", in the order in which they were
// written. To the types of an API they are absent.
func (o *Object) Nulls() []string { return o.value.nulls("", nil) }

// nulls appends the paths of all nulls in the value, which stands at that path.
func (v *value) nulls(path string, to []string) []string {
	if v.kind == scalarValue && v.scalar == nil {
		return append(to, path)
	}
	for _, f := range v.fields {
		to = f.nulls(join(path, f.name), to)
	}
	for i, entry := range v.entries {
		to = entry.nulls(fmt.Sprintf("%s[%d]", path, i), to)
	}
	return to
}

// refKey is a policy.Ref without the value of an annotation.
type refKey struct {
	kind            policy.Kind
	namespace, name string
}

func keyOf(ref policy.Ref) refKey {
	if ref.Kind == policy.KindNamespaceIsolation {
		return refKey{ref.Kind, ref.Namespace, ""}
	}
	return refKey{ref.Kind, ref.Namespace, ref.Name}
}

// ObjectOf returns the object that a policy was made from, which for the isolation of a namespace is the namespace; nil when there is none.
func (w *World) ObjectOf(ref policy.Ref) *Object { return w.byRef[keyOf(ref)] }
