package policytest

import (
	"context"
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Packets sends real packets. Package probe has the one that does.
type Packets interface {
	// Send puts a world in force and sends every flow. expected are the evaluator's verdicts, so that it knows which answers to wait for.
	Send(ctx context.Context, w *manifest.World, flows []policy.Flow, expected []policy.Action) ([]Packet, error)
}

// Packet is what became of a flow that was really sent.
type Packet struct {
	Verdict Verdict
	// Reason is what the datapath said about a drop; empty: nothing.
	Reason string
}

// Options say how tests are run.
type Options struct {
	// Packets answers cases with packets; nil: the evaluator does.
	Packets Packets
	// Progress gets what is being done, and how far it has come (0 of 0: no figure); nil: nobody.
	Progress func(what string, done, of int)
	// Warn gets sentences about tests that prove less than they seem to, and about manifests; nil: nobody.
	Warn func(string)
}

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

// Run runs the tests. An error means that some case cannot be asked: what it names is not there, or its manifests cannot be read.
func Run(ctx context.Context, tests []*Test, o Options) (*Report, error) {
	if o.Progress == nil {
		o.Progress = func(string, int, int) {}
	}
	if o.Warn == nil {
		o.Warn = func(string) {}
	}
	report, runs, shown := &Report{}, make([]*run, len(tests)), newControls()
	for i, t := range tests {
		var err error
		if runs[i], err = runTest(ctx, t, &o); err != nil {
			return nil, err
		}
		shown.show(runs[i].asked)
		report.Tests = append(report.Tests, &Result{Test: t, Cases: runs[i].outcomes()})
	}
	for i, t := range tests {
		shown.warn(t, runs[i].asked, o.Warn)
	}
	return report, nil
}

func runTest(ctx context.Context, t *Test, o *Options) (*run, error) {
	w, err := manifest.Read(t.Manifests, strings.NewReader(""))
	if err != nil {
		return nil, err
	}
	warnOfProblems(w, o.Warn)
	r := &run{world: w, set: w.Set(), ends: map[string]*manifest.End{}}
	for i := range t.Cases {
		if i%1000 == 0 {
			o.Progress("evaluate "+t.Name, i, len(t.Cases))
		}
		if err := r.ask(&t.Cases[i]); err != nil {
			return nil, err
		}
	}
	if o.Packets == nil {
		return r, nil
	}
	return r, r.send(ctx, t, o)
}

// warnOfProblems tells what in the policies fails closed.
func warnOfProblems(w *manifest.World, warn func(string)) {
	for _, object := range w.Objects {
		if object.Policy == nil {
			continue
		}
		for _, p := range object.Policy.Problems {
			warn(fmt.Sprintf("%s: warning: %s: %s", object.At(p.Field), object.Policy.Ref, p))
		}
	}
}

// run is one test on its way.
type run struct {
	world *manifest.World
	set   *policy.Set
	ends  map[string]*manifest.End
	asked []asked
}

// asked is a case and the flows that it stands for.
type asked struct {
	*Case
	flows []answer
}

// answer is what is known of one flow.
type answer struct {
	decision policy.Decision
	packet   *Packet
}

func (r *run) end(t Text) (*manifest.End, error) {
	if e := r.ends[t.Value]; e != nil {
		return e, nil
	}
	e, err := r.world.FindEnd(t.Value)
	if err != nil {
		return nil, &manifest.Error{Position: t.Position, Message: err.Error()}
	}
	r.ends[t.Value] = e
	return e, nil
}

// ask finds the flows of a case and has them evaluated.
func (r *run) ask(c *Case) error {
	from, err := r.end(c.From)
	if err != nil {
		return err
	}
	to, err := r.end(c.To)
	if err != nil {
		return err
	}
	port, err := manifest.ParsePort(c.Port.Value, c.Protocol.Value)
	if err != nil {
		return &manifest.Error{Position: c.Port.Position, Message: err.Error()}
	}
	flows, _, err := r.world.Flows(from, to, port)
	if err != nil {
		return &manifest.Error{Position: c.To.Position, Message: err.Error()}
	}
	a := asked{Case: c}
	for _, f := range flows {
		for _, one := range f.ByFamily() {
			d := policy.Evaluate(r.set, one.Flow)
			if err := checkEnds(d.Flow); err != nil {
				return &manifest.Error{Position: c.Position, Message: err.Error()}
			}
			a.flows = append(a.flows, answer{decision: d})
		}
	}
	r.asked = append(r.asked, a)
	return nil
}

// checkEnds refuses a flow that no packet could belong to: an answer about it would test nothing.
func checkEnds(f policy.Flow) error {
	source, destination := f.Source.Address, f.Destination.Address
	switch {
	case !source.IsValid():
		return fmt.Errorf("%s has no address", f.Source)
	case !destination.IsValid():
		return fmt.Errorf("%s has no address", f.Destination)
	case source.Is4() != destination.Is4():
		return fmt.Errorf("%s (%s) and %s (%s) have no address family in common", f.Source, source, f.Destination, destination)
	}
	return nil
}

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
			at = append(at, object.At(fieldOf(object.Policy, reason)))
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

// fieldOf is where the rule that decided stands in its object.
func fieldOf(p *policy.Policy, reason policy.Reason) string {
	for _, rule := range p.Rules[reason.Direction] {
		if rule.Index == reason.Rule {
			return rule.Field
		}
	}
	return ""
}

// send asks the packets too.
func (r *run) send(ctx context.Context, t *Test, o *Options) error {
	var flows []policy.Flow
	var expected []policy.Action
	var answers []*answer
	for i := range r.asked {
		for j := range r.asked[i].flows {
			a := &r.asked[i].flows[j]
			flows, expected, answers = append(flows, a.decision.Flow), append(expected, a.decision.Action()), append(answers, a)
		}
	}
	o.Progress(fmt.Sprintf("send packets for %s: %d pods, flows", t.Name, len(r.world.Pods)), 0, len(flows))
	packets, err := o.Packets.Send(ctx, r.world, flows, expected)
	if err != nil {
		return fmt.Errorf("%s: test %s: %w", t.Position, t.Name, err)
	}
	for i := range packets {
		answers[i].packet = &packets[i]
	}
	return nil
}
