package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"k8s.io/apimachinery/pkg/labels"
	"k8s.io/apimachinery/pkg/selection"
)

// lack is what labels lack to be selected: what is needed, and what is there instead.
type lack struct{ needs, has []string }

// lacks compares labels with the selector, requirement by requirement. The zero lack: they are selected.
func (s Selector) lacks(set map[string]string) lack {
	if s.selector == nil {
		return lack{needs: []string{"nothing that exists"}, has: []string{labelWords(set)}}
	}
	var l lack
	for _, r := range s.Requirements() {
		if r.Matches(labels.Set(set)) {
			continue
		}
		l.needs = append(l.needs, requirementWords(r))
		value, found := set[r.Key()]
		has := "no label " + r.Key()
		if found {
			has = r.Key() + "=" + value
		}
		if !slices.Contains(l.has, has) {
			l.has = append(l.has, has)
		}
	}
	return l
}

// requirementWords writes a requirement as kubectl does, and one value like a plain label.
func requirementWords(r labels.Requirement) string {
	if values := r.Values().List(); r.Operator() == selection.In && len(values) == 1 {
		return r.Key() + "=" + values[0]
	}
	return r.String()
}

func (l lack) none() bool { return len(l.needs) == 0 }

// words says it with a word for the kind of labels: "needs app=front, has app=web".
func (l lack) words() string {
	return fmt.Sprintf("needs %s, has %s", strings.Join(l.needs, ","), strings.Join(l.has, ","))
}

// labelWords writes labels as a selector of just them would be.
func labelWords(set map[string]string) string {
	if len(set) == 0 {
		return "no labels"
	}
	var texts []string
	for _, key := range slices.Sorted(maps.Keys(set)) {
		texts = append(texts, key+"="+set[key])
	}
	return strings.Join(texts, ",")
}
