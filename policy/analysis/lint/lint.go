// Package lint finds what is probably a mistake in a set of policies: selectors that select nothing, rules that decide nothing, ports that nobody
// listens on, and so on. In flow a World; out flow findings, each with a stable code, the object and field at fault, what is wrong and what to do.
// It is pure: no client, no file, no clock. It never guesses where the world does not tell: a wrong warning is worse than none.
package lint

import (
	"cmp"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Finding is one probable mistake.
type Finding struct {
	Code Code
	// Ref is the object at fault.
	Ref policy.Ref
	// Field is the path of the field at fault in that object, such as "spec.ingress[0].from[1]"; empty: the whole object.
	Field string
	// Message says in one sentence what is wrong, Advice in one what to do.
	Message, Advice string
}

// Check returns everything found in the world, in the order of objects, fields and codes.
func Check(w *World) []Finding {
	v := newView(w)
	var all []Finding
	for _, c := range checks() {
		for _, f := range c.run(v) {
			f.Code = c.Code
			all = append(all, f)
		}
	}
	slices.SortStableFunc(all, compare)
	return slices.Compact(all)
}

func compare(a, b Finding) int {
	return cmp.Or(
		cmp.Compare(a.Ref.Namespace, b.Ref.Namespace), cmp.Compare(a.Ref.Kind, b.Ref.Kind), cmp.Compare(a.Ref.Name, b.Ref.Name),
		cmp.Compare(a.Field, b.Field), cmp.Compare(a.Code, b.Code), cmp.Compare(a.Message, b.Message))
}
