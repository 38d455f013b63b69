package policytest

import (
	"fmt"
	"slices"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// object reads the fields of one YAML object, each at most once, and refuses the others.
type object struct {
	file   string
	path   string // of the object, for messages: "spec.cases[2]"
	node   *yaml.Node
	fields map[string]*yaml.Node
}

// objectOf takes a node apart. allowed are the names of its fields; nil: any.
func objectOf(file, path string, n *yaml.Node, allowed []string) (*object, error) {
	n = resolve(n)
	o := &object{file: file, path: path, node: n, fields: map[string]*yaml.Node{}}
	if n.Kind != yaml.MappingNode {
		return nil, o.failAt(n, "%s must be an object", o.name())
	}
	for i := 0; i+1 < len(n.Content); i += 2 {
		key := n.Content[i]
		if o.fields[key.Value] != nil {
			return nil, o.failAt(key, "field %q is written twice", key.Value)
		}
		if allowed != nil && !slices.Contains(allowed, key.Value) {
			return nil, o.failAt(key, "unknown field %q%s", key.Value, meant(key.Value, allowed))
		}
		o.fields[key.Value] = resolve(n.Content[i+1])
	}
	return o, nil
}

// meant ends a message about a word that is not known.
func meant(word string, known []string) string {
	if hint := nearest.DidYouMean(word, known); hint != "" {
		return hint
	}
	return "; it is none of " + strings.Join(known, ", ")
}

// resolve follows an alias.
func resolve(n *yaml.Node) *yaml.Node {
	if n.Kind == yaml.AliasNode {
		return n.Alias
	}
	return n
}

func (o *object) name() string {
	if o.path == "" {
		return "a " + Kind
	}
	return o.path
}

func (o *object) at(n *yaml.Node) manifest.Position {
	return manifest.Position{File: o.file, Line: max(n.Line, 1)}
}

func (o *object) failAt(n *yaml.Node, format string, args ...any) error {
	return &manifest.Error{Position: o.at(n), Message: fmt.Sprintf(format, args...)}
}

func (o *object) child(name string) string {
	if o.path == "" {
		return name
	}
	return o.path + "." + name
}

// text reads a string, or a number where one may stand. A field that was not written is empty, and stands where its object does.
func (o *object) text(name string, numbers bool) (Text, error) {
	n := o.fields[name]
	if n == nil || n.Tag == "!!null" {
		return Text{Position: o.at(o.node)}, nil
	}
	t := Text{Value: n.Value, Position: o.at(n), Number: n.Tag == "!!int"}
	switch {
	case n.Kind != yaml.ScalarNode:
		return t, o.failAt(n, "%s must be a string", o.child(name))
	case t.Number && numbers && strings.Trim(n.Value, "0123456789") != "":
		return t, o.failAt(n, "%s must be a decimal number", o.child(name))
	case n.Tag == "!!str" || t.Number && numbers:
		return t, nil
	}
	return t, o.failAt(n, "%s must be a string: write %q in quotes", o.child(name), n.Value)
}

// needed is text for a field that must be there.
func (o *object) needed(name string) (Text, error) {
	t, err := o.text(name, false)
	if err == nil && t.Value == "" {
		err = o.failAt(o.node, "%s is missing", o.child(name))
	}
	return t, err
}

// list reads a list; nil when the field was not written.
func (o *object) list(name string) ([]*yaml.Node, error) {
	n := o.fields[name]
	if n == nil || n.Tag == "!!null" {
		return nil, nil
	}
	if n.Kind != yaml.SequenceNode {
		return nil, o.failAt(n, "%s must be a list", o.child(name))
	}
	return n.Content, nil
}
