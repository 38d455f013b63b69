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
	if j.Closed = closed(source, destination); j.Closed != 0 || f.Source == f.Destination {
		return j
	}
	verdicts := d
	if len(s.Verdicts) > len(d.Verdicts) {
		verdicts = s
	}
	if p := s.Profiles[source.Index]; source.isLocalPod() && p.Egress != 0 {
		j.Egress = verdicts.verdict(p.Egress, p.EgressRanges, destination.Group, f)
	}
	if p := d.Profiles[destination.Index]; destination.isLocalPod() && p.Ingress != 0 && !source.isNode() {
		j.Ingress = verdicts.verdict(p.Ingress, p.IngressRanges, source.Group, f)
	}
	return j
}

// endpoint is what the tables say of one end.
type endpoint struct{ datapath.Endpoint }

func (e endpoint) isNode() bool { return e.Index == datapath.NodeIndex }

func (e endpoint) isLocalPod() bool { return e.Index != 0 && e.Index < datapath.OtherNodeIndex }

func closed(source, destination endpoint) datapath.Reason {
	switch {
	case source.Group == datapath.BlockedGroup || destination.Group == datapath.BlockedGroup:
		return datapath.ReasonBlocked
	case destination.Group == datapath.LocalUnknownGroup && !source.isNode(),
		source.Group == datapath.LocalUnknownGroup && !destination.isNode():
		return datapath.ReasonUnknownLocal
	}
	return 0
}

// endpoint returns an address's entry, or what its network makes of it.
func (t *Tables) endpoint(a netip.Addr) endpoint {
	if e, found := t.Endpoints[a]; found {
		return endpoint{e}
	}
	bits, e := -1, datapath.Endpoint{Group: datapath.WorldGroup}
	for p, g := range t.Networks {
		if p := mapped(p); p.Bits() > bits && p.Contains(netip.AddrFrom16(a.As16())) {
			bits, e.Group = p.Bits(), g
		}
	}
	return endpoint{e}
}

// mapped returns the prefix as the kernel's table has it, which is one for both families, with IPv4 addresses as ::ffff:a.b.c.d.
func mapped(p netip.Prefix) netip.Prefix {
	if p.Addr().Is4() {
		return netip.PrefixFrom(netip.AddrFrom16(p.Addr().As16()), p.Bits()+96)
	}
	return p
}

// verdict asks in the order of datapath.VerdictKey. No entry at all is a Deny without a rule.
func (t *Tables) verdict(id datapath.ProfileID, ranges bool, group datapath.GroupID, f Flow) datapath.Verdict {
	protocol, port := f.Protocol, f.Port
	switch protocol {
	case datapath.TCP, datapath.UDP, datapath.SCTP:
	default:
		protocol, port, ranges = datapath.OtherProtocols, 0, false
	}
	for _, g := range [...]datapath.GroupID{group, datapath.AnyGroup} {
		if v, found := t.Verdicts[datapath.VerdictKey{Profile: id, Group: g, Protocol: protocol, Port: port}]; found {
			return v
		}
		for bits := uint8(16); ranges && bits >= 1; bits-- {
			first := port &^ (1<<(16-bits) - 1)
			if v, found := t.Ranges[datapath.RangeKey{Profile: id, Group: g, Protocol: protocol, Port: first, Bits: bits}]; found {
				return v
			}
		}
		if v, found := t.Verdicts[datapath.VerdictKey{Profile: id, Group: g, Protocol: protocol}]; found {
			return v
		}
	}
	return datapath.Verdict{Action: datapath.Deny}
}
