package lint

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/hedgerow-net/hedgerow/policy"
)

// implies reports whether every label set that a matches is matched by b too, whatever labels there are.
func implies(a, b policy.Selector) bool {
	switch {
	case a.IsNothing() || b.IsEverything():
		return true
	case b.IsNothing() || a.IsEverything():
		return false
	}
	given := a.Requirements()
	for _, wanted := range b.Requirements() {
		if !anyImplies(given, wanted) {
			return false
		}
	}
	return true
}

func anyImplies(given []labels.Requirement, wanted labels.Requirement) bool {
	for _, g := range given {
		if g.Key() == wanted.Key() && oneImplies(g, wanted) {
			return true
		}
	}
	return false
}

// oneImplies compares two requirements about one key. NotIn is also fulfilled by objects without the key.
func oneImplies(given, wanted labels.Requirement) bool {
	have, want := given.ValuesUnsorted(), wanted.ValuesUnsorted()
	switch wanted.Operator() {
	case selection.Exists:
		return isIn(given) || given.Operator() == selection.Exists
	case selection.DoesNotExist:
		return given.Operator() == selection.DoesNotExist
	case selection.In, selection.Equals, selection.DoubleEquals:
		return isIn(given) && subset(have, want)
	case selection.NotIn, selection.NotEquals:
		switch given.Operator() {
		case selection.DoesNotExist:
			return true
		case selection.NotIn, selection.NotEquals:
			return subset(want, have)
		}
		return isIn(given) && disjoint(have, want)
	}
	return false
}

func isIn(r labels.Requirement) bool {
	switch r.Operator() {
	case selection.In, selection.Equals, selection.DoubleEquals:
		return true
	}
	return false
}

func subset(a, b []string) bool {
	for _, x := range a {
		if !slices.Contains(b, x) {
			return false
		}
	}
	return true
}

func disjoint(a, b []string) bool {
	for _, x := range a {
		if slices.Contains(b, x) {
			return false
		}
	}
	return true
}
