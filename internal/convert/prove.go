package convert

import (
	"bytes"
	"fmt"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// Prove reports whether the world means the same when the new objects, as they are printed, take the place of the old ones: for all ends of the world, and for
// pods made up so that every selector of the policies has pods that match it and pods that do not, in every namespace that is written and in ones
// made up in the same way. The error names what differs, or what in the new objects cannot be read.
func (r *Result) Prove(w *manifest.World) error {
	text, err := r.YAML()
	if err != nil {
		return err
	}
	converted, err := manifest.Read([]string{"-"}, bytes.NewReader(text))
	if err != nil {
		return fmt.Errorf("read the converted policies: %w", err)
	}
	before := withWitnesses(w)
	after := *before
	after.Policies = slices.DeleteFunc(slices.Clone(before.Policies), func(p *policy.Policy) bool { return r.replaced[p.Ref] })
	if r.isolations {
		after.Namespaces = withoutIsolation(before.Namespaces)
	}
	for _, p := range converted.Policies {
		if len(p.Problems) > 0 {
			return fmt.Errorf("%s as converted: %s", p.Ref, p.Problem())
		}
		after.Policies = append(after.Policies, p)
	}
	return r.compare(analysis.Compare(before, &after))
}

func (r *Result) compare(c *analysis.Comparison) error {
	var differences []string
	if r.isolations {
		for _, change := range c.IsolationChanges() {
			differences = append(differences, fmt.Sprintf("the isolation of %s for %s would change", change.Who(), change.Direction))
		}
	}
	for _, change := range c.Changes() {
		verb := "closed"
		if change.Opened {
			verb = "opened"
		}
		differences = append(differences, fmt.Sprintf("%s from %s to %s would be %s", change.Ports, change.Src.Name, change.Dst.Name, verb))
	}
	if len(differences) == 0 {
		return nil
	}
	return fmt.Errorf("the converted policies would not mean the same (witnesses are made up for the proof): %s", first(differences, 3))
}

func first(texts []string, most int) string {
	if len(texts) <= most {
		return strings.Join(texts, "; ")
	}
	return fmt.Sprintf("%s; and %d differences more", strings.Join(texts[:most], "; "), len(texts)-most)
}

func withoutIsolation(namespaces []*policy.Namespace) []*policy.Namespace {
	open := make([]*policy.Namespace, len(namespaces))
	for i, ns := range namespaces {
		c := *ns
		c.Isolation = nil
		open[i] = &c
	}
	return open
}
