package lint

import (
	"slices"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/hedgerow-net/hedgerow/policy"
)

// requirements takes a selector apart. One that matches everything, or nothing, has none.
func requirements(s policy.Selector) labels.Requirements {
	if s.IsEverything() || matchesNothing(s) {
		return nil
	}
	// Its own canonical text always parses.
	requirements, err := labels.ParseToRequirements(s.String())
	if err != nil {
		return nil
	}
	return requirements
}

// matchesNothing reports whether the selector is the zero Selector.
func matchesNothing(s policy.Selector) bool { return s == policy.Selector{} }

// implies reports whether every label set that a matches is matched by b too, whatever labels there are.
func implies(a, b policy.Selector) bool {
	switch {
	case matchesNothing(a) || b.IsEverything():
		return true
	case matchesNothing(b) || a.IsEverything():
		return false
	}
	given := requirements(a)
	if given == nil || requirements(b) == nil {
		return a.String() == b.String()
	}
	for _, wanted := range requirements(b) {
		if !anyImplies(given, wanted) {
			return false
		}
	}
	return true
}

func anyImplies(given labels.Requirements, wanted labels.Requirement) bool {
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
