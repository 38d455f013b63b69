package policytest

import (
	"context"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/internal/probe"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Nodes sends packets through throw-away nodes. It needs root, and a kernel that can run the datapath. Close it.
type Nodes struct{ set *probe.Set }

var _ Packets = (*Nodes)(nil)

// NewNodes makes the nodes. The error says what this machine lacks.
func NewNodes() (*Nodes, error) {
	set, err := probe.New()
	if err != nil {
		return nil, err
	}
	return &Nodes{set}, nil
}

// Send puts the world in force on the nodes and sends every flow at once.
func (n *Nodes) Send(ctx context.Context, w *manifest.World, flows []policy.Flow, expected []policy.Action) ([]Packet, error) {
	var strangers probe.Strangers
	probes, allowed := make([]probe.Flow, len(flows)), make([]bool, len(flows))
	for i, f := range flows {
		probes[i] = probe.Flow{Source: f.Source.Address, Destination: f.Destination.Address, Protocol: f.Protocol, Port: f.Port}
		allowed[i] = expected[i] == policy.Accept
		for _, end := range [...]policy.End{f.Source, f.Destination} {
			switch {
			case end.Place == policy.Unknown:
				strangers.InPodRange = append(strangers.InPodRange, end.Address)
			case end.Place == policy.Outside:
				strangers.Outside = append(strangers.Outside, end.Address)
			}
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

var verdicts = map[probe.Outcome]Verdict{probe.Passed: Allow, probe.Dropped: Deny, probe.Rejected: Reject}

// Close gives everything back to the kernel.
func (n *Nodes) Close() { n.set.Close() }
