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

	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// objectName is what must be unique among objects.
type objectName struct{ group, kind, namespace, name string }

// document takes one document: an object, or a list of them. inherited is the kind of objects that, being entries of a typed list, need not say it.
func (r *reader) document(file string, v *value, inherited schema.GroupVersionKind) error {
	gvk, err := kindIn(file, v)
	if err != nil {
		return err
	}
	if items := v.field("items"); items != nil && isList(gvk) {
		return r.list(file, gvk, items)
	}
	fail := func(format string, args ...any) error {
		return &Error{Position{file, v.line}, fmt.Sprintf(format, args...)}
	}
	apiVersion := gvk.GroupVersion().String()
	switch {
	case gvk.Kind == "" && inherited.Kind != "":
		gvk, apiVersion = inherited, inherited.GroupVersion().String()
	case gvk.Kind == "":
		return fail("kind is missing: not a Kubernetes object%s", meant(v, "kind"))
	}
	k, problem := kindOf(apiVersion, gvk.Kind)
	switch {
	case problem != "":
		return fail("%s", problem)
	case k == nil && apiVersion == "":
		return fail("apiVersion is missing%s", meant(v, "apiVersion"))
	}
	o := &Object{Kind: gvk, Position: Position{file, v.line}, value: v}
	if k == nil {
		o.nameFrom(v)
		r.world.Objects = append(r.world.Objects, o)
		return nil
	}
	return r.known(o, k)
}

// kindIn returns apiVersion and kind as they are written, which may be not at all.
func kindIn(file string, v *value) (schema.GroupVersionKind, error) {
	if v.kind != objectValue {
		return schema.GroupVersionKind{}, &Error{Position{file, v.line}, "a manifest must be an object with apiVersion and kind, not " + v.words()}
	}
	for _, name := range []string{"apiVersion", "kind"} {
		if f := v.field(name); f != nil && f.plainText() == nil {
			return schema.GroupVersionKind{}, &Error{Position{file, f.line}, name + " must be a string, not " + f.words()}
		}
	}
	gv, err := schema.ParseGroupVersion(v.text("apiVersion"))
	if err != nil {
		return schema.GroupVersionKind{}, &Error{Position{file, v.field("apiVersion").line}, "apiVersion must be GROUP/VERSION, not " + v.field("apiVersion").words()}
	}
	return gv.WithKind(v.text("kind")), nil
}

// meant names the field that seems to have been written in place of the one that is missing.
func meant(v *value, name string) string {
	for _, f := range v.fields {
		if nearest.Name(f.name, []string{name}) != "" {
			return fmt.Sprintf("; did you mean %q to be %q?", shorten(f.name), name)
		}
	}
	return ""
}

// isList reports whether objects of the kind are lists of others: kubectl's List, or such as a PodList, as the API server answers it.
func isList(gvk schema.GroupVersionKind) bool {
	if gvk.Kind == "List" {
		return true
	}
	k, _ := kindOf(gvk.GroupVersion().String(), entryKind(gvk).Kind)
	return k != nil && entryKind(gvk) != gvk
}

func entryKind(list schema.GroupVersionKind) schema.GroupVersionKind {
	return list.GroupVersion().WithKind(strings.TrimSuffix(list.Kind, "List"))
}

func (r *reader) list(file string, gvk schema.GroupVersionKind, items *fieldValue) error {
	if items.kind == scalarValue && items.scalar == nil {
		return nil
	}
	if items.kind != listValue {
		return &Error{Position{file, items.line}, "items must be a list, not " + items.words()}
	}
	for _, entry := range items.entries {
		if err := r.document(file, entry, entryKind(gvk)); err != nil {
			return err
		}
	}
	return nil
}

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
	if err := checkNames(o); err != nil {
		return err
	}
	if err := checkValues(o); err != nil {
		return err
	}
	r.world.Objects = append(r.world.Objects, o)
	return nil
}

// typed returns the object in the type of its API.
func (r *reader) typed(o *Object, k *kind) (metav1.Object, error) {
	data, err := json.Marshal(o.value.plain())
	if err != nil {
		return nil, &Error{o.Position, fmt.Sprintf("%s: %v", o.Kind.Kind, err)}
	}
	if r.unchecked && k.custom() {
		u := &unstructured.Unstructured{}
		return u, r.decode(o, data, &u.Object)
	}
	c := check{shapes: r.shapes, file: o.Position.File, strict: k.policy}
	if err := c.value(o.value, k.typed, ""); err != nil {
		return nil, err
	}
	object := reflect.New(k.typed).Interface()
	meta, ok := object.(metav1.Object)
	if !ok {
		return nil, &Error{o.Position, fmt.Sprintf("%s has no metadata", o.Kind.Kind)}
	}
	return meta, r.decode(o, data, object)
}

// decode reads JSON as clients of the API do.
func (r *reader) decode(o *Object, data []byte, into any) error {
	if err := kjson.UnmarshalCaseSensitivePreserveInts(data, into); err != nil {
		return &Error{o.Position, fmt.Sprintf("%s: %v", o.Kind.Kind, err)}
	}
	return nil
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
