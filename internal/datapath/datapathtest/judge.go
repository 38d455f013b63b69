package datapathtest

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Flow is one new connection, or a packet of a protocol without ports.
type Flow struct {
	Source, Destination netip.Addr
	Protocol            uint8
	Port                uint16
}

// Judgement is what the tables say of a flow, for each direction alone.
type Judgement struct {
	Egress, Ingress datapath.Verdict
	// Closed is the reason why the flow is dropped before any policy is asked; 0: it is not.
	Closed datapath.Reason
}

// Accepts reports whether the flow passes.
func (j Judgement) Accepts() bool {
	return j.Closed == 0 && j.Egress.Action == datapath.Accept && j.Ingress.Action == datapath.Accept
}

// Judge decides a flow from the tables alone, with the lookups of the kernel program.
func (t *Tables) Judge(f Flow) Judgement { return JudgeStraddling(t, t, f) }

// JudgeStraddling decides a flow for a packet whose judging straddles a change: the source's words are read from one state of
// the tables, the destination's from another, and the verdicts from where they are found.
func JudgeStraddling(s, d *Tables, f Flow) Judgement {
	source, destination := s.endpoint(f.Source), d.endpoint(f.Destination)
	accept := datapath.Verdict{Action: datapath.Accept}
	j := Judgement{Egress: accept, Ingress: accept}
	if j.Closed = closed(source.Group, destination.Group); j.Closed != 0 || f.Source == f.Destination {
		return j
	}
	verdicts := d
	if len(s.Verdicts) > len(d.Verdicts) {
		verdicts = s
	}
	if id := s.Profiles[source.Index].Egress; source.Index != 0 && id != 0 {
		j.Egress = verdicts.verdict(id, destination.Group, f)
	}
	if id := d.Profiles[destination.Index].Ingress; destination.Index != 0 && id != 0 && source.Group != datapath.NodeGroup {
		j.Ingress = verdicts.verdict(id, source.Group, f)
	}
	return j
}

func closed(source, destination datapath.GroupID) datapath.Reason {
	switch {
	case source == datapath.BlockedGroup || destination == datapath.BlockedGroup:
		return datapath.ReasonBlocked
	case destination == datapath.LocalUnknownGroup && source != datapath.NodeGroup,
		source == datapath.LocalUnknownGroup && destination != datapath.NodeGroup:
		return datapath.ReasonUnknownLocal
	}
	return 0
}

// endpoint returns an address's entry, or what its network makes of it.
func (t *Tables) endpoint(a netip.Addr) datapath.Endpoint {
	if e, found := t.Endpoints[a]; found {
		return e
	}
	bits, e := -1, datapath.Endpoint{Group: datapath.WorldGroup}
	for p, g := range t.Networks {
		if p.Contains(a) && p.Bits() > bits {
			bits, e.Group = p.Bits(), g
		}
	}
	return e
}

// verdict asks in the order of datapath.VerdictKey. No entry at all is a Deny without a rule.
func (t *Tables) verdict(id datapath.ProfileID, group datapath.GroupID, f Flow) datapath.Verdict {
	protocol, port := f.Protocol, f.Port
	switch protocol {
	case datapath.TCP, datapath.UDP, datapath.SCTP:
	default:
		protocol, port = datapath.OtherProtocols, 0
	}
	for _, k := range [...]datapath.VerdictKey{
		{Profile: id, Group: group, Protocol: protocol, Port: port},
		{Profile: id, Group: group, Protocol: protocol},
		{Profile: id, Group: datapath.AnyGroup, Protocol: protocol, Port: port},
		{Profile: id, Group: datapath.AnyGroup, Protocol: protocol},
	} {
		if v, found := t.Verdicts[k]; found {
			return v
		}
	}
	return datapath.Verdict{Action: datapath.Deny}
}
