package policy

import (
	"cmp"
	"fmt"
	"slices"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/labels"
)

// Selector selects by labels. The zero Selector matches nothing. Equal selectors have equal Strings, so that they can be interned.
type Selector struct {
	selector labels.Selector
	text     string
}

// Everything returns the selector that matches all labels.
func Everything() Selector { return Selector{selector: labels.Everything(), text: "everything"} }

// NewSelector converts a label selector of the API. An empty one matches everything, nil matches nothing. The error names the operator, key
// or value at fault.
func NewSelector(s *metav1.LabelSelector) (Selector, error) {
	if s == nil {
		return Selector{}, nil
	}
	converted, err := metav1.LabelSelectorAsSelector(s)
	if err != nil {
		return Selector{}, fmt.Errorf("convert label selector: %w", err)
	}
	return newSelector(converted), nil
}

// SelectLabels returns the selector of everything that carries all of these labels. An empty map matches everything.
func SelectLabels(set map[string]string) (Selector, error) {
	converted, err := labels.ValidatedSelectorFromSet(set)
	if err != nil {
		return Selector{}, fmt.Errorf("convert labels: %w", err)
	}
	return newSelector(converted), nil
}

func newSelector(s labels.Selector) Selector {
	if s.Empty() {
		return Everything()
	}
	converted := Selector{selector: s}
	converted.text = join(converted.Requirements(), requirementText, "", ",")
	return converted
}

func requirementText(r labels.Requirement) string { return r.String() }

// Requirements returns what the selector requires, all of it, in one order, however it was written. Both everything and nothing have none.
func (s Selector) Requirements() []labels.Requirement {
	if s.selector == nil {
		return nil
	}
	all, _ := s.selector.Requirements()
	all = slices.Clone(all)
	slices.SortFunc(all, func(a, b labels.Requirement) int {
		return cmp.Or(cmp.Compare(a.Key(), b.Key()), cmp.Compare(a.String(), b.String()))
	})
	return all
}

// Matches reports whether an object with these labels is selected.
func (s Selector) Matches(set map[string]string) bool {
	return s.selector != nil && s.selector.Matches(labels.Set(set))
}

// IsEverything reports whether the selector matches all labels.
func (s Selector) IsEverything() bool { return s.selector != nil && s.selector.Empty() }

// IsNothing reports whether the selector is the zero Selector, which matches no labels.
func (s Selector) IsNothing() bool { return s.selector == nil }

// String returns the canonical form: "everything", "nothing", or requirements in the syntax of kubectl.
func (s Selector) String() string {
	if s.selector == nil {
		return "nothing"
	}
	return s.text
}

// PodSelector selects pods by their namespace and their labels.
type PodSelector struct {
	// Namespace is the name of the only namespace; empty: Namespaces selects them by label.
	Namespace  string
	Namespaces Selector
	Pods       Selector
}

// Matches reports whether the pod, which lies in this namespace, is selected. Pods in the host's network never are.
func (s *PodSelector) Matches(namespace *Namespace, pod *Pod) bool {
	return !pod.HostNetwork && s.MatchesNamespace(namespace) && s.Pods.Matches(pod.Labels)
}

// MatchesNamespace reports whether pods of the namespace can be selected.
func (s *PodSelector) MatchesNamespace(namespace *Namespace) bool {
	if s.Namespace != "" {
		return s.Namespace == namespace.Name
	}
	return s.Namespaces.Matches(namespace.Labels)
}

// Key returns the canonical form: equal keys select the same pods.
func (s *PodSelector) Key() string {
	if s.Namespace != "" {
		return "namespace " + s.Namespace + ": " + s.Pods.String()
	}
	return "namespaces " + s.Namespaces.String() + ": " + s.Pods.String()
}
