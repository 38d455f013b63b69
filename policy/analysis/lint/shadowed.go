package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// shadowed finds rules that never decide, because an earlier rule of the tier, or one of an earlier tier, decides otherwise about all that they match.
func (v *view) shadowed() []Finding {
	var found []Finding
	for r := range v.rules() {
		for _, by := range v.rivals(r) {
			if by.Action != r.Action && v.covers(by, r) && v.decidesBefore(by, r) {
				message := fmt.Sprintf("the rule (%s) never decides: %s (%s) matches all of it before", r.Words(r.direction), nameOf(by), by.Words(by.direction))
				found = append(found, r.finding(r.Field, message, "remove the rule, or move it before the other"))
				break
			}
		}
	}
	return found
}

// decidesBefore reports whether a flow that both rules match never comes to the second. In tier NetworkPolicy there is no order. What an earlier rule
// passes on comes to the next tier in spite of later rules, so where there is such a rule nothing is claimed; nor of two policies of one priority, whose
// order the API leaves open.
func (v *view) decidesBefore(by, r rule) bool {
	if by.policy.Tier == r.policy.Tier {
		return by.policy.Tier != policy.NetworkPolicy && by.place < r.place && (by.policy == r.policy || by.policy.Priority < r.policy.Priority)
	}
	return by.policy.Tier < r.policy.Tier && by.Action != policy.Pass && !slices.ContainsFunc(v.rivals(by), func(e rule) bool {
		return e.direction == by.direction && e.policy.Tier == by.policy.Tier && e.Action == policy.Pass && e.place < by.place
	})
}

// nameOf names a rule for people.
func nameOf(r rule) string { return fmt.Sprintf("%s of %s", r.Field, r.policy.Ref) }
