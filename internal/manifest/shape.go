package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"math"
	"reflect"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// shapes holds the fields of struct types, by their names in JSON.
type shapes map[reflect.Type]map[string]reflect.Type

// check compares values with the types of an API.
type check struct {
	shapes shapes
	file   string
	// strict refuses fields that the type does not have. metadata is always strict: it is what labels and names stand in.
	strict bool
}

func (c check) fail(line int, format string, args ...any) error {
	return &Error{Position{c.file, line}, fmt.Sprintf(format, args...)}
}

// wrong is the error about a value of the wrong type.
func (c check) wrong(v *value, path, want string) error {
	hint := ""
	if _, isText := v.scalar.(string); want == "a string" && v.kind == scalarValue && !isText {
		hint = " (in YAML write it in quotes)"
	}
	return c.fail(v.line, "%s must be %s, not %s%s", path, want, v.words(), hint)
}

var (
	unmarshaler = reflect.TypeFor[json.Unmarshaler]()
	metaTypes   = []string{"ObjectMeta", "TypeMeta"}
)

// value reports the first value in v that does not fit the type. null fits every type and is as if it were absent, as in the API.
func (c check) value(v *value, t reflect.Type, path string) error {
	for t.Kind() == reflect.Pointer {
		t = t.Elem()
	}
	if v.kind == scalarValue && v.scalar == nil {
		return nil
	}
	if reflect.PointerTo(t).Implements(unmarshaler) {
		return c.own(v, t, path)
	}
	switch t.Kind() {
	case reflect.Struct:
		return c.object(v, t, path)
	case reflect.Slice:
		return c.list(v, t, path)
	case reflect.Map:
		return c.mapping(v, t, path)
	case reflect.Interface:
		return nil
	}
	return c.scalar(v, t, path)
}

// own lets a type with a form of its own, such as a port that is a number or a name, read the value.
func (c check) own(v *value, t reflect.Type, path string) error {
	data, err := json.Marshal(v.plain())
	if err == nil {
		err = json.Unmarshal(data, reflect.New(t).Interface())
	}
	if err == nil {
		return nil
	}
	switch t.Name() {
	case "IntOrString":
		return c.wrong(v, path, "an integer or a string")
	case "Quantity":
		return c.wrong(v, path, "a quantity such as 500m")
	}
	return c.fail(v.line, "%s: %v", path, err)
}

func (c check) object(v *value, t reflect.Type, path string) error {
	if v.kind != objectValue {
		return c.wrong(v, path, "an object")
	}
	fields := c.shapes.of(t)
	strict := c.strict || slices.Contains(metaTypes, t.Name())
	for _, f := range v.fields {
		fieldType, known := fields[f.name]
		switch {
		case known:
			if err := c.value(f.value, fieldType, join(path, f.name)); err != nil {
				return err
			}
		case strict && (path != "" || f.name != "status"): // older servers wrote an empty status
			return c.unknown(f, path, slices.Collect(maps.Keys(fields)))
		}
	}
	return nil
}

func (c check) unknown(f fieldValue, path string, known []string) error {
	in := ""
	if path != "" {
		in = " in " + path
	}
	hint := nearest.DidYouMean(f.name, known)
	if hint == "" && len(known) <= 12 {
		slices.Sort(known)
		hint = "; the fields here are " + strings.Join(known, ", ")
	}
	return c.fail(f.line, "unknown field %q%s%s", shorten(f.name), in, hint)
}

func join(path, name string) string {
	if path == "" {
		return name
	}
	return path + "." + name
}

func (c check) list(v *value, t reflect.Type, path string) error {
	if t.Elem().Kind() == reflect.Uint8 {
		return c.own(v, t, path)
	}
	if v.kind != listValue {
		return c.wrong(v, path, "a list")
	}
	for i, entry := range v.entries {
		if err := c.value(entry, t.Elem(), fmt.Sprintf("%s[%d]", path, i)); err != nil {
			return err
		}
	}
	return nil
}

func (c check) mapping(v *value, t reflect.Type, path string) error {
	if v.kind != objectValue {
		return c.wrong(v, path, "an object")
	}
	for _, f := range v.fields {
		if err := c.value(f.value, t.Elem(), fmt.Sprintf("%s[%s]", path, shorten(f.name))); err != nil {
			return err
		}
	}
	return nil
}

func (c check) scalar(v *value, t reflect.Type, path string) error {
	fits, want := false, ""
	switch t.Kind() {
	case reflect.String:
		_, fits = v.scalar.(string)
		want = "a string"
	case reflect.Bool:
		_, fits = v.scalar.(bool)
		want = "a boolean"
	case reflect.Float32, reflect.Float64:
		_, isText := v.scalar.(string)
		_, isBool := v.scalar.(bool)
		fits = v.kind == scalarValue && !isText && !isBool
		want = "a number"
	default:
		fits, want = fitsInteger(v.scalar, t), integerWords(t)
	}
	if !fits {
		return c.wrong(v, path, want)
	}
	return nil
}

func fitsInteger(scalar any, t reflect.Type) bool {
	number, isInteger := scalar.(int64)
	if f, isFloat := scalar.(float64); isFloat && f == math.Trunc(f) && math.Abs(f) < 1<<53 {
		number, isInteger = int64(f), true // JSON writes 1e3 for 1000
	}
	if !isInteger {
		return false
	}
	if t.Kind() >= reflect.Uint && t.Kind() <= reflect.Uint64 {
		return number >= 0 && !t.OverflowUint(uint64(number))
	}
	return !t.OverflowInt(number)
}

func integerWords(t reflect.Type) string {
	if t.Kind() == reflect.Int32 {
		return "an integer of 32 bits"
	}
	return "an integer"
}

// of returns the fields of a struct type, those of embedded ones included.
func (s shapes) of(t reflect.Type) map[string]reflect.Type {
	if fields, found := s[t]; found {
		return fields
	}
	fields := map[string]reflect.Type{}
	for i := range t.NumField() {
		f := t.Field(i)
		name, options, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case name == "-" || !f.IsExported():
		case name == "" && (f.Anonymous || strings.Contains(options, "inline")):
			maps.Copy(fields, s.of(f.Type))
		case name == "":
			fields[f.Name] = f.Type
		default:
			fields[name] = f.Type
		}
	}
	s[t] = fields
	return fields
}
