package policy

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

func TestSelector(t *testing.T) {
	requirement := func(key string, operator metav1.LabelSelectorOperator, values ...string) *metav1.LabelSelector {
		return &metav1.LabelSelector{MatchExpressions: []metav1.LabelSelectorRequirement{{Key: key, Operator: operator, Values: values}}}
	}
	for _, test := range []struct {
		name     string
		selector *metav1.LabelSelector
		text     string
		matches  []map[string]string
		not      []map[string]string
	}{
		{"nil selects nothing", nil, "nothing", nil, []map[string]string{nil, {"a": "b"}}},
		{"empty selects everything", &metav1.LabelSelector{}, "everything", []map[string]string{nil, {"a": "b"}}, nil},
		{"labels are all needed", &metav1.LabelSelector{MatchLabels: map[string]string{"b": "2", "a": "1"}}, "a=1,b=2",
			[]map[string]string{{"a": "1", "b": "2", "c": "3"}}, []map[string]string{nil, {"a": "1"}, {"a": "1", "b": "3"}}},
		{"in", requirement("a", "In", "y", "x"), "a in (x,y)", []map[string]string{{"a": "x"}}, []map[string]string{nil, {"a": "z"}}},
		{"not in also without the label", requirement("a", "NotIn", "x"), "a notin (x)", []map[string]string{nil, {"a": "y"}}, []map[string]string{{"a": "x"}}},
		{"exists", requirement("a", "Exists"), "a", []map[string]string{{"a": ""}}, []map[string]string{nil}},
		{"does not exist", requirement("a", "DoesNotExist"), "!a", []map[string]string{nil}, []map[string]string{{"a": ""}}},
	} {
		t.Run(test.name, func(t *testing.T) {
			s, err := NewSelector(test.selector)
			if err != nil || s.String() != test.text {
				t.Errorf("NewSelector() = %q, %v, want %q", s, err, test.text)
			}
			for _, labels := range test.matches {
				if !s.Matches(labels) {
					t.Errorf("does not match %v", labels)
				}
			}
			for _, labels := range test.not {
				if s.Matches(labels) {
					t.Errorf("matches %v", labels)
				}
			}
		})
	}
	// Equal selectors have equal texts, however they are written.
	one, two := requirement("a", "NotIn", "x"), requirement("a", "Exists")
	there, err := NewSelector(&metav1.LabelSelector{MatchExpressions: append(one.MatchExpressions, two.MatchExpressions...)})
	if err != nil {
		t.Fatal(err)
	}
	back, err := NewSelector(&metav1.LabelSelector{MatchExpressions: append(two.MatchExpressions, one.MatchExpressions...)})
	if err != nil || there.String() != back.String() || there.String() != "a,a notin (x)" {
		t.Errorf("texts %q and %q, %v", there, back, err)
	}
	if _, err := NewSelector(requirement("a", "Near")); err == nil {
		t.Error("an unknown operator is no error")
	}
	if _, err := SelectLabels(map[string]string{"-": "x"}); err == nil {
		t.Error("an invalid label key is no error")
	}
}

func TestPodSelector(t *testing.T) {
	labelled, err := SelectLabels(map[string]string{"team": "x"})
	if err != nil {
		t.Fatal(err)
	}
	x, y := &Namespace{Name: "x", Labels: map[string]string{"team": "x"}}, &Namespace{Name: "y"}
	for _, test := range []struct {
		name      string
		selector  PodSelector
		namespace *Namespace
		pod       Pod
		want      bool
	}{
		{"the zero selector selects nothing", PodSelector{}, x, Pod{}, false},
		{"no pods of a namespace", PodSelector{Namespace: "x"}, x, Pod{}, false},
		{"a namespace by name", PodSelector{Namespace: "x", Pods: Everything()}, x, Pod{}, true},
		{"another namespace", PodSelector{Namespace: "x", Pods: Everything()}, y, Pod{}, false},
		{"a namespace by label", PodSelector{Namespaces: labelled, Pods: Everything()}, x, Pod{}, true},
		{"a namespace without the label", PodSelector{Namespaces: labelled, Pods: Everything()}, y, Pod{}, false},
		{"a host network pod", PodSelector{Namespaces: Everything(), Pods: Everything()}, x, Pod{HostNetwork: true}, false},
	} {
		if got := test.selector.Matches(test.namespace, &test.pod); got != test.want {
			t.Errorf("%s: got %t, want %t", test.name, got, test.want)
		}
	}
}

func TestPodSelectorKey(t *testing.T) {
	keys := map[string]bool{}
	for _, s := range []PodSelector{
		{}, {Namespace: "a"}, {Namespace: "a", Pods: Everything()}, {Namespaces: Everything()}, {Namespaces: Everything(), Pods: Everything()}, {Namespace: "b", Pods: Everything()},
	} {
		keys[s.Key()] = true
	}
	if len(keys) != 6 {
		t.Errorf("selectors that select differently have equal keys: %v", keys)
	}
}
