package manifest

import (
	"fmt"
	"slices"
	"strconv"

	"go.yaml.in/yaml/v3"
)

// value is one value of a document, and the line on which it was written. Aliases and merged objects are resolved.
type value struct {
	line    int
	kind    valueKind
	fields  []fieldValue // of an object, in the order in which they were written
	entries []*value     // of a list
	scalar  any          // nil, bool, int64, uint64, float64 or string
	size    int          // how many values it consists of, aliases counted as what they stand for
}

type valueKind uint8

const (
	scalarValue valueKind = iota
	objectValue
	listValue
)

// fieldValue is a field of an object. line is that of its name.
type fieldValue struct {
	name string
	line int
	*value
}

// maxSize bounds what aliases add to a document: those of aliases are exponentially larger than what was written. What was written is not bounded: the dump
// of a large cluster is one document.
const maxSize = 1 << 21

// field returns the field of that name; nil when it was not written.
func (v *value) field(name string) *fieldValue {
	for i := range v.fields {
		if v.fields[i].name == name {
			return &v.fields[i]
		}
	}
	return nil
}

// text returns the field's string; empty when there is none or it is something else.
func (v *value) text(name string) string {
	if f := v.field(name); f != nil && f.plainText() != nil {
		return *f.plainText()
	}
	return ""
}

// plainText returns the string that the value is; nil when it is none.
func (v *value) plainText() *string {
	if text, is := v.scalar.(string); is {
		return &text
	}
	return nil
}

// plain returns the value as parsers of JSON do.
func (v *value) plain() any {
	switch v.kind {
	case objectValue:
		object := make(map[string]any, len(v.fields))
		for _, f := range v.fields {
			object[f.name] = f.plain()
		}
		return object
	case listValue:
		list := make([]any, len(v.entries))
		for i, entry := range v.entries {
			list[i] = entry.plain()
		}
		return list
	}
	return v.scalar
}

// words names the kind of value for messages.
func (v *value) words() string {
	switch v.kind {
	case objectValue:
		return "an object"
	case listValue:
		return "a list"
	}
	switch s := v.scalar.(type) {
	case nil:
		return "null"
	case string:
		return "the string " + strconv.Quote(shorten(s))
	case bool:
		return fmt.Sprintf("the boolean %v", s)
	}
	return fmt.Sprintf("the number %v", v.scalar)
}

// shorten keeps a foreign value from flooding a message.
func shorten(text string) string {
	const limit = 64
	if len(text) <= limit {
		return text
	}
	return text[:limit] + "…"
}

// tree turns the nodes of one document into values.
type tree struct {
	file string
	done map[*yaml.Node]*value // nil while it is being read
	most int                   // how many values aliases may add
}

func (t *tree) fail(n *yaml.Node, format string, args ...any) error {
	return &Error{Position{t.file, n.Line}, fmt.Sprintf(format, args...)}
}

func (t *tree) value(n *yaml.Node) (*value, error) {
	if v, found := t.done[n]; found {
		if v == nil {
			return nil, t.fail(n, "alias %s stands for something that contains it", n.Anchor)
		}
		return v, nil
	}
	t.done[n] = nil
	v, err := t.read(n)
	if err != nil {
		return nil, err
	}
	if v.size > t.most+len(t.done) {
		return nil, t.fail(n, "its aliases make the document larger by more than %d values", t.most)
	}
	t.done[n] = v
	return v, nil
}

func (t *tree) read(n *yaml.Node) (*value, error) {
	switch n.Kind {
	case yaml.AliasNode:
		return t.value(n.Alias)
	case yaml.MappingNode:
		return t.object(n)
	case yaml.SequenceNode:
		return t.list(n)
	}
	scalar, err := t.scalar(n)
	return &value{line: n.Line, scalar: scalar, size: 1}, err
}

func (t *tree) list(n *yaml.Node) (*value, error) {
	v := &value{line: n.Line, kind: listValue, size: 1}
	for _, entry := range n.Content {
		e, err := t.value(entry)
		if err != nil {
			return nil, err
		}
		v.entries = append(v.entries, e)
		v.size += e.size
	}
	return v, nil
}

func (t *tree) object(n *yaml.Node) (*value, error) {
	v := &value{line: n.Line, kind: objectValue, size: 1}
	names := make(map[string]int, len(n.Content)/2)
	var merged []*yaml.Node
	for i := 0; i+1 < len(n.Content); i += 2 {
		key, content := n.Content[i], n.Content[i+1]
		if key.ShortTag() == "!!merge" {
			merged = append(merged, content)
			continue
		}
		name, err := t.key(key)
		if err != nil {
			return nil, err
		}
		if first, found := names[name]; found {
			return nil, t.fail(key, "field %q is written twice, first on line %d", shorten(name), first)
		}
		names[name] = key.Line
		f, err := t.value(content)
		if err != nil {
			return nil, err
		}
		v.add(fieldValue{name, key.Line, f})
	}
	for _, content := range merged {
		if err := t.merge(v, names, content); err != nil {
			return nil, err
		}
	}
	return v, nil
}

func (v *value) add(f fieldValue) {
	v.fields = append(v.fields, f)
	v.size += f.size
}

// merge adds the fields of the objects that << names, except those that are there already.
func (t *tree) merge(v *value, names map[string]int, content *yaml.Node) error {
	m, err := t.value(content)
	if err != nil {
		return err
	}
	sources := []*value{m}
	if m.kind == listValue {
		sources = m.entries
	}
	for _, source := range sources {
		if source.kind != objectValue {
			return t.fail(content, "<< needs an object or a list of objects, not %s", source.words())
		}
		for _, f := range source.fields {
			if _, found := names[f.name]; !found {
				names[f.name] = f.line
				v.add(f)
			}
		}
	}
	return nil
}

// key reads the name of a field. kubectl takes numbers for their digits, and so does this; it takes a bare on for "true", which is never meant.
func (t *tree) key(n *yaml.Node) (string, error) {
	if n.Kind == yaml.AliasNode {
		n = n.Alias
	}
	if n.Kind != yaml.ScalarNode {
		return "", t.fail(n, "the name of a field must be a string")
	}
	scalar, err := t.scalar(n)
	switch s := scalar.(type) {
	case string:
		return s, err
	case int64, uint64:
		return fmt.Sprint(s), err
	}
	if err == nil {
		err = t.fail(n, "the name of a field must be a string: write %q in quotes", n.Value)
	}
	return "", err
}

// booleans are the words that kubectl, which reads YAML 1.1, takes for booleans besides true and false.
var booleans = map[bool][]string{
	true:  {"y", "Y", "yes", "Yes", "YES", "on", "On", "ON"},
	false: {"n", "N", "no", "No", "NO", "off", "Off", "OFF"},
}

func (t *tree) scalar(n *yaml.Node) (any, error) {
	if n.Style == 0 {
		for truth, words := range booleans {
			if slices.Contains(words, n.Value) {
				return truth, nil
			}
		}
	}
	var target any
	switch n.ShortTag() {
	case "!!str", "!!timestamp", "!!merge":
		return n.Value, nil
	case "!!null":
		return nil, nil
	case "!!bool", "!!float":
	case "!!int":
		var number int64
		if n.Decode(&number) == nil {
			return number, nil
		}
	default:
		return nil, t.fail(n, "tag %s is not supported", shorten(n.Tag))
	}
	if err := n.Decode(&target); err != nil {
		return nil, t.fail(n, "%q is not of type %s", shorten(n.Value), n.Tag)
	}
	switch s := target.(type) {
	case int:
		return int64(s), nil
	case bool, uint64, int64, string:
		return s, nil
	case float64:
		if s != s || s-s != 0 { // JSON has neither of them
			return nil, t.fail(n, "%s is no number that an object can hold", n.Value)
		}
		return s, nil
	}
	return nil, t.fail(n, "%q is not of type %s", shorten(n.Value), n.Tag)
}
