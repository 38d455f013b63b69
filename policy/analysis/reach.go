package analysis

import (
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Reach is what may pass from one group to another, in each family of addresses that both have.
type Reach struct {
	// Families are those that both groups have; none: no packet can go between them.
	Families []Family
	// Ports is by Family; empty for a family that is not in Families.
	Ports [2]Ports
}

// Any returns what may pass in at least one family.
func (r Reach) Any() Ports { return r.Ports[IPv4].Union(r.Ports[IPv6]) }

// Uniform reports whether all families that both groups have allow the same.
func (r Reach) Uniform() bool { return len(r.Families) < 2 || r.Ports[IPv4].Equal(r.Ports[IPv6]) }

// String says in words what may pass; each family for itself where they differ.
func (r Reach) String() string {
	switch {
	case len(r.Families) == 0:
		return "no common address family"
	case r.Uniform():
		return r.Any().String()
	}
	texts := make([]string, len(r.Families))
	for i, f := range r.Families {
		texts[i] = fmt.Sprintf("%s (%s)", r.Ports[f], f)
	}
	return strings.Join(texts, " | ")
}

// side is an endpoint as the subject of one direction: the policies that select it, and the set of just these. Policies that do not select it have
// no say, and a small set decides faster.
type side struct {
	selecting []*policy.Policy
	set       *policy.Set
}

type sideKey struct {
	end *endpoint
	d   policy.Direction
}

func (v *view) side(e *endpoint, d policy.Direction) *side {
	key := sideKey{e, d}
	if s := v.sides[key]; s != nil {
		return s
	}
	s := &side{}
	if e.kind == Pods {
		s.selecting = v.set.Selecting(e.pod, d)
	}
	var policies []*policy.Policy
	for _, p := range s.selecting {
		// NewSet adds the isolations of namespaces by itself.
		if p != v.namespaces[e.pod.Namespace].Isolation {
			policies = append(policies, p)
		}
	}
	s.set = policy.NewSet(v.world.Namespaces, v.world.Nodes, policies)
	v.sides[key] = s
	return s
}

// flow returns the flow from src to dst as one direction sees it, and the end whose policies count.
func flow(d policy.Direction, src, dst *endpoint, f Family, protocol policy.Protocol, port uint16) (*endpoint, policy.Flow) {
	if d == policy.Ingress {
		return dst, policy.Flow{Source: src.peer(f), Destination: dst.subject(f), Protocol: protocol, Port: port}
	}
	return src, policy.Flow{Source: src.subject(f), Destination: dst.peer(f), Protocol: protocol, Port: port}
}

// judge returns what one direction says about a flow from src to dst.
func (v *view) judge(d policy.Direction, src, dst *endpoint, f Family, protocol policy.Protocol, port uint16) policy.Judgement {
	subject, flow := flow(d, src, dst, f, protocol, port)
	decision := policy.Evaluate(v.side(subject, d).set, flow)
	j := decision.Egress
	if d == policy.Ingress {
		j = decision.Ingress
	}
	// The set has no policies of other pods, among which the nearest might be.
	return policy.Judgement{Reason: j.Reason, Words: j.Words, Fault: j.Fault}
}

// accepts reports whether both directions accept a flow: the verdict without the words.
func (v *view) accepts(src, dst *endpoint, f Family, protocol policy.Protocol, port uint16) bool {
	subject, flowOut := flow(policy.Egress, src, dst, f, protocol, port)
	if policy.Decide(v.side(subject, policy.Egress).set, flowOut).Egress.Action != policy.Accept {
		return false
	}
	subject, flowIn := flow(policy.Ingress, src, dst, f, protocol, port)
	return policy.Decide(v.side(subject, policy.Ingress).set, flowIn).Ingress.Action == policy.Accept
}

// Verdict is the answer for one flow between two groups: what each direction says, and why. It does not look for the nearest miss.
type Verdict struct {
	Egress, Ingress policy.Judgement
}

func (v *view) verdict(src, dst *endpoint, f Family, protocol policy.Protocol, port uint16) Verdict {
	return Verdict{
		Egress:  v.judge(policy.Egress, src, dst, f, protocol, port),
		Ingress: v.judge(policy.Ingress, src, dst, f, protocol, port),
	}
}

// reach asks once for every stretch of ports that no rule of the two sides cuts.
func (v *view) reach(src, dst *endpoint) Reach {
	var r Reach
	for _, f := range Families {
		if !src.hasFamily(f) || !dst.hasFamily(f) {
			continue
		}
		r.Families = append(r.Families, f)
		if src.kind != Pods && dst.kind != Pods {
			r.Ports[f] = AllPorts()
			continue
		}
		r.Ports[f] = v.allowed(src, dst, f)
	}
	return r
}

func (v *view) allowed(src, dst *endpoint, f Family) Ports {
	allowed := Ports{other: v.accepts(src, dst, f, policy.OtherProtocols, 0)}
	for i, protocol := range numbered {
		for _, s := range segments(v.cuts(src, dst, protocol)) {
			if v.accepts(src, dst, f, protocol, s.First) {
				allowed.ranges[i] = appendRange(allowed.ranges[i], s)
			}
		}
	}
	return allowed
}

// cuts returns the ports at which a decision between the two can change.
func (v *view) cuts(src, dst *endpoint, protocol policy.Protocol) []int {
	starts := []int{1}
	starts = appendCuts(starts, v.side(src, policy.Egress).selecting, policy.Egress, dst.pod, protocol)
	return appendCuts(starts, v.side(dst, policy.Ingress).selecting, policy.Ingress, dst.pod, protocol)
}
