package cli

import (
	"errors"
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// lastPort is the last port there is.
const lastPort = 65535

// open answers which ports are open: for each pair of ends and each family one flow per set of ports with the same answer, open ones first. It is
// yes when of every pair something is open.
func (e *explainer) open(a *explanation, from, to *manifest.End) {
	a.Allowed = true
	for _, source := range from.Ends {
		for _, destination := range to.Ends {
			pair := manifest.Flow{Flow: e.apart(policy.Flow{Source: source, Destination: destination})}
			for _, f := range pair.ByFamily() {
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
	starts := e.starts(f)
	var flows []explainedFlow
	for _, f.Protocol = range policy.Protocols {
		if f.Protocol == policy.OtherProtocols {
			f.Port = 0
			flows = e.merge(flows, f, 0)
			continue
		}
		for i, start := range starts {
			f.Port = start
			last := lastPort
			if i+1 < len(starts) {
				last = int(starts[i+1]) - 1
			}
			flows = e.merge(flows, f, last)
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

// merge adds the answer for the flow's port up to last to those of the same kind. What rule was nearest depends on the port, so that is left
// out here.
func (e *explainer) merge(flows []explainedFlow, f policy.Flow, last int) []explainedFlow {
	x := e.flow(policy.Evaluate(e.set, f))
	x.Ports[0].Last = last
	x.Egress.Nearest, x.Ingress.Nearest, x.HowToAllow = nil, nil, ""
	for i := range flows {
		y := &flows[i]
		if !y.same(&x) {
			continue
		}
		if before := &y.Ports[len(y.Ports)-1]; before.Protocol == x.Ports[0].Protocol && before.Last+1 == x.Ports[0].First {
			before.Last = last
		} else {
			y.Ports = append(y.Ports, x.Ports[0])
		}
		return flows
	}
	return append(flows, x)
}

// starts returns the first ports of ranges on all of which every rule says the same.
func (e *explainer) starts(f policy.Flow) []uint16 {
	starts := []uint16{1}
	add := func(first, last uint16) {
		starts = append(starts, max(first, 1))
		if last < lastPort {
			starts = append(starts, last+1)
		}
	}
	for d, end := range map[policy.Direction]policy.End{policy.Egress: f.Source, policy.Ingress: f.Destination} {
		if end.Pod == nil {
			continue
		}
		for _, p := range e.set.Selecting(end.Pod, d) {
			for _, r := range p.Rules[d] {
				for _, port := range r.Ports {
					add(port.Number, max(port.Number, port.End))
				}
			}
		}
	}
	if f.Destination.Pod != nil {
		for _, named := range f.Destination.Pod.Ports {
			add(named.Number, named.Number)
		}
	}
	slices.Sort(starts)
	return slices.Compact(starts)
}
