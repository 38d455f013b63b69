package kernel

import (
	"context"
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/internal/policytest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// question is a flow as a PolicyTest writes it. It stands for one flow in every family that both ends have.
type question struct {
	from, to string
	port     manifest.Port
}

// flow is what came of one flow of a question.
type flow struct {
	question
	decision policy.Decision
	packet   policytest.Packet
}

// want is the evaluator's verdict.
func (f *flow) want() policytest.Verdict {
	if f.decision.Action() == policy.Accept {
		return policytest.Allow
	}
	return policytest.Deny
}

// ports are what is probed: those that policies mention, their neighbours, and some that nobody mentions.
var ports = []uint16{80, 80, 81, 82, 79, 53, 52, 8080, 9000, 9001, 443}

// draw asks some of all questions.
func (w *world) draw() []question {
	ends := w.ends()
	drawn := map[question]bool{}
	var all []question
	for range 4 * questionsPerWorld {
		from, to := ends, ends
		if w.chance(50) {
			// Policies are about pods: at least half of the flows go between two of them.
			from, to = ends[:len(w.pods)], ends[:len(w.pods)]
		}
		q := question{from: pick(w, from...), to: pick(w, to...), port: manifest.Port{Protocol: pick(w, policy.Protocols[:]...)}}
		if q.port.Protocol != policy.OtherProtocols {
			q.port.Number = pick(w, ports...)
		}
		if drawn[q] || !strings.Contains(q.from+q.to, "/") {
			continue // between strangers and nodes there is no policy
		}
		drawn[q] = true
		if all = append(all, q); len(all) == questionsPerWorld {
			break
		}
	}
	return all
}

// compare has the questions answered by the evaluator and by packets.
func compare(nodes *policytest.Nodes, manifests string, questions []question) ([]flow, error) {
	read, err := manifest.Read([]string{"-"}, strings.NewReader(manifests))
	if err != nil {
		return nil, err
	}
	var flows []flow
	set := read.Set()
	for _, q := range questions {
		found, err := q.evaluate(read, set)
		if err != nil {
			return nil, err
		}
		flows = append(flows, found...)
	}
	asked, expected := make([]policy.Flow, len(flows)), make([]policy.Action, len(flows))
	for i, f := range flows {
		asked[i], expected[i] = f.decision.Flow, f.decision.Action()
	}
	packets, err := nodes.Send(context.Background(), read, asked, expected)
	if err != nil {
		return nil, fmt.Errorf("send packets: %w", err)
	}
	for i := range flows {
		flows[i].packet = packets[i]
	}
	return flows, nil
}

// evaluate returns the flows of a question with the evaluator's decisions.
func (q question) evaluate(read *manifest.World, set *policy.Set) ([]flow, error) {
	from, err := read.FindEnd(q.from)
	if err != nil {
		return nil, err
	}
	to, err := read.FindEnd(q.to)
	if err != nil {
		return nil, err
	}
	flows, _, err := read.Flows(from, to, q.port)
	if err != nil {
		return nil, err
	}
	var all []flow
	for _, one := range flows {
		for _, g := range read.ByFamily(one) {
			f := flow{question: q, decision: policy.Evaluate(set, g.Flow)}
			source, destination := f.decision.Flow.Source.Address, f.decision.Flow.Destination.Address
			if source.IsValid() && destination.IsValid() && source.Is4() == destination.Is4() {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// differing returns the flows about which packets and evaluator disagree: whether they get through, or why they do not, where the datapath told.
func differing(flows []flow) []flow {
	var all []flow
	for _, f := range flows {
		if f.packet.Verdict != f.want() || f.packet.Reason != "" && f.packet.Reason != f.reason() {
			all = append(all, f)
		}
	}
	return all
}

// reason is what the datapath should say of a flow that is denied: the word of the source's node, which sees the packet first, or else of the
// destination's.
func (f *flow) reason() string {
	j := f.decision.Egress
	if j.Action == policy.Accept {
		j = f.decision.Ingress
	}
	ends := f.decision.Flow
	return j.Sentence(ends.Source.Address.String(), ends.Destination.Address.String(), ends.Protocol, ends.Port)
}
