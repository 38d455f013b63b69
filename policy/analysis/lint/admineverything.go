package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// adminEverything finds a rule of tier Admin that denies every pod everything, with no earlier rule of the tier that accepts or passes anything: no
// NetworkPolicy counts any more. The same for some pods only is a quarantine, and means it.
func (v *view) adminEverything() []Finding {
	var found []Finding
	exception := map[policy.Direction]bool{}
	for l := range v.lines() {
		if l.policy.Tier != policy.Admin {
			continue
		}
		if l.Action != policy.Deny {
			exception[l.direction] = true
		}
		if deniesEverything(l) && isEverybody(&l.policy.Subject) && !exception[l.direction] {
			message := fmt.Sprintf("%s denies all %s of every pod of the cluster, and no policy of a lower tier can allow any", l.policy.Ref, l.direction)
			found = append(found, l.finding(l.Field, message, "use tier Baseline, or accept or pass what is needed in an earlier rule"))
		}
	}
	return found
}

// deniesEverything reports whether the rule denies every pod on every port.
func deniesEverything(l line) bool {
	if l.Action != policy.Deny || l.Ports != nil {
		return false
	}
	return l.Peers == nil || slices.ContainsFunc(l.Peers, func(p policy.Peer) bool { return p.Pods != nil && isEverybody(p.Pods) })
}

func isEverybody(s *policy.PodSelector) bool {
	return s.Namespace == "" && s.Namespaces.IsEverything() && s.Pods.IsEverything()
}
