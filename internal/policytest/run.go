package policytest

import (
	"context"
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Packets sends real packets. Nodes does.
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
	for _, warning := range w.Warnings() {
		o.Warn(warning)
	}
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
