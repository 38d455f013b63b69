package policytest

import (
	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// outcomes sums the flows of each case up.
func (r *run) outcomes() []Outcome {
	all := make([]Outcome, len(r.asked))
	for i, a := range r.asked {
		all[i] = a.outcome()
		all[i].At = r.decidedAt(all[i].Decision)
	}
	return all
}

// outcome picks the flow that tells most: one about which packets and evaluator differ, else one that fails the case, else the first.
func (a *asked) outcome() Outcome {
	best, rank := &a.flows[0], 0
	for i := range a.flows {
		f := &a.flows[i]
		switch {
		case f.disagrees() && rank < 2:
			best, rank = f, 2
		case f.verdict() != a.Expect && rank < 1:
			best, rank = f, 1
		}
	}
	return Outcome{
		Case: a.Case, Got: best.verdict(), Flow: best.decision.Flow, Decision: best.decision, Flows: len(a.flows),
		Packet: best.packet, Disagreement: best.disagrees(),
	}
}

// verdict is the packets', or else the evaluator's.
func (a *answer) verdict() Verdict {
	if a.packet != nil {
		return a.packet.Verdict
	}
	return verdictOf(a.decision)
}

func (a *answer) disagrees() bool {
	return a.packet != nil && a.packet.Verdict != verdictOf(a.decision)
}

func verdictOf(d policy.Decision) Verdict {
	if d.Action() == policy.Accept {
		return Allow
	}
	return Deny
}

// decidedAt finds where that was written which decided: of a Deny, the side that denies; of an Accept, both.
func (r *run) decidedAt(d policy.Decision) []manifest.Position {
	var at []manifest.Position
	for _, j := range [...]policy.Judgement{d.Egress, d.Ingress} {
		if j.Action == d.Action() {
			at = append(at, r.positions(j.Reason)...)
		}
	}
	return at
}

func (r *run) positions(reason policy.Reason) []manifest.Position {
	var at []manifest.Position
	switch reason.Cause {
	case policy.CauseRule:
		if object := r.world.ObjectOf(reason.Policy); object != nil {
			at = append(at, object.At(reason.Field))
		}
	case policy.CauseIsolated:
		for _, ref := range reason.Isolating {
			if object := r.world.ObjectOf(ref); object != nil {
				at = append(at, object.Position)
			}
		}
	}
	return at
}
