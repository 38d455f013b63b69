package policytest

import (
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"go.yaml.in/yaml/v3"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// readDocument reads one document; nil when it is of another kind.
func readDocument(file string, n *yaml.Node) (*Test, error) {
	o, err := objectOf(file, "", n, nil)
	if err != nil {
		return nil, err
	}
	version, kind := o.scalar("apiVersion"), o.scalar("kind")
	ours := strings.HasPrefix(version, "hedgerow.dev/")
	switch {
	case kind == Kind && version == APIVersion:
	case kind == Kind:
		return nil, o.failAt(o.field("apiVersion"), "a %s is of apiVersion %s, not %q", Kind, APIVersion, version)
	case ours:
		return nil, o.failAt(o.field("kind"), "kind %q of %s is not known: it must be %s", kind, version, Kind)
	case kind == "":
		return nil, o.failAt(o.node, "kind is missing: for a test write apiVersion: %s and kind: %s", APIVersion, Kind)
	default:
		return nil, nil
	}
	return readTest(file, n)
}

// scalar returns a field's value as it is written; empty when it is none.
func (o *object) scalar(name string) string {
	if n := o.fields[name]; n != nil && n.Kind == yaml.ScalarNode {
		return n.Value
	}
	return ""
}

// field returns the node of a field, or of the object when it was not written.
func (o *object) field(name string) *yaml.Node {
	if n := o.fields[name]; n != nil {
		return n
	}
	return o.node
}

func readTest(file string, n *yaml.Node) (*Test, error) {
	o, err := objectOf(file, "", n, []string{"apiVersion", "kind", "metadata", "spec"})
	if err != nil {
		return nil, err
	}
	t := &Test{Position: o.at(o.node), Name: strings.TrimSuffix(filepath.Base(file), filepath.Ext(file))}
	if meta := o.fields["metadata"]; meta != nil {
		m, err := objectOf(file, "metadata", meta, []string{"name", "namespace", "labels", "annotations"})
		if err != nil {
			return nil, err
		}
		name, err := m.text("name", false)
		if err != nil {
			return nil, err
		}
		if name.Value != "" {
			t.Name = name.Value
		}
	}
	if o.fields["spec"] == nil {
		return nil, o.failAt(o.node, "spec is missing")
	}
	spec, err := objectOf(file, "spec", o.fields["spec"], []string{"manifests", "cases"})
	if err != nil {
		return nil, err
	}
	return t, t.readSpec(spec)
}

func (t *Test) readSpec(spec *object) error {
	manifests, err := spec.list("manifests")
	if err != nil {
		return err
	}
	for i, n := range manifests {
		if n = resolve(n); n.Kind != yaml.ScalarNode || n.Tag != "!!str" || n.Value == "" {
			return spec.failAt(n, "spec.manifests[%d] must be the path of a file or a folder", i)
		}
		path := n.Value
		if !filepath.IsAbs(path) {
			path = filepath.Join(filepath.Dir(spec.file), path)
		}
		if _, err := os.Stat(path); err != nil {
			return spec.failAt(n, "spec.manifests[%d]: %v", i, err)
		}
		t.Manifests = append(t.Manifests, path)
	}
	cases, err := spec.list("cases")
	if err != nil {
		return err
	}
	for i, n := range cases {
		c, err := readCase(spec.file, fmt.Sprintf("spec.cases[%d]", i), n)
		if err != nil {
			return err
		}
		t.Cases = append(t.Cases, *c)
	}
	return nil
}

func readCase(file, path string, n *yaml.Node) (*Case, error) {
	o, err := objectOf(file, path, n, []string{"name", "from", "to", "port", "protocol", "expect"})
	if err != nil {
		return nil, err
	}
	c := &Case{Position: o.at(o.node)}
	name, err := o.text("name", false)
	if err != nil {
		return nil, err
	}
	if c.From, err = o.needed("from"); err != nil {
		return nil, err
	}
	if c.To, err = o.needed("to"); err != nil {
		return nil, err
	}
	if c.Port, err = o.text("port", true); err != nil {
		return nil, err
	}
	if c.Protocol, err = o.text("protocol", false); err != nil {
		return nil, err
	}
	if c.Protocol.Value = strings.ToUpper(c.Protocol.Value); c.Protocol.Value == "" {
		c.Protocol.Value = "TCP"
	}
	if _, err := manifest.ParsePort(c.Port.Value, c.Protocol.Value); err != nil {
		at := c.Port.Position
		if c.Port.Value == "" {
			at = c.Position
		}
		return nil, &manifest.Error{Position: at, Message: fmt.Sprintf("%s: %v", path, err)}
	}
	expect, err := o.needed("expect")
	if err != nil {
		return nil, err
	}
	if c.Expect = Verdict(expect.Value); c.Expect != Allow && c.Expect != Deny {
		return nil, &manifest.Error{Position: expect.Position, Message: fmt.Sprintf("%s.expect must be allow or deny, not %q", path, expect.Value)}
	}
	if c.Name = name.Value; c.Name == "" {
		c.Name = c.title()
	}
	return c, nil
}
