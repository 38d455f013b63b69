package lint

import (
	"fmt"
	"slices"

	networkingv1 "k8s.io/api/networking/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// ignoredRules finds rules of a direction that policyTypes leaves out: they are never looked at. (policyTypes with a direction that has no rule denies
// all of it, which is a common and good policy.)
func (v *view) ignoredRules() []Finding {
	var found []Finding
	for _, np := range v.NetworkPolicies {
		ref := policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: np.Namespace, Name: np.Name}
		for _, side := range []struct {
			kind  networkingv1.PolicyType
			field string
			rules int
		}{
			{networkingv1.PolicyTypeIngress, "spec.ingress", len(np.Spec.Ingress)},
			{networkingv1.PolicyTypeEgress, "spec.egress", len(np.Spec.Egress)},
		} {
			if side.rules == 0 || len(np.Spec.PolicyTypes) == 0 || slices.Contains(np.Spec.PolicyTypes, side.kind) {
				continue
			}
			found = append(found, Finding{
				Ref: ref, Field: side.field, Message: fmt.Sprintf("%s ignores its %s: policyTypes does not list %s", ref, plural(side.rules, "rule")+" of "+side.field, side.kind),
				Advice: fmt.Sprintf("add %s to policyTypes, or remove %s", side.kind, side.field),
			})
		}
	}
	return found
}
