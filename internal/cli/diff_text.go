package cli

import (
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// writeDiffText prints the difference for people. What lost isolation is first, and marked.
func writeDiffText(out io.Writer, a *diffAnswer) error {
	var b strings.Builder
	if !a.Different {
		b.WriteString("no difference\n")
	}
	for _, i := range a.Isolation {
		mark := "  "
		if i.Lost {
			mark = "!!"
		}
		fmt.Fprintf(&b, "%s %s\n", mark, i.sentence())
	}
	for _, opened := range [...]bool{true, false} {
		title, sign := "Closed: what was reachable and is not", "-"
		if opened {
			title, sign = "Opened: what is reachable and was not", "+"
		}
		for i, m := range mergeSources(a.Changes, opened) {
			if i == 0 {
				section(&b, title)
			}
			fmt.Fprintf(&b, "%s %s → %s: %s\n", sign, strings.Join(m.from, "; "), m.to, m.words)
			for _, line := range m.why {
				fmt.Fprintf(&b, "    %s\n", line)
			}
		}
	}
	groupsText(&b, "Added: on the new side only", "+", a.Added)
	groupsText(&b, "Removed: on the old side only", "-", a.Removed)
	_, err := io.WriteString(out, b.String())
	return err
}

func section(b *strings.Builder, title string) {
	if b.Len() > 0 {
		b.WriteByte('\n')
	}
	b.WriteString(title + "\n")
}

// sentence says what happened to the isolation.
func (i *isolationDiff) sentence() string {
	if i.Lost {
		return fmt.Sprintf("%s is no longer isolated for %s; it was by %s", i.Who, i.Direction, policiesWords(i.By))
	}
	return fmt.Sprintf("%s is now isolated for %s, by %s", i.Who, i.Direction, policiesWords(i.By))
}

func policiesWords(list []explainedPolicy) string {
	texts := make([]string, len(list))
	for i := range list {
		texts[i] = list[i].words()
	}
	return strings.Join(texts, " and ")
}

// mergedDiff is changes that differ in nothing but the source.
type mergedDiff struct {
	from      []string
	to, words string
	why       []string
}

// mergeSources puts those changes together, in the order of their first.
func mergeSources(changes []reachDiff, opened bool) []mergedDiff {
	var merged []mergedDiff
	for i := range changes {
		change := &changes[i]
		if change.Opened != opened {
			continue
		}
		m := mergedDiff{from: []string{change.From}, to: change.To, words: change.Words, why: change.why()}
		same := slices.IndexFunc(merged, func(o mergedDiff) bool { return o.to == m.to && o.words == m.words && slices.Equal(o.why, m.why) })
		if same < 0 {
			merged = append(merged, m)
			continue
		}
		merged[same].from = append(merged[same].from, change.From)
	}
	return merged
}

// why says what decides before and after, for the directions in which the verdict differs.
func (d *reachDiff) why() []string {
	switch {
	case d.Before == nil:
		return []string{"before: no address family in common"}
	case d.After == nil:
		return []string{"after: no address family in common"}
	}
	var lines []string
	for _, direction := range [...]struct {
		name          string
		before, after explainedJudgement
	}{{"egress", d.Before.Egress, d.After.Egress}, {"ingress", d.Before.Ingress, d.After.Ingress}} {
		if direction.before.Verdict == direction.after.Verdict {
			continue
		}
		lines = append(lines,
			fmt.Sprintf("%s before: %s", direction.name, direction.before.sentence()), fmt.Sprintf("%s after: %s", direction.name, direction.after.sentence()))
	}
	return lines
}

// sentence says in one line what one direction decides, and why.
func (j *explainedJudgement) sentence() string {
	switch j.Cause {
	case "isolated":
		return "denied, isolated by " + policiesWords(j.Isolating)
	case "noPod":
		return "not looked at, because it is no pod"
	}
	return j.words("", policy.End{})
}

func groupsText(b *strings.Builder, title, sign string, groups []groupDiff) {
	for i, d := range groups {
		if i == 0 {
			section(b, title)
		}
		fmt.Fprintf(b, "%s %s %s\n", sign, d.Group.Kind, d.Group.Name)
		for _, line := range d.lines() {
			fmt.Fprintf(b, "    %s\n", line)
		}
	}
}

// lines say what the group reaches, and what reaches it.
func (d *groupDiff) lines() []string {
	lines := byWords("reaches %s of %s", d.Reaches)
	if len(d.Reaches) == 0 {
		lines = append(lines, "reaches nothing")
	}
	lines = append(lines, byWords("lets in %s from %s", d.ReachedBy)...)
	if len(d.ReachedBy) == 0 {
		lines = append(lines, "lets nothing in")
	}
	return lines
}

// byWords says the same of all groups that are reached on the same ports at once.
func byWords(sentence string, list []groupReach) []string {
	var words []string
	groups := map[string][]string{}
	for _, r := range list {
		if groups[r.Words] == nil {
			words = append(words, r.Words)
		}
		groups[r.Words] = append(groups[r.Words], r.Group)
	}
	lines := make([]string, len(words))
	for i, w := range words {
		lines[i] = fmt.Sprintf(sentence, w, strings.Join(groups[w], "; "))
	}
	return lines
}
