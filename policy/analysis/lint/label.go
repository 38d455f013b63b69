package lint

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// mismatch says why a selector matches none of some label sets.
type mismatch struct {
	// why is the clause that says it: "no pod of namespace shop has app=bakcend".
	why string
	// near is the label that may have been meant, such as "app=backend"; empty: none is like it.
	near string
	// have lists some labels that there are instead, where none is like it.
	have string
}

// advice is what to do about it.
func (m mismatch) advice(otherwise string) string {
	switch {
	case m.near != "":
		return fmt.Sprintf("did you mean %s?", m.near)
	case m.have != "":
		return fmt.Sprintf("%s (there is %s)", otherwise, m.have)
	}
	return otherwise
}

// explain says why the selector matches none of the label sets, which belong to things called noun, such as "pod of namespace shop".
func explain(s policy.Selector, noun string, sets []map[string]string) mismatch {
	for _, r := range s.Requirements() {
		if !slices.ContainsFunc(sets, func(set map[string]string) bool { return r.Matches(labels.Set(set)) }) {
			return explainOne(r, noun, sets)
		}
	}
	return mismatch{why: fmt.Sprintf("no %s has all of %s", noun, s)}
}

func explainOne(r labels.Requirement, noun string, sets []map[string]string) mismatch {
	switch r.Operator() {
	case selection.NotIn, selection.NotEquals, selection.DoesNotExist:
		return mismatch{why: fmt.Sprintf("every %s fails %s", noun, r.String())}
	}
	values := r.ValuesUnsorted()
	slices.Sort(values)
	m := mismatch{why: fmt.Sprintf("no %s has %s", noun, r.String())}
	there := valuesOf(sets, r.Key())
	for _, value := range values {
		if n := nearest.Name(value, there); n != "" {
			m.near = r.Key() + "=" + n
			return m
		}
	}
	if len(there) == 0 {
		m.near = nearKey(r.Key(), values, sets)
		return m
	}
	m.have = listed(r.Key(), there)
	return m
}

// nearKey looks for the value under another key that is like the given one or, for a key without values, for that key.
func nearKey(key string, values []string, sets []map[string]string) string {
	var keys []string
	for _, set := range sets {
		for k, value := range set {
			if len(values) == 0 || slices.Contains(values, value) {
				keys = append(keys, k)
			}
		}
	}
	near := nearest.Name(key, keys)
	if near == "" {
		near = sameEnding(key, keys)
	}
	if near == "" || len(values) == 0 {
		return near
	}
	for _, value := range values {
		if slices.Contains(valuesOf(sets, near), value) {
			return near + "=" + value
		}
	}
	return ""
}

// sameEnding finds the key that differs only in its prefix: app.kubernetes.io/name for name.
func sameEnding(key string, keys []string) string {
	slices.Sort(keys)
	for _, k := range keys {
		if k != key && k[strings.LastIndex(k, "/")+1:] == key[strings.LastIndex(key, "/")+1:] {
			return k
		}
	}
	return ""
}

// valuesOf returns the values that the key has, sorted.
func valuesOf(sets []map[string]string, key string) []string {
	values := map[string]bool{}
	for _, set := range sets {
		if value, ok := set[key]; ok {
			values[value] = true
		}
	}
	return slices.Sorted(maps.Keys(values))
}

// listed names at most three of the labels.
func listed(key string, values []string) string {
	var texts []string
	for i, value := range values {
		if i == 3 {
			texts = append(texts, "…")
			break
		}
		texts = append(texts, key+"="+value)
	}
	return strings.Join(texts, ", ")
}

func podLabels(pods []*policy.Pod) []map[string]string {
	var sets []map[string]string
	for _, pod := range pods {
		sets = append(sets, pod.Labels)
	}
	return sets
}

// namespaceLabels returns the labels of the namespaces that were written: those of others are not known.
func (v *view) namespaceLabels() []map[string]string {
	var sets []map[string]string
	for _, ns := range v.Namespaces {
		if v.Written[ns.Name] {
			sets = append(sets, ns.Labels)
		}
	}
	return sets
}

// counted names up to two namespaces in which pods are: "3 pods in namespace shop".
func counted(pods []*policy.Pod) string {
	counts := map[string]int{}
	for _, pod := range pods {
		counts[pod.Namespace]++
	}
	var texts []string
	for i, ns := range slices.Sorted(maps.Keys(counts)) {
		if i == 2 {
			texts = append(texts, "elsewhere")
			break
		}
		texts = append(texts, fmt.Sprintf("%s in namespace %s", plural(counts[ns], "pod"), ns))
	}
	return strings.Join(texts, " and ")
}

func plural(n int, noun string) string {
	if n == 1 {
		return "1 " + noun
	}
	return fmt.Sprintf("%d %ss", n, noun)
}
