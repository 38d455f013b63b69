package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// shadowed finds rules that never decide, because an earlier rule of the tier, or one of an earlier tier, decides otherwise about all that they match.
func (v *view) shadowed() []Finding {
	var found []Finding
	for l := range v.lines() {
		for _, by := range v.rivals(l) {
			if by.Action != l.Action && v.covers(by, l) && v.decidesBefore(by, l) {
				message := fmt.Sprintf("the rule (%s) never decides: %s (%s) matches all of it before", l.Words(l.direction), nameOf(by), by.Words(by.direction))
				found = append(found, l.finding(l.Field, message, "remove the rule, or move it before the other"))
				break
			}
		}
	}
	return found
}

// decidesBefore reports whether a flow that both lines match never comes to the second. In tier NetworkPolicy there is no order. What an earlier rule
// passes on comes to the next tier in spite of later rules, so where there is such a rule nothing is claimed; nor of two policies of one priority, whose
// order the API leaves open.
func (v *view) decidesBefore(by, l line) bool {
	if by.policy.Tier == l.policy.Tier {
		return by.policy.Tier != policy.NetworkPolicy && by.place < l.place && (by.policy == l.policy || by.policy.Priority < l.policy.Priority)
	}
	return by.policy.Tier < l.policy.Tier && by.Action != policy.Pass && !slices.ContainsFunc(v.rivals(by), func(e line) bool {
		return e.direction == by.direction && e.policy.Tier == by.policy.Tier && e.Action == policy.Pass && e.place < by.place
	})
}

// nameOf names a rule for people.
func nameOf(l line) string { return fmt.Sprintf("%s of %s", l.Field, l.policy.Ref) }
