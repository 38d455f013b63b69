package policy

import (
	"fmt"
	"strings"
)

// String says the decision in one sentence per direction that looks at the flow, egress first.
func (d Decision) String() string {
	f := d.Flow
	var lines []string
	for _, j := range [...]Judgement{d.Egress, d.Ingress} {
		if j.Cause == CauseNoPod {
			continue
		}
		line := j.Sentence(f.Source.String(), f.Destination.String(), f.Protocol, f.Port)
		lines = append(lines, line+j.more())
		if j.Cause == CauseClosed || j.Cause == CauseSelf || j.Cause == CauseFamilies {
			break
		}
	}
	if len(lines) == 0 {
		return "Accepted: no policy looks at " + f.String() + ", because neither end is a pod"
	}
	return strings.Join(lines, "\n")
}

// more says what there is to say about a denial besides its reason.
func (j Judgement) more() string {
	switch {
	case j.Miss != "":
		return "; nearest: " + j.Miss
	case j.Fault != "":
		return "; the rule fails closed: " + j.Fault
	case j.Cause == CauseRule && j.Action == Deny:
		return "; it says: " + j.Words
	}
	return ""
}

// Sentence says the reason for a flow whose ends are given by name.
func (r Reason) Sentence(source, destination string, protocol Protocol, port uint16) string {
	verb := "Accepted"
	if r.Action == Deny {
		verb = "Denied"
	}
	subject, peer := destination, source
	if r.Direction == Egress {
		subject, peer = source, destination
	}
	what := fmt.Sprintf("%s %s %s", portWords(protocol, port), r.Direction.preposition(), peer)
	return verb + ": " + r.clause(subject, peer, what)
}

func (r Reason) clause(subject, peer, what string) string {
	side := fmt.Sprintf("%s of %s", r.Direction, subject)
	switch r.Cause {
	case CauseRule:
		return fmt.Sprintf("%s: %s %s, tier %s, decides about %s", side, r.Policy, ruleName(r.Rule, r.RuleName), r.Tier, what)
	case CauseIsolated:
		by := join(r.Isolating, Ref.String, "nothing", " and by ")
		return fmt.Sprintf("%s is isolated by %s and no policy allows %s", side, by, what)
	case CauseNode:
		return fmt.Sprintf("%s: a node always reaches its own pods, also with %s", side, what)
	case CauseSelf:
		return fmt.Sprintf("%s reaches itself, whatever the policies", subject)
	case CauseClosed:
		return fmt.Sprintf("one end is an address that no pod rightfully has: %s, %s", subject, what)
	case CauseFamilies:
		return fmt.Sprintf("%s and %s have no address family in common, so there is no %s", subject, peer, what)
	case CauseNoPod:
		return fmt.Sprintf("%s is not looked at, because it is no pod", side)
	}
	return fmt.Sprintf("%s is not isolated and no rule is about %s", side, what)
}

// ruleName is how a rule is called: by its index, and by the name that its author gave it.
func ruleName(index int, name string) string {
	if name == "" {
		return fmt.Sprintf("rule %d", index)
	}
	return fmt.Sprintf("rule %d %q", index, name)
}
