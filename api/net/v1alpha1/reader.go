package v1alpha1

import (
	"encoding/json"
	"fmt"
	"iter"
	"maps"
	"math"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// reader reads one value of a parsed JSON document and knows where it stands, so that every problem gets its path. A null is a wrong
// type: whoever wrote "from: null" did not write "from everybody".
type reader struct {
	found *problems
	path  *field.Path
	value any
}

func (r reader) child(name string, value any) reader {
	return reader{found: r.found, path: r.path.Child(name), value: value}
}

// fields yields the fields of an object that are known, in the order given, and complains of all others.
func (r reader) fields(known ...string) iter.Seq2[string, reader] {
	object, ok := r.value.(map[string]any)
	if !ok {
		r.wrongType("an object")
	}
	return func(yield func(string, reader) bool) {
		for _, name := range known {
			if value, found := object[name]; found && !yield(name, r.child(name, value)) {
				return
			}
		}
		r.refuseUnknown(object, known)
	}
}

func (r reader) refuseUnknown(object map[string]any, known []string) {
	for _, name := range slices.Sorted(maps.Keys(object)) {
		if r.found.full() {
			return
		}
		if !slices.Contains(known, name) {
			r.found.add(field.Forbidden(r.path.Child(shorten(name)), "unknown field; the fields here are "+strings.Join(known, ", ")))
		}
	}
}

// entries yields the entries of a list of at most limit entries; a longer list is complained of and not read.
func (r reader) entries(limit int) iter.Seq[reader] {
	list, ok := r.value.([]any)
	if !ok {
		r.wrongType("a list")
	}
	if len(list) > limit {
		r.found.add(field.TooMany(r.path, len(list), limit))
		list = nil
	}
	return func(yield func(reader) bool) {
		for i, value := range list {
			if r.found.full() || !yield(reader{found: r.found, path: r.path.Index(i), value: value}) {
				return
			}
		}
	}
}

// labels reads a plain label map; nil when the value is not one.
func (r reader) labels() *map[string]string {
	object, ok := r.value.(map[string]any)
	if !ok {
		r.wrongType("an object of labels")
		return nil
	}
	labels := make(map[string]string, len(object))
	sound := true
	for _, key := range slices.Sorted(maps.Keys(object)) {
		value, ok := object[key].(string)
		if !ok {
			r.child(shorten(key), object[key]).wrongType("a string" + selectorHint(key))
			sound = false
		}
		labels[key] = value
	}
	if !sound {
		return nil
	}
	return &labels
}

// selectorHint helps whoever writes a label selector of networking.k8s.io/v1 here.
func selectorHint(key string) string {
	if key == "matchLabels" || key == "matchExpressions" {
		return ": this API takes a plain map of labels, without " + key
	}
	return ""
}

func (r reader) text() *string {
	text, ok := r.value.(string)
	if !ok {
		r.wrongType("a string")
		return nil
	}
	return &text
}

// intOrString reads a port's number or name; nil when the value is neither. Numbers that do not fit 32 bits are complained
// of here, because the typed value could not hold them and would wrap.
func (r reader) intOrString() *intstr.IntOrString {
	if text, ok := r.value.(string); ok {
		value := intstr.FromString(text)
		return &value
	}
	number, ok := integer(r.value)
	if !ok {
		r.wrongType("an integer or a string")
		return nil
	}
	if number < math.MinInt32 || number > math.MaxInt32 {
		r.found.add(field.Invalid(r.path, number, "must be between 1 and 65535, inclusive"))
		return nil
	}
	value := intstr.FromInt32(int32(number))
	return &value
}

// integer reads an integer in the forms in which parsers of JSON and YAML hand them over.
func integer(value any) (int64, bool) {
	switch number := value.(type) {
	case int64:
		return number, true
	case int:
		return int64(number), true
	case int32:
		return int64(number), true
	case float64:
		// Floats beyond 2^53 are no exact integers, and none of them is a port.
		if number == math.Trunc(number) && math.Abs(number) < 1<<53 {
			return int64(number), true
		}
	case json.Number:
		exact, err := number.Int64()
		return exact, err == nil
	}
	return 0, false
}

// wrongType complains of a value whose type is not the one wanted.
func (r reader) wrongType(want string) {
	r.found.add(field.TypeInvalid(r.path, shown(r.value), "must be "+want+", not "+kindOf(r.value)))
}

// shown is how a value of a wrong type is printed in a message: scalars as they are, containers not at all.
func shown(value any) any {
	switch value := value.(type) {
	case map[string]any, []any, nil:
		return field.OmitValueType{}
	case string:
		return shorten(value)
	}
	return value
}

func kindOf(value any) string {
	switch value.(type) {
	case nil:
		return "null"
	case map[string]any:
		return "an object"
	case []any:
		return "a list"
	case string:
		return "a string"
	case bool:
		return "a boolean"
	}
	if _, ok := integer(value); ok {
		return "an integer"
	}
	return fmt.Sprintf("a number with a fraction or beyond any port (%T)", value)
}
