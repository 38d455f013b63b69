package agent

import (
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/compile"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Recorder raises one warning Event about an object: the namespace or policy of ref, or the pod named in ref.Name.
type Recorder interface {
	Warn(ref policy.Ref, reason, message string)
}

// Kinds of refs that are not policies: KindPod for problems of pods, named "namespace/name"; KindNode for those of the whole node.
const (
	KindPod  policy.Kind = "Pod"
	KindNode policy.Kind = "Node"
)

// problem is something wrong with an object.
type problem struct {
	ref     policy.Ref
	message string
}

// raise tells of every problem once, and again when its text changes.
func (a *Agent) raise() {
	now := map[problem]bool{}
	tell := func(ref policy.Ref, reason, message string) {
		p := problem{ref, message}
		now[p] = true
		if a.raised[p] {
			return
		}
		a.log.Warn("problem", "object", ref, "message", message)
		if a.o.Recorder != nil {
			a.o.Recorder.Warn(ref, reason, message)
		}
	}
	for _, p := range a.world.Policies {
		if p.Problem() != "" {
			tell(p.Ref, "NotUnderstood", p.Problem())
		}
	}
	for _, ns := range a.world.Namespaces {
		if ns.Isolation != nil && ns.Isolation.Problem() != "" {
			tell(ns.Isolation.Ref, "NotUnderstood", ns.Isolation.Problem())
		}
	}
	if a.planProblem != "" {
		tell(policy.Ref{Kind: KindNode, Name: a.o.NodeName}, "NotEnforced", a.planProblem)
	}
	if a.bridges != "" {
		tell(policy.Ref{Kind: KindNode, Name: a.o.NodeName}, "NotEnforced", a.bridges)
	}
	for _, p := range a.problems {
		for _, pod := range p.Pods {
			tell(policy.Ref{Kind: KindPod, Name: pod}, reasonOf(&p), p.Message)
		}
		if len(p.Pods) == 0 {
			tell(policy.Ref{Kind: KindPod, Name: p.Address.String()}, reasonOf(&p), p.Message)
		}
	}
	a.raised = now
}

// reasonOf is the Event's word for a problem: what is about no address is about a limit.
func reasonOf(p *compile.Problem) string {
	if !p.Address.IsValid() {
		return "OverLimit"
	}
	return "AddressClosed"
}

// openProblems lists what is closed, for the status.
func (a *Agent) openProblems() []string {
	var list []string
	for p := range a.raised {
		list = append(list, p.ref.String()+": "+p.message)
	}
	for key, why := range a.attachments.closed {
		list = append(list, "attachment "+key+" is closed: "+why)
	}
	slices.Sort(list)
	return list
}
