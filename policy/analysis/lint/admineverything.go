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
	for r := range v.rules() {
		if r.policy.Tier != policy.Admin {
			continue
		}
		if r.Action != policy.Deny {
			exception[r.direction] = true
		}
		if deniesEverything(r) && isEverybody(&r.policy.Subject) && !exception[r.direction] {
			message := fmt.Sprintf("%s denies all %s of every pod of the cluster, and no policy of a lower tier can allow any", r.policy.Ref, r.direction)
			found = append(found, r.finding(r.Field, message, "use tier Baseline, or accept or pass what is needed in an earlier rule"))
		}
	}
	return found
}

// deniesEverything reports whether the rule denies every pod on every port.
func deniesEverything(r rule) bool {
	if r.Action != policy.Deny || r.Ports != nil {
		return false
	}
	return r.Peers == nil || slices.ContainsFunc(r.Peers, func(p policy.Peer) bool { return p.Pods != nil && isEverybody(p.Pods) })
}

func isEverybody(s *policy.PodSelector) bool {
	return s.Namespace == "" && s.Namespaces.IsEverything() && s.Pods.IsEverything()
}
