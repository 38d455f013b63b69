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
		if j.Miss != "" {
			line += "; nearest: " + j.Miss
		}
		lines = append(lines, line)
		if j.Cause == CauseClosed || j.Cause == CauseSelf {
			break
		}
	}
	if len(lines) == 0 {
		return "Accepted: no policy looks at " + f.String() + ", because neither end is a pod"
	}
	return strings.Join(lines, "\n")
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
		return fmt.Sprintf("%s: %s %s, tier %s, decides about %s", side, r.Policy, ruleName(r.Rule), r.Tier, what)
	case CauseIsolated:
		by := join(r.Isolating, Ref.String, "nothing", " and by ")
		return fmt.Sprintf("%s is isolated by %s and no policy allows %s", side, by, what)
	case CauseNode:
		return fmt.Sprintf("%s: a node always reaches its own pods, also with %s", side, what)
	case CauseSelf:
		return fmt.Sprintf("%s reaches itself, whatever the policies", subject)
	case CauseClosed:
		return fmt.Sprintf("one end is an address that no pod rightfully has: %s, %s", subject, what)
	case CauseNoPod:
		return fmt.Sprintf("%s is not looked at, because it is no pod", side)
	}
	return fmt.Sprintf("%s is not isolated and no rule is about %s", side, what)
}

func ruleName(index int) string { return fmt.Sprintf("rule %d", index) }
