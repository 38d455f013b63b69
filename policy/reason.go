package policy

import "strings"

// Reason is why one direction of a flow was decided as it was.
type Reason struct {
	Action    Action // Accept or Deny
	Direction Direction
	Cause     Cause
	// Tier, Policy, Rule (the rule's index in its object), RuleName (what its author called it) and Field (its place, such as "spec.ingress[0]") are set
	// for CauseRule. Tier is set for CauseIsolated too.
	Tier     Tier
	Policy   Ref
	Rule     int
	RuleName string
	Field    string
	// Isolating are the policies that isolate the pod, for CauseIsolated.
	Isolating []Ref
}

// Cause is the kind of a Reason.
type Cause uint8

// The causes.
const (
	// CauseNotIsolated: no rule decided and nothing isolates the pod in this direction.
	CauseNotIsolated Cause = iota
	// CauseRule: a rule decided.
	CauseRule
	// CauseIsolated: no rule decided and policies isolate the pod.
	CauseIsolated
	// CauseNoPod: this end is no pod, so no policy looks at this direction.
	CauseNoPod
	// CauseNode: a node always reaches its own pods.
	CauseNode
	// CauseSelf: a pod always reaches itself.
	CauseSelf
	// CauseClosed: an end is an address that must not be used: in the node's pod range without a pod, or claimed by two pods.
	CauseClosed
	// CauseFamilies: the ends have no family of addresses in common, so that there are no packets between them.
	CauseFamilies
)

// ruleReason is the reason when a rule of the policy decides.
func ruleReason(d Direction, p *Policy, rule *Rule) Reason {
	return Reason{
		Action: rule.Action, Direction: d, Cause: CauseRule, Tier: p.Tier, Policy: p.Ref, Rule: rule.Index, RuleName: rule.Name, Field: rule.Field,
	}
}

// faultOf says what is wrong with a rule that denies, or with whom its policy is about; empty: nothing.
func (p *Policy) faultOf(rule *Rule) string {
	if rule.Action != Deny {
		return ""
	}
	var faults []Problem
	for _, problem := range p.Problems {
		if problem.unclear() || rule.Field != "" && strings.HasPrefix(problem.Field, rule.Field+".") {
			faults = append(faults, problem)
		}
	}
	return join(faults, Problem.String, "", "; ")
}
