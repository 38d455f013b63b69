package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// open answers which ports are open: for each pair of ends and each family one flow per set of ports with the same answer, open ones first. It is
// yes when of every pair something is open.
func (e *explainer) open(a *explanation, from, to *manifest.End) {
	a.Allowed = true
	for _, source := range from.Ends {
		for _, destination := range to.Ends {
			pair := manifest.Flow{Flow: e.apart(policy.Flow{Source: source, Destination: destination})}
			for _, f := range e.world.ByFamily(pair) {
				flows := e.openPorts(f.Flow)
				a.Allowed = a.Allowed && flows[0].Allowed
				a.Flows = append(a.Flows, flows...)
			}
		}
	}
}

// openService answers for each port of a Service. It is yes when one of them is open to every pod behind it.
func (e *explainer) openService(a *explanation, from, to *manifest.End) error {
	var failures []error
	for _, sp := range to.Service.Ports {
		allowed, err := e.ask(a, from, to, manifest.Port{Protocol: sp.Protocol, Number: sp.Port})
		if err != nil {
			failures = append(failures, err)
			a.Notes = append(a.Notes, err.Error())
		}
		a.Allowed = a.Allowed || allowed
	}
	if len(a.Flows) == 0 {
		return errors.Join(append(failures, fmt.Errorf("service %s/%s has no port that leads to a pod", to.Service.Namespace, to.Service.Name))...)
	}
	return nil
}

// openPorts returns the answers for all ports between two ends.
func (e *explainer) openPorts(f policy.Flow) []explainedFlow {
	var flows []explainedFlow
	for _, f.Protocol = range policy.Protocols {
		stretches := []analysis.Range{{}}
		if f.Protocol != policy.OtherProtocols {
			stretches = analysis.Stretches(e.set, f)
		}
		for _, ports := range stretches {
			flows = e.merge(flows, f, ports)
		}
	}
	slices.SortStableFunc(flows, func(x, y explainedFlow) int {
		switch {
		case x.Allowed == y.Allowed:
			return 0
		case x.Allowed:
			return -1
		}
		return 1
	})
	return flows
}

// merge adds the answer for these ports to those of the same kind. What rule was nearest depends on the port, so that is left out here.
func (e *explainer) merge(flows []explainedFlow, f policy.Flow, ports analysis.Range) []explainedFlow {
	f.Port = ports.First
	x := e.flow(policy.Evaluate(e.set, f))
	x.Ports[0].Last = int(ports.Last)
	x.Egress.Nearest, x.Ingress.Nearest, x.HowToAllow = nil, nil, ""
	for i := range flows {
		y := &flows[i]
		if !y.same(&x) {
			continue
		}
		if before := &y.Ports[len(y.Ports)-1]; before.Protocol == x.Ports[0].Protocol && before.Last+1 == x.Ports[0].First {
			before.Last = x.Ports[0].Last
		} else {
			y.Ports = append(y.Ports, x.Ports[0])
		}
		return flows
	}
	return append(flows, x)
}
