package cli

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// explanation is the answer of explain.
type explanation struct {
	From    string          `json:"from"`
	To      string          `json:"to"`
	Port    string          `json:"port,omitempty"`
	Allowed bool            `json:"allowed"`
	Notes   []string        `json:"notes"`
	Flows   []explainedFlow `json:"flows"`
}

// explainedFlow is what one pod, address family and set of ports was answered.
type explainedFlow struct {
	From    explainedEnd       `json:"from"`
	To      explainedEnd       `json:"to"`
	Ports   []explainedPorts   `json:"ports"`
	Allowed bool               `json:"allowed"`
	Notes   []string           `json:"notes"`
	Egress  explainedJudgement `json:"egress"`
	Ingress explainedJudgement `json:"ingress"`
	// HowToAllow is one line on what to write where; empty when the flow is allowed, or nothing that is written would do.
	HowToAllow string `json:"howToAllow,omitempty"`

	flow policy.Flow // as it was decided
	// byAddress: which address the ends have may matter, because rules about networks were looked at or an address was asked for.
	byAddress bool
}

type explainedEnd struct {
	Name    string `json:"name"`
	Place   string `json:"place"`
	Address string `json:"address,omitempty"`
}

type explainedPorts struct {
	Protocol string `json:"protocol"`
	First    int    `json:"first,omitempty"`
	Last     int    `json:"last,omitempty"`
}

// explain answers for every flow between the two ends; port nil asks which ports are open.
func (e *explainer) explain(from, to *manifest.End, port *manifest.Port) (*explanation, error) {
	a := &explanation{From: from.Text, To: to.Text, Notes: []string{}, Flows: []explainedFlow{}}
	for _, end := range []*manifest.End{from, to} {
		if end.Note != "" && !slices.Contains(a.Notes, end.Note) {
			a.Notes = append(a.Notes, end.Note)
		}
	}
	if err := e.answer(a, from, to, port); err != nil {
		return nil, err
	}
	for i := range a.Flows {
		// A note says whose an address is: then it was an address that was asked about.
		a.Flows[i].byAddress = a.Flows[i].byAddress || from.Note != "" || to.Note != ""
	}
	return a, nil
}

func (e *explainer) answer(a *explanation, from, to *manifest.End, port *manifest.Port) (err error) {
	switch {
	case port != nil:
		a.Port = port.String()
		a.Allowed, err = e.ask(a, from, to, *port)
	case to.Service != nil && !manifest.Headless(to.Service):
		err = e.openService(a, from, to)
	default:
		e.open(a, from, to)
	}
	return err
}

// ask adds the answers for one port, and reports whether all of them are yes.
func (e *explainer) ask(a *explanation, from, to *manifest.End, port manifest.Port) (bool, error) {
	flows, unserved, err := e.world.Flows(from, to, port)
	if err != nil {
		return false, err
	}
	for _, why := range unserved {
		a.Notes = append(a.Notes, "the Service sends nothing there: "+why)
	}
	allowed := true
	for _, f := range flows {
		f.Flow = e.apart(f.Flow)
		for _, g := range e.world.ByFamily(f) {
			d := policy.Evaluate(e.set, g.Flow)
			x := e.flow(d)
			if g.Note != "" {
				x.Notes = append([]string{g.Note}, x.Notes...)
			}
			if cutsDNS(d) {
				x.Notes = append(x.Notes, fmt.Sprintf("this cuts DNS: names do not resolve in %s, which shows as time-outs of seconds", d.Flow.Source))
			}
			allowed = allowed && x.Allowed
			a.Flows = append(a.Flows, x)
		}
	}
	return allowed, nil
}

// apart makes two pods of a flow from a workload to itself: what is asked is whether its pods reach each other.
func (e *explainer) apart(f policy.Flow) policy.Flow {
	pod := f.Source.Pod
	represents := slices.ContainsFunc(e.world.Workloads, func(w *manifest.Workload) bool { return w.Pod == pod })
	if pod == nil || pod != f.Destination.Pod || !represents || f.Destination.Address.IsValid() {
		return f
	}
	other := *pod
	other.UID, other.Addresses = anotherPod, nil
	for _, a := range pod.Addresses {
		other.Addresses = append(other.Addresses, a.Next())
	}
	f.Destination.Pod = &other
	return f
}

// anotherPod is the UID of the second pod of a workload.
const anotherPod = "another pod of the same workload"

// flow explains one decision.
func (e *explainer) flow(d policy.Decision) explainedFlow {
	f := d.Flow
	x := explainedFlow{
		From: explainEnd(f.Source), To: explainEnd(f.Destination), Ports: []explainedPorts{{Protocol: protocolName(f.Protocol), First: int(f.Port), Last: int(f.Port)}},
		Allowed: d.Action() == policy.Accept, Notes: append([]string{}, endNotes(f)...),
		Egress: e.judgement(d.Egress), Ingress: e.judgement(d.Ingress),
		HowToAllow: d.HowToAllow(e.set),
		flow:       f, byAddress: e.looksAtAddresses(f),
	}
	return x
}

// cutsDNS reports whether the flow is a question to a name server that policies about the asking pod deny.
func cutsDNS(d policy.Decision) bool {
	const dns = 53
	byPolicy := d.Egress.Cause == policy.CauseIsolated || d.Egress.Cause == policy.CauseRule
	return d.Flow.Port == dns && (d.Flow.Protocol == policy.UDP || d.Flow.Protocol == policy.TCP) && byPolicy && d.Egress.Action == policy.Deny
}

// looksAtAddresses reports whether a policy of either pod has rules about networks, or an end is nothing but an address.
func (e *explainer) looksAtAddresses(f policy.Flow) bool {
	subjects := map[policy.Direction]policy.End{policy.Egress: f.Source, policy.Ingress: f.Destination}
	for d, end := range subjects {
		if end.Place != policy.InPod {
			return true
		}
		for _, p := range e.set.Selecting(end.Pod, d) {
			if slices.ContainsFunc(p.Rules[d], hasNetwork) {
				return true
			}
		}
	}
	return false
}

func hasNetwork(r policy.Rule) bool {
	return slices.ContainsFunc(r.Peers, func(p policy.Peer) bool { return p.Network != nil })
}

func explainEnd(e policy.End) explainedEnd {
	x := explainedEnd{Name: e.String(), Place: places[e.Place]}
	switch {
	case e.Pod != nil:
		x.Name = e.Pod.String()
	case e.Node != nil:
		x.Name = "node/" + e.Node.Name
	}
	if e.Address.IsValid() {
		x.Address = e.Address.String()
	}
	return x
}

// places are the names of places in JSON.
var places = map[policy.Place]string{
	policy.InPod: "pod", policy.OnNode: "ownNode", policy.Outside: "outside", policy.Unknown: "unknown", policy.Unattached: "unattached",
	policy.InDispute: "disputed",
}

func protocolName(p policy.Protocol) string {
	if p == policy.OtherProtocols {
		return "ICMP"
	}
	return p.String()
}

// endNotes tell what is special about the ends of a flow.
func endNotes(f policy.Flow) []string {
	var notes []string
	for _, e := range []policy.End{f.Source, f.Destination} {
		switch {
		case e.Pod != nil && e.Pod.UID == anotherPod:
			notes = append(notes, fmt.Sprintf("two pods of %s are meant; each of them reaches itself", e.Pod))
		case e.Pod != nil && e.Pod.HostNetwork:
			notes = append(notes, fmt.Sprintf("%s is in its node's network: no policy is about it, no pod selector matches it, and to others it is the node", e.Pod))
		case e.Pod != nil && e.Pod.Terminated:
			notes = append(notes, fmt.Sprintf("%s is over (Succeeded or Failed): its addresses are not its own any more", e.Pod))
		case e.Place == policy.Unknown:
			notes = append(notes, fmt.Sprintf("%s: no rule that accepts some pods matches an unknown pod, every rule that denies pods does", e))
		case e.Place == policy.InDispute:
			notes = append(notes, fmt.Sprintf("%s passes nothing until one of the pods gives it up", e))
		}
	}
	return notes
}

// same reports whether two flows were answered alike, whatever their ends and ports.
func (x *explainedFlow) same(o *explainedFlow) bool {
	return reflect.DeepEqual(x.Egress, o.Egress) && reflect.DeepEqual(x.Ingress, o.Ingress) && x.HowToAllow == o.HowToAllow
}
