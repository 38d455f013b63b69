package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// shadowed finds rules that never decide, because an earlier rule of the tier, or one of an earlier tier, decides otherwise about all that they match.
func (v *view) shadowed() []Finding {
	var found []Finding
	lines := slices.Collect(v.lines())
	for i, l := range lines {
		for _, by := range lines[:i] {
			if by.Action != l.Action && decidesBefore(by, l) && v.covers(by, l) {
				message := fmt.Sprintf("the rule (%s) never decides: %s (%s) matches all of it before", l.Words(l.direction), place(by), by.Words(by.direction))
				found = append(found, l.finding(l.Field, message, "remove the rule, or move it before the other"))
				break
			}
		}
	}
	return found
}

// decidesBefore reports whether a flow that both lines match never comes to the second. In tier NetworkPolicy there is no order.
func decidesBefore(by, l line) bool {
	if by.policy.Tier == l.policy.Tier {
		return by.policy.Tier != policy.NetworkPolicy
	}
	return by.policy.Tier < l.policy.Tier && by.Action != policy.Pass
}

// place names a rule for people.
func place(l line) string { return fmt.Sprintf("%s of %s", l.Field, l.policy.Ref) }
