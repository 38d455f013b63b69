package manifest

import (
	"encoding/json"
	"fmt"
	"reflect"
	"strings"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	kjson "sigs.k8s.io/json"
)

// objectName is what must be unique among objects.
type objectName struct{ group, kind, namespace, name string }

// document takes one document: an object, or a list of them. kind is that of objects which, being entries of a typed list, do not say it.
func (r *reader) document(file string, v *value, kind string) error {
	fail := func(line int, format string, args ...any) error {
		return &Error{Position{file, line}, fmt.Sprintf(format, args...)}
	}
	if v.kind != objectValue {
		return fail(v.line, "a manifest must be an object with apiVersion and kind, not %s", v.words())
	}
	for _, name := range []string{"apiVersion", "kind"} {
		if f := v.field(name); f != nil && f.plainText() == nil {
			return fail(f.line, "%s must be a string, not %s", name, f.words())
		}
	}
	name, apiVersion := v.text("kind"), v.text("apiVersion")
	if items := v.field("items"); items != nil && strings.HasSuffix(name, "List") && v.field("spec") == nil {
		return r.list(file, v, items)
	}
	if name == "" && kind != "" {
		apiVersion, name, _ = cutKind(kind)
	}
	if name == "" {
		return fail(v.line, "kind is missing: not a Kubernetes object%s", didYouMeanField(v, "kind"))
	}
	k, problem := kindOf(apiVersion, name)
	if problem != "" {
		return fail(v.line, "%s", problem)
	}
	if k == nil && apiVersion == "" {
		return fail(v.line, "apiVersion is missing%s", didYouMeanField(v, "apiVersion"))
	}
	o := &Object{Kind: schema.FromAPIVersionAndKind(apiVersion, name), Position: Position{file, v.line}, value: v}
	if k == nil {
		o.nameFrom(v)
		r.world.Objects = append(r.world.Objects, o)
		return nil
	}
	return r.known(o, k)
}

// didYouMeanField names the field that was written in place of the one that is missing.
func didYouMeanField(v *value, name string) string {
	for _, f := range v.fields {
		if Nearest(f.name, []string{name}) != "" {
			return fmt.Sprintf("; did you mean %q to be %q?", shorten(f.name), name)
		}
	}
	return ""
}

// list takes the entries of a List. Those of a typed one, such as a PodList, need not say what they are.
func (r *reader) list(file string, v *value, items *fieldValue) error {
	if items.kind == scalarValue && items.scalar == nil {
		return nil
	}
	if items.kind != listValue {
		return &Error{Position{file, items.line}, "items must be a list, not " + items.words()}
	}
	kind := ""
	if name := strings.TrimSuffix(v.text("kind"), "List"); name != "" {
		kind = v.text("apiVersion") + " " + name
	}
	for _, entry := range items.entries {
		if err := r.document(file, entry, kind); err != nil {
			return err
		}
	}
	return nil
}

func cutKind(kind string) (apiVersion, name string, ok bool) { return strings.Cut(kind, " ") }

// nameFrom takes name and namespace as they are written.
func (o *Object) nameFrom(v *value) {
	if meta := v.field("metadata"); meta != nil {
		o.Namespace, o.Name = meta.text("namespace"), meta.text("name")
	}
}

// known takes an object of a kind that policies look at.
func (r *reader) known(o *Object, k *kind) error {
	object, err := r.typed(o, k)
	if err != nil {
		return err
	}
	if err := r.name(o, k, object); err != nil {
		return err
	}
	o.Value = object
	r.world.Objects = append(r.world.Objects, o)
	return nil
}

// typed returns the object in the type of its API.
func (r *reader) typed(o *Object, k *kind) (metav1.Object, error) {
	if content, isObject := o.value.plain().(map[string]any); isObject && r.unchecked && k.custom() {
		return &unstructured.Unstructured{Object: content}, nil
	}
	c := check{shapes: r.shapes, file: o.Position.File, strict: k.policy}
	if err := c.value(o.value, k.typed, ""); err != nil {
		return nil, err
	}
	object := reflect.New(k.typed).Interface()
	data, err := json.Marshal(o.value.plain())
	if err == nil {
		err = kjson.UnmarshalCaseSensitivePreserveInts(data, object)
	}
	if err != nil {
		return nil, &Error{o.Position, fmt.Sprintf("%s: %v", o.Kind.Kind, err)}
	}
	meta, ok := object.(metav1.Object)
	if !ok {
		return nil, &Error{o.Position, fmt.Sprintf("%s has no metadata", o.Kind.Kind)}
	}
	return meta, nil
}

// name settles what the object is called, and that no other one is called so.
func (r *reader) name(o *Object, k *kind, meta metav1.Object) error {
	switch {
	case k.cluster:
		meta.SetNamespace("")
	case meta.GetNamespace() == "":
		meta.SetNamespace(metav1.NamespaceDefault)
	}
	if meta.GetName() == "" && meta.GetGenerateName() == "" {
		return &Error{o.At("metadata.name"), fmt.Sprintf("%s: metadata.name is missing", o.Kind.Kind)}
	}
	for n := 1; meta.GetName() == ""; n++ {
		name := fmt.Sprintf("%s%d", meta.GetGenerateName(), n)
		if r.names[objectName{o.Kind.Group, o.Kind.Kind, meta.GetNamespace(), name}] == nil {
			meta.SetName(name)
		}
	}
	o.Namespace, o.Name = meta.GetNamespace(), meta.GetName()
	key := objectName{o.Kind.Group, o.Kind.Kind, o.Namespace, o.Name}
	if first := r.names[key]; first != nil {
		return &Error{o.Position, fmt.Sprintf("%s is written twice, first at %s", o, first.Position)}
	}
	r.names[key] = o
	return nil
}

// String names the object: kind, namespace and name.
func (o *Object) String() string {
	if o.Namespace == "" {
		return o.Kind.Kind + " " + o.Name
	}
	return o.Kind.Kind + " " + o.Namespace + "/" + o.Name
}
