package policy

import (
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// The types of conditions in the status of cluster policies.
const (
	// ConditionAccepted is True when the policy takes part as it is written, as far as its rules are sound.
	ConditionAccepted = "Accepted"
	// ConditionPartiallyInvalid is True when something in the policy fails closed; its message lists what.
	ConditionPartiallyInvalid = "PartiallyInvalid"
)

// The reasons of those conditions.
const (
	ReasonAccepted               = "Accepted"
	ReasonInvalid                = "Invalid"
	ReasonInvalidRules           = "InvalidRules"
	ReasonUnsupportedDomainNames = "UnsupportedDomainNames"
	ReasonAllRulesValid          = "AllRulesValid"
)

// The message of a condition holds at most this many bytes (metav1.Condition, maxLength of message).
const maxConditionMessage = 32768

// Conditions returns what status.conditions of a cluster policy has to be, given what it is now (old) and the generation of the object that the
// policy was made from. Conditions of other types are kept as they are. A condition's lastTransitionTime is now when its status is another than in old,
// otherwise it stays (metav1.Condition: "the last time the condition transitioned from one status to another"). The result shares nothing with old; equal
// arguments give equal results, so nothing need be written where result and old are equal.
func Conditions(p *Policy, generation int64, now metav1.Time, old []metav1.Condition) []metav1.Condition {
	conditions := make([]metav1.Condition, len(old), len(old)+2)
	copy(conditions, old)
	for _, c := range [...]metav1.Condition{accepted(p), partiallyInvalid(p)} {
		c.ObservedGeneration, c.LastTransitionTime = generation, now
		conditions = setCondition(conditions, c)
	}
	return conditions
}

// setCondition replaces the condition of the same type, or adds one.
func setCondition(conditions []metav1.Condition, c metav1.Condition) []metav1.Condition {
	for i := range conditions {
		if conditions[i].Type != c.Type {
			continue
		}
		if conditions[i].Status == c.Status {
			c.LastTransitionTime = conditions[i].LastTransitionTime
		}
		conditions[i] = c
		return conditions
	}
	return append(conditions, c)
}

// accepted is False where it is not clear whom the policy is about or when it is evaluated: what then remains of it are its denials.
func accepted(p *Policy) metav1.Condition {
	c := metav1.Condition{Type: ConditionAccepted, Status: metav1.ConditionTrue, Reason: ReasonAccepted, Message: "The policy takes part in every decision about its subjects."}
	var unclear []Problem
	for _, problem := range p.Problems {
		if problem.unclear() {
			unclear = append(unclear, problem)
		}
	}
	if len(unclear) > 0 {
		c.Status, c.Reason = metav1.ConditionFalse, ReasonInvalid
		c.Message = shorten(join(unclear, Problem.String, "", "; "), maxConditionMessage)
	}
	return c
}

// partiallyInvalid lists the problems. Where domain names are the only ones it says so in its reason, since they are the API's and nobody's mistake.
func partiallyInvalid(p *Policy) metav1.Condition {
	c := metav1.Condition{Type: ConditionPartiallyInvalid, Status: metav1.ConditionFalse, Reason: ReasonAllRulesValid, Message: "Every rule is enforced as it is written."}
	if len(p.Problems) == 0 {
		return c
	}
	c.Status, c.Reason = metav1.ConditionTrue, ReasonUnsupportedDomainNames
	for _, problem := range p.Problems {
		if !problem.Unsupported {
			c.Reason = ReasonInvalidRules
		}
	}
	c.Message = shorten(p.Problem(), maxConditionMessage)
	return c
}
