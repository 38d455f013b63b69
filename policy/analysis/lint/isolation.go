package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// doubleIsolation finds policies that do nothing but isolate pods which another policy isolates anyway.
func (v *view) doubleIsolation() []Finding {
	var found []Finding
	for i, p := range v.policies {
		if len(p.Problems) > 0 || len(p.Rules[policy.Ingress])+len(p.Rules[policy.Egress]) > 0 || p.Isolates == [2]bool{} {
			continue
		}
		j := slices.IndexFunc(v.policies, func(by *policy.Policy) bool { return by != p && v.isolates(by, p) && !v.isolates(p, by) })
		if j < 0 {
			j = slices.IndexFunc(v.policies[:i], func(by *policy.Policy) bool { return v.isolates(by, p) })
		}
		if j >= 0 {
			message := fmt.Sprintf("%s only isolates %s, and %s isolates them anyway", p.Ref, p.Subject.Words(), v.policies[j].Ref)
			found = append(found, Finding{Ref: p.Ref, Message: message, Advice: "remove it"})
		}
	}
	return found
}

// isolates reports whether one policy isolates all that the other does.
func (v *view) isolates(by, p *policy.Policy) bool {
	return (by.Isolates[policy.Ingress] || !p.Isolates[policy.Ingress]) && (by.Isolates[policy.Egress] || !p.Isolates[policy.Egress]) &&
		v.coversSelector(&by.Subject, &p.Subject)
}
