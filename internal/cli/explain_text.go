package cli

import (
	"bytes"
	"fmt"
	"io"
	"math"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// writeExplanationText prints the answer for people: flows that were answered alike together.
func writeExplanationText(out io.Writer, a *explanation) error {
	var b bytes.Buffer
	for _, note := range a.Notes {
		fmt.Fprintf(&b, "%s.\n", note)
	}
	for i, group := range grouped(a.Flows) {
		if i > 0 || len(a.Notes) > 0 {
			b.WriteByte('\n')
		}
		group.print(&b)
	}
	if _, err := out.Write(b.Bytes()); err != nil {
		return fmt.Errorf("print answer: %w", err)
	}
	return nil
}

// flowGroup are flows that were answered alike.
type flowGroup []*explainedFlow

// grouped puts flows together that were answered alike, on the same ports and with the same notes.
func grouped(flows []explainedFlow) []flowGroup {
	var groups []flowGroup
	for i := range flows {
		x := &flows[i]
		at := slices.IndexFunc(groups, func(g flowGroup) bool {
			return g[0].same(x) && slices.Equal(g[0].Ports, x.Ports) && slices.Equal(g[0].Notes, x.Notes) &&
				(g[0].From.Name == x.From.Name || g[0].To.Name == x.To.Name)
		})
		if at < 0 {
			groups = append(groups, flowGroup{x})
		} else {
			groups[at] = append(groups[at], x)
		}
	}
	return groups
}

func (g flowGroup) print(b *bytes.Buffer) {
	x := g[0]
	verdict := "Denied"
	if x.Allowed {
		verdict = "Allowed"
	}
	from, to := g.names(func(x *explainedFlow) string { return x.From.Name }), g.names(func(x *explainedFlow) string { return x.To.Name })
	fmt.Fprintf(b, "%s: %s from %s to %s\n", verdict, portsWords(x.Ports), from, to)
	for _, note := range x.Notes {
		fmt.Fprintf(b, "  note: %s\n", note)
	}
	if pairs := g.addresses(); pairs != "" {
		fmt.Fprintf(b, "  addresses compared: %s\n", pairs)
	}
	if slices.Contains([]string{"self", "closed", "families"}, x.Egress.Cause) {
		x.Egress.print(b, "either way", from, x.flow.Source)
	} else {
		x.Egress.print(b, "egress of "+from, from, x.flow.Source)
		x.Ingress.print(b, "ingress of "+to, to, x.flow.Destination)
	}
	if x.HowToAllow != "" {
		fmt.Fprintf(b, "  to allow it: %s\n", x.HowToAllow)
	}
}

// names lists what differs among the flows of a group.
func (g flowGroup) names(name func(*explainedFlow) string) string {
	var all []string
	for _, x := range g {
		if n := name(x); !slices.Contains(all, n) {
			all = append(all, n)
		}
	}
	return strings.Join(all, ", ")
}

// addresses lists the pairs of addresses that were compared, where that may matter.
func (g flowGroup) addresses() string {
	var all []string
	for _, x := range g {
		if x.byAddress && x.From.Address != "" && x.To.Address != "" {
			all = append(all, x.From.Address+" to "+x.To.Address)
		}
	}
	return strings.Join(all, ", ")
}

func (j *explainedJudgement) print(b *bytes.Buffer, side, name string, end policy.End) {
	fmt.Fprintf(b, "  %s: %s\n", side, j.words(name, end))
	if j.Fault != "" {
		fmt.Fprintf(b, "    the rule fails closed: %s\n", j.Fault)
	}
	for _, p := range j.Isolating {
		fmt.Fprintf(b, "    isolated by %s\n", p.words())
	}
	if m := j.Nearest; m != nil {
		fmt.Fprintf(b, "    nearest%s: %s\n", place(m.File, m.Line), m.Message)
	}
}

// words says the verdict and the cause.
func (j *explainedJudgement) words(name string, end policy.End) string {
	verb := "accepted"
	if j.Verdict == policy.Deny.String() {
		verb = "denied"
	}
	switch j.Cause {
	case "rule":
		return fmt.Sprintf("%s in tier %s by %s, %s", verb, j.Tier, j.Policy.words(), j.Rule.words())
	case "isolated":
		return "denied, because the pod is isolated and no rule allows it"
	case "noPod":
		return "not looked at, because " + noPodWords(name, end)
	case "node":
		return "accepted, because a node always reaches its own pods"
	case "self":
		return "accepted, because a pod always reaches itself"
	case "families":
		return "denied, because the ends have no family of addresses in common"
	case "closed":
		return "denied, because one end is an address that no pod rightfully has"
	}
	return "accepted, because no policy isolates the pod and no rule is about this"
}

func noPodWords(name string, end policy.End) string {
	switch {
	case end.Pod != nil && end.Pod.HostNetwork:
		return name + " is in its node's network"
	case end.Place == policy.OnNode || end.Node != nil:
		return name + " is a node, and policies are about pods"
	case end.Place == policy.Unknown:
		return "no pod is known there"
	}
	return name + " is outside the cluster"
}

func (p *explainedPolicy) words() string { return p.ref.String() + place(p.File, p.Line) }

func (r *explainedRule) words() string {
	name := fmt.Sprintf("rule %d", r.Index)
	if r.Name != "" {
		name += fmt.Sprintf(" %q", r.Name)
	}
	if r.Words == "" {
		return name
	}
	return fmt.Sprintf("%s%s: %s", name, place(r.File, r.Line), r.Words)
}

// place is where something was written, for the end of its name.
func place(file string, line int) string {
	if file == "" {
		return ""
	}
	return fmt.Sprintf(" (%s:%d)", file, line)
}

// portsWords says sets of ports: "TCP 80", "TCP 80, 8080-8090 and UDP (every port)".
func portsWords(ports []explainedPorts) string {
	var all []string
	for i, p := range ports {
		text := fmt.Sprintf("%d-%d", p.First, p.Last)
		switch {
		case p.First == 0:
			all = append(all, p.Protocol+" and other protocols")
			continue
		case p.First == 1 && p.Last == math.MaxUint16:
			all = append(all, "all "+p.Protocol)
			continue
		case p.First == p.Last:
			text = fmt.Sprint(p.First)
		}
		if i == 0 || ports[i-1].Protocol != p.Protocol {
			text = p.Protocol + " " + text
		}
		all = append(all, text)
	}
	return strings.Join(all, ", ")
}
