package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// withoutEffect finds policies in effect that neither isolate nor have a rule. What a problem closed has a finding of its own, and so have rules
// that policyTypes leaves out.
func (v *view) withoutEffect() []Finding {
	var found []Finding
	for _, p := range v.policies {
		if p.Concerns(policy.Ingress) || p.Concerns(policy.Egress) || len(p.Problems) > 0 {
			continue
		}
		advice := "write rules, or remove it"
		if p.WhenIsolated {
			advice = "remove it: the annotation of the namespace isolates already"
		}
		found = append(found, Finding{Ref: p.Ref, Message: fmt.Sprintf("%s has no rule and changes nothing", p.Ref), Advice: advice})
	}
	return found
}
