// Package convert writes policies of one API in the words of another one, and proves that both mean the same. In flow worlds of package manifest; out flow
// objects of the other API as YAML, and notes on what was left out or cannot be said there. It prints nothing and changes nothing. What it cannot convert
// exactly it refuses.
package convert

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Object is an object of the API that was converted to.
type Object interface {
	runtime.Object
	metav1.Object
}

// Note is something to tell about one object that was read.
type Note struct {
	Position manifest.Position
	// Object names it: "NetworkPolicy shop/web".
	Object string
	// Field is the field at fault; empty: the whole object.
	Field string
	Text  string
}

func (n Note) String() string {
	text := n.Object + ": "
	if n.Field != "" {
		text += n.Field + ": "
	}
	return fmt.Sprintf("%s: %s%s", n.Position, text, n.Text)
}

// Result is what came of a conversion.
type Result struct {
	// Objects are the new ones, sorted by namespace and name.
	Objects []Object
	// Notes tell what was left out, renamed, or is to be done by hand. Refused are the policies that cannot be converted: they stay as they are.
	Notes, Refused []Note

	// replaced are the policies that the new objects take the place of.
	replaced map[policy.Ref]bool
	// isolations: the annotations of namespaces are replaced too.
	isolations bool
}

func (r *Result) note(o *manifest.Object, field, format string, args ...any) {
	r.Notes = append(r.Notes, noteOn(o, field, format, args...))
}

func (r *Result) refuse(o *manifest.Object, field, format string, args ...any) {
	r.Refused = append(r.Refused, noteOn(o, field, format, args...))
}

func noteOn(o *manifest.Object, field, format string, args ...any) Note {
	name := o.String()
	if o.Policy != nil && o.Policy.Ref.Kind != policy.KindNamespaceIsolation {
		name = o.Policy.Ref.String()
	}
	return Note{Position: o.At(field), Object: name, Field: field, Text: fmt.Sprintf(format, args...)}
}

// broken refuses a policy with problems, whose meaning is a makeshift, and reports whether it did.
func (r *Result) broken(o *manifest.Object) bool {
	if len(o.Policy.Problems) == 0 {
		return false
	}
	p := o.Policy.Problems[0]
	r.refuse(o, p.Field, "is not converted because it is wrong: %s", p.Message)
	return true
}

func (r *Result) sort() {
	slices.SortFunc(r.Objects, func(a, b Object) int {
		return cmp.Or(cmp.Compare(a.GetNamespace(), b.GetNamespace()), cmp.Compare(a.GetName(), b.GetName()))
	})
}

// metaOf returns the metadata of the new object: name, labels and annotations of the old one, without what kubectl and the API server wrote there.
func metaOf(o metav1.Object, namespace, name string) metav1.ObjectMeta {
	meta := metav1.ObjectMeta{Namespace: namespace, Name: name, Labels: o.GetLabels()}
	for key, value := range o.GetAnnotations() {
		if key == lastApplied {
			continue
		}
		metav1.SetMetaDataAnnotation(&meta, key, value)
	}
	return meta
}

// lastApplied holds the whole old object, as kubectl apply left it.
const lastApplied = "kubectl.kubernetes.io/last-applied-configuration"

// names gives out names that are not taken yet.
type names map[string]bool

// free returns the name, or the name with a number behind it, and takes it.
func (n names) free(name string) string {
	free := name
	for i := 2; n[free]; i++ {
		free = fmt.Sprintf("%s-%d", name, i)
	}
	n[free] = true
	return free
}
