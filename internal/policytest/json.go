package policytest

import (
	"encoding/json"
	"strconv"
	"strings"
)

// ReportJSON is the stable form of a Report, described in docs/json.md.
type ReportJSON struct {
	Passed int        `json:"passed"`
	Failed int        `json:"failed"`
	Cases  []CaseJSON `json:"cases"`
}

// CaseJSON is the stable form of an Outcome.
type CaseJSON struct {
	Test     string          `json:"test"`
	Name     string          `json:"name"`
	From     string          `json:"from"`
	To       string          `json:"to"`
	Port     json.RawMessage `json:"port,omitempty"`
	Protocol string          `json:"protocol"`
	Expect   Verdict         `json:"expect"`
	Got      Verdict         `json:"got"`
	Passed   bool            `json:"passed"`
	Decision string          `json:"decision"`
	Position string          `json:"position"`
	// DecidedAt is where that was written which decided.
	DecidedAt []string `json:"decidedAt"`
	// Of packets.
	Evaluator Verdict `json:"evaluator,omitempty"`
	Dropped   string  `json:"dropped,omitempty"`
}

// JSON returns the stable form.
func (r *Report) JSON() *ReportJSON {
	all := &ReportJSON{Cases: []CaseJSON{}}
	all.Passed, all.Failed = r.Count()
	for _, result := range r.Tests {
		for i := range result.Cases {
			all.Cases = append(all.Cases, caseOf(result.Test, &result.Cases[i]))
		}
	}
	return all
}

func caseOf(t *Test, o *Outcome) CaseJSON {
	c := CaseJSON{
		Test: t.Name, Name: o.Case.Name, From: o.Case.From.Value, To: o.Case.To.Value, Protocol: o.Case.Protocol.Value,
		Expect: o.Case.Expect, Got: o.Got, Passed: o.Passed(), Decision: strings.ReplaceAll(o.Decision.String(), "\n", "; "),
		Position: o.Case.Position.String(), DecidedAt: []string{},
	}
	for _, p := range o.At {
		c.DecidedAt = append(c.DecidedAt, p.String())
	}
	switch port := o.Case.Port; {
	case port.Number:
		c.Port = json.RawMessage(port.digits())
	case port.Value != "":
		c.Port = json.RawMessage(strconv.Quote(port.Value))
	}
	if o.Packet != nil {
		c.Evaluator, c.Dropped = verdictOf(o.Decision), o.Packet.Reason
	}
	return c
}

// digits is a number as JSON writes it: YAML knows more ways, and ParsePort has refused them.
func (t Text) digits() string {
	if zeros := strings.TrimLeft(t.Value, "0"); zeros != "" {
		return zeros
	}
	return "0"
}
