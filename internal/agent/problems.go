package agent

import (
	"slices"

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

// raise tells of every problem once, and again when its text changes.
func (a *Agent) raise() {
	now := map[string]string{}
	tell := func(ref policy.Ref, reason, message string) {
		key := ref.String()
		now[key] = message
		if a.raised[key] == message {
			return
		}
		a.log.Warn("problem", "object", key, "message", message)
		if a.o.Recorder != nil {
			a.o.Recorder.Warn(ref, reason, message)
		}
	}
	for _, p := range a.world.Policies {
		if p.Problem != "" {
			tell(p.Ref, "NotUnderstood", p.Problem)
		}
	}
	for _, ns := range a.world.Namespaces {
		if ns.Isolation != nil && ns.Isolation.Problem != "" {
			tell(ns.Isolation.Ref, "NotUnderstood", ns.Isolation.Problem)
		}
	}
	if a.planProblem != "" {
		tell(policy.Ref{Kind: KindNode, Name: a.o.NodeName}, "NotEnforced", a.planProblem)
	}
	for _, p := range a.problems {
		for _, pod := range p.Pods {
			tell(policy.Ref{Kind: KindPod, Name: pod}, "AddressClosed", p.Message)
		}
		if len(p.Pods) == 0 {
			tell(policy.Ref{Kind: KindPod, Name: p.Address.String()}, "AddressClosed", p.Message)
		}
	}
	a.raised = now
}

// openProblems lists what is closed, for the status.
func (a *Agent) openProblems() []string {
	var list []string
	for key, message := range a.raised {
		list = append(list, key+": "+message)
	}
	for key, why := range a.attachments.closed {
		list = append(list, "attachment "+key+" is closed: "+why)
	}
	slices.Sort(list)
	return list
}
