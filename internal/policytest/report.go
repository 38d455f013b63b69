package policytest

import (
	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Report is what tests came to.
type Report struct {
	Tests []*Result
}

// Result is what one test came to.
type Result struct {
	Test  *Test
	Cases []Outcome
}

// Outcome is what one case came to.
type Outcome struct {
	Case *Case
	// Got is Allow when every flow of the case got through, else what became of the first that did not; for a case that expects Deny the other way about.
	Got Verdict
	// Flow is the flow that Got and Decision are about: the first that failed the case, or its first.
	Flow policy.Flow
	// Decision is the evaluator's reason.
	Decision policy.Decision
	// At is where the rule was written that decided, or each policy that isolates.
	At []manifest.Position
	// Flows is how many flows the case stands for.
	Flows int
	// Packet is what the packets said of Flow; nil: none were sent.
	Packet *Packet
	// Disagreement: packets and evaluator differ about a flow of the case. That is a fault of Hedgerow, and the case fails.
	Disagreement bool
}

// Passed reports whether the case came to what it expects.
func (o *Outcome) Passed() bool { return o.Got == o.Case.Expect && !o.Disagreement }

// Count returns how many cases passed and how many failed.
func (r *Report) Count() (passed, failed int) {
	for _, result := range r.Tests {
		for i := range result.Cases {
			if result.Cases[i].Passed() {
				passed++
			} else {
				failed++
			}
		}
	}
	return passed, failed
}

// Passed reports whether there was a case and none failed.
func (r *Report) Passed() bool {
	passed, failed := r.Count()
	return passed > 0 && failed == 0
}
