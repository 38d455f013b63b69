package policytest

import (
	"context"
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/internal/probe"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// Nodes sends packets through throw-away nodes. It needs root, and a kernel that can run the datapath. Close it.
type Nodes struct {
	set set
	// Uncontrolled leaves the control out, so that policies change in place from one Send to the next.
	Uncontrolled bool
}

var _ Packets = (*Nodes)(nil)

// set is what is used of a probe.Set.
type set interface {
	Update(*analysis.World, probe.Strangers) error
	Probe(ctx context.Context, flows []probe.Flow, allowed []bool) ([]probe.Answer, error)
	Close()
}

var _ set = (*probe.Set)(nil)

// NewNodes makes the nodes. The error says what this machine lacks.
func NewNodes() (*Nodes, error) {
	set, err := probe.New()
	if err != nil {
		return nil, err
	}
	return &Nodes{set: set}, nil
}

// Send puts the world in force on the nodes and sends every flow at once. Before that, as a control, the flows that should be denied are sent
// while no policy is in force: if one of them does not get through then, its denial would prove nothing, and that is an error.
func (n *Nodes) Send(ctx context.Context, w *manifest.World, flows []policy.Flow, expected []policy.Action) ([]Packet, error) {
	probes, allowed := make([]probe.Flow, len(flows)), make([]bool, len(flows))
	for i, f := range flows {
		probes[i] = probe.Flow{Source: f.Source.Address, Destination: f.Destination.Address, Protocol: f.Protocol, Port: f.Port}
		allowed[i] = expected[i] == policy.Accept
	}
	strangers := strangersOf(flows)
	if !n.Uncontrolled {
		if err := n.control(ctx, &w.World, strangers, probes, allowed); err != nil {
			return nil, err
		}
	}
	if err := n.set.Update(&w.World, strangers); err != nil {
		return nil, err
	}
	answers, err := n.set.Probe(ctx, probes, allowed)
	if err != nil {
		return nil, err
	}
	packets := make([]Packet, len(answers))
	for i, a := range answers {
		packets[i] = Packet{Verdict: verdicts[a.Outcome], Reason: a.Reason}
	}
	return packets, nil
}

// strangersOf are the ends of flows that are neither pods nor nodes.
func strangersOf(flows []policy.Flow) probe.Strangers {
	var s probe.Strangers
	for _, f := range flows {
		for _, end := range [...]policy.End{f.Source, f.Destination} {
			switch end.Place {
			case policy.Unknown:
				s.InPodRange = append(s.InPodRange, end.Address)
			case policy.Outside:
				s.Outside = append(s.Outside, end.Address)
			}
		}
	}
	return s
}

// control sends the flows that are not allowed through the world without its policies.
func (n *Nodes) control(ctx context.Context, w *analysis.World, strangers probe.Strangers, probes []probe.Flow, allowed []bool) error {
	var flows []probe.Flow
	var all []bool
	for i, f := range probes {
		if !allowed[i] {
			flows, all = append(flows, f), append(all, true)
		}
	}
	if len(flows) == 0 {
		return nil
	}
	if err := n.set.Update(withoutPolicies(w), strangers); err != nil {
		return err
	}
	answers, err := n.set.Probe(ctx, flows, all)
	if err != nil {
		return err
	}
	for i, a := range answers {
		if a.Outcome != probe.Passed {
			return fmt.Errorf("%s is %s even without policies, so that its denial would prove nothing: this machine or Hedgerow is at fault", flows[i], a.Outcome)
		}
	}
	return nil
}

// withoutPolicies is the same world with nothing isolated.
func withoutPolicies(w *analysis.World) *analysis.World {
	open := *w
	open.Policies, open.Namespaces = nil, nil
	for _, ns := range w.Namespaces {
		open.Namespaces = append(open.Namespaces, &policy.Namespace{Name: ns.Name, Labels: ns.Labels})
	}
	return &open
}

var verdicts = map[probe.Outcome]Verdict{probe.Passed: Allow, probe.Dropped: Deny, probe.Rejected: Reject}

// Close gives everything back to the kernel.
func (n *Nodes) Close() { n.set.Close() }
