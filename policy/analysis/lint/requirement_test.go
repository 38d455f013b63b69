package lint

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

func in(key string, operator metav1.LabelSelectorOperator, values ...string) metav1.LabelSelectorRequirement {
	return metav1.LabelSelectorRequirement{Key: key, Operator: operator, Values: values}
}

func selectorOf(t *testing.T, requirements ...metav1.LabelSelectorRequirement) policy.Selector {
	t.Helper()
	s, err := policy.NewSelector(&metav1.LabelSelector{MatchExpressions: requirements})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// TestImplies compares implies with all label sets of two keys and three values: where it says yes that is so, and it says no only where it is not so
// for one of them, or for a value that is none of the three.
func TestImplies(t *testing.T) {
	values := []string{"x", "y", "z"}
	one := []metav1.LabelSelectorRequirement{
		in("k", metav1.LabelSelectorOpExists), in("k", metav1.LabelSelectorOpDoesNotExist), in("k", metav1.LabelSelectorOpIn, "x"), in("k", metav1.LabelSelectorOpIn, "x", "y"),
		in("k", metav1.LabelSelectorOpNotIn, "x"), in("k", metav1.LabelSelectorOpNotIn, "x", "y"), in("l", metav1.LabelSelectorOpExists), in("l", metav1.LabelSelectorOpIn, "x"),
	}
	selectors := []policy.Selector{policy.Everything(), {}}
	for _, a := range one {
		selectors = append(selectors, selectorOf(t, a))
		for _, b := range one {
			if a.Key != b.Key {
				selectors = append(selectors, selectorOf(t, a, b))
			}
		}
	}
	sets := []map[string]string{{}}
	for _, k := range append(values, "w", "") {
		for _, l := range append(values, "w", "") {
			set := map[string]string{}
			if k != "" {
				set["k"] = k
			}
			if l != "" {
				set["l"] = l
			}
			sets = append(sets, set)
		}
	}
	for _, a := range selectors {
		for _, b := range selectors {
			want := true
			for _, set := range sets {
				want = want && (!a.Matches(set) || b.Matches(set))
			}
			if got := implies(a, b); got != want {
				t.Errorf("implies(%s, %s) = %v, want %v", a, b, got, want)
			}
		}
	}
}
