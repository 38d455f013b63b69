// Package datapath is the interface between what Hedgerow has decided and the kernel that enforces it: tables of small
// integers, and ordered changes to them. Compile produces changes; an implementation (package ebpf) applies them. Nothing
// here knows policies, pods or selectors, and nothing here decides.
package datapath

import (
	"errors"
	"fmt"
	"net/netip"
)

// GroupID names a group: endpoints that no peer selector in use can tell apart. It is not reused while the kernel may
// still hold entries that mention it.
type GroupID uint32

// Reserved groups. Groups found by the compiler start at FirstGroup.
const (
	// AnyGroup is the fallback in the verdict table for groups without entries of their own under a profile.
	AnyGroup GroupID = 0
	// UnknownGroup holds addresses inside the cluster's pod ranges that the agent does not know and that no network in use tells apart.
	UnknownGroup GroupID = 1
	// WorldGroup holds addresses outside the cluster that no network in use tells apart.
	WorldGroup GroupID = 2
	// LocalUnknownGroup holds addresses inside this node's pod range without an endpoint: nothing but node traffic
	// passes.
	LocalUnknownGroup GroupID = 4
	// BlockedGroup holds addresses that two live pods claim: nothing passes, not even node traffic.
	BlockedGroup GroupID = 5
	// FirstGroup is the least id that the compiler hands out.
	FirstGroup GroupID = 16
)

// ProfileID names a profile of one direction: local pods that no policy subject in use can tell apart. 0 means that the
// pod is not isolated in that direction and no rule looks at it: everything passes without a lookup.
type ProfileID uint32

// RuleID names the reason of a verdict: a rule of a policy, or the policies that isolate. It is also the index of the
// rule's counters. 0 means none.
type RuleID uint32

// ProfileIndex is the place of one local pod in the profiles table. 0 means: not a local pod.
type ProfileIndex uint16

// NodeIndex marks an address of this node itself, whatever its group: it is no place in the profiles table. A packet that this node sends from
// such an address reaches every local pod.
const NodeIndex ProfileIndex = 65535

// OtherNodeIndex marks an address of another node. It is no place in the profiles table either. Such an address is a router's and no pod's: its ICMP
// errors about connections of others pass with them.
const OtherNodeIndex ProfileIndex = 65534

// Endpoint is what the kernel knows of one address.
type Endpoint struct {
	Group GroupID
	Index ProfileIndex // 0 unless the address belongs to a local pod or to a node
}

// Profile is the entry of one local pod. Ingress and Egress change together, in one word.
type Profile struct {
	Ingress ProfileID // at most MaxProfileID
	Egress  ProfileID // at most MaxProfileID
	// IngressRanges and EgressRanges say that the profile has entries in the table of ranges; without them the kernel does not look there.
	IngressRanges, EgressRanges bool
	// Interface is the index of the pod's host-side interface in the node's network namespace. It never changes while the
	// entry is referenced.
	Interface uint32
}

// MaxProfileID is the greatest profile id the tables can hold (28 bits).
const MaxProfileID ProfileID = 1<<28 - 1

// Protocol numbers as in the IP header. OtherProtocols stands in verdict keys for every protocol that has no ports that
// policies can name (ICMP, IPIP, …); its Port is always 0.
const (
	OtherProtocols uint8 = 0
	TCP            uint8 = 6
	UDP            uint8 = 17
	SCTP           uint8 = 132
)

// VerdictKey addresses one verdict. The kernel asks in this order and takes the first entry found: (group, port), (group, range of ports),
// (group, any port), and then the same for AnyGroup. So a group that has an entry of its own under a profile must
// have all that differ from its any-port entry. No entry at all is a drop. Port 0 is a packet's port too: it is in no range, since the first
// question, for the port itself, finds the any-port entry.
type VerdictKey struct {
	Profile  ProfileID
	Group    GroupID // AnyGroup: every group without entries of its own
	Protocol uint8   // TCP, UDP, SCTP or OtherProtocols
	Port     uint16  // destination port of the flow, host order; 0: any port
}

// RangeKey addresses one verdict about a block of ports: those whose first Bits bits are those of Port. Of several blocks that hold a port, the
// smallest counts.
type RangeKey struct {
	Profile  ProfileID
	Group    GroupID
	Protocol uint8  // TCP, UDP or SCTP
	Port     uint16 // the first port of the block, host order
	Bits     uint8  // 1 to 16
}

// Action is what happens to a packet.
type Action uint8

// The actions.
const (
	Deny   Action = 0
	Accept Action = 1
)

func (a Action) String() string {
	if a == Accept {
		return "Accept"
	}
	return "Deny"
}

// Verdict is an action and the rule that decided.
type Verdict struct {
	Action Action
	Rule   RuleID
}

// Change is one step. An implementation applies its parts in the order of the fields, so that what is referenced is
// always there first and is removed last. A change that does not fit is refused whole with ErrFull, before anything is written.
type Change struct {
	PutVerdicts map[VerdictKey]Verdict // new keys only; an existing verdict never changes in place
	PutRanges   map[RangeKey]Verdict   // the same
	// PutNetworks gives groups to addresses without an endpoint, by their longest prefix. Longer prefixes are written before shorter ones, so
	// that every address goes from its old group to its new one in one write.
	PutNetworks map[netip.Prefix]GroupID
	PutProfiles map[ProfileIndex]Profile
	// PutInterfaces are host-side interfaces of local pods: packets that arrive there must carry the pod's address.
	PutInterfaces []uint32
	PutEndpoints  map[netip.Addr]Endpoint

	DeleteEndpoints  []netip.Addr
	DeleteInterfaces []uint32
	DeleteProfiles   []ProfileIndex
	DeleteNetworks   []netip.Prefix
	DeleteRanges     []RangeKey
	DeleteVerdicts   []VerdictKey
}

// Empty reports whether the change does nothing.
func (c *Change) Empty() bool {
	return len(c.PutVerdicts)+len(c.PutRanges)+len(c.PutNetworks)+len(c.PutProfiles)+len(c.PutInterfaces)+len(c.PutEndpoints)+
		len(c.DeleteEndpoints)+len(c.DeleteInterfaces)+len(c.DeleteProfiles)+len(c.DeleteNetworks)+len(c.DeleteRanges)+len(c.DeleteVerdicts) == 0
}

// ErrFull is wrapped by the error of a change that does not fit into the tables. Nothing of the change was applied.
var ErrFull = errors.New("table is full")

// Reason says why the kernel dropped a packet when no verdict did, or that a verdict did.
type Reason uint8

// The reasons. Their numbers are part of the kernel program.
const (
	// ReasonRule: the verdict table denies; the event's Rule says which rule or which isolating policies.
	ReasonRule Reason = 1
	// ReasonNoConntrack: the packet has no connection tracking state (tracking is off, or the packet is invalid or
	// untracked) and one of its ends is isolated.
	ReasonNoConntrack Reason = 2
	// ReasonSpoofed: the packet's source address is not the pod's whose interface it came from, or it is a local pod's
	// and came from elsewhere.
	ReasonSpoofed Reason = 3
	// ReasonUnknownLocal: one end lies in this node's pod range and has no endpoint (yet, or any more).
	ReasonUnknownLocal Reason = 4
	// ReasonBlocked: two live pods claim one end's address.
	ReasonBlocked Reason = 5
	// ReasonMalformed: the packet could not be parsed and one of its ends is isolated, or nobody can tell where it goes (an IPv4 source
	// route; IPv4 addresses in an IPv6 header).
	ReasonMalformed Reason = 6
	// ReasonNoVerdict: a table entry that must exist was not found (also: a torn read twice in a row).
	ReasonNoVerdict Reason = 7
	// ReasonPickedUp: the flow was picked up by connection tracking in the middle, and the other orientation is denied.
	ReasonPickedUp Reason = 8
)

var reasonText = map[Reason]string{
	ReasonRule:         "denied by policy",
	ReasonNoConntrack:  "no connection tracking state",
	ReasonSpoofed:      "source address is not the sender's",
	ReasonUnknownLocal: "address has no pod on this node",
	ReasonBlocked:      "address is claimed by two pods",
	ReasonMalformed:    "packet cannot be parsed",
	ReasonNoVerdict:    "no verdict in the table",
	ReasonPickedUp:     "connection was picked up in the middle and its reverse is denied",
}

func (r Reason) String() string {
	if s, ok := reasonText[r]; ok {
		return s
	}
	return fmt.Sprintf("reason %d", uint8(r))
}

// Event is one dropped packet, as the flow it belongs to (a reply is shown with its ends swapped).
type Event struct {
	Source, Destination         netip.Addr
	SourcePort, DestinationPort uint16
	Protocol                    uint8
	Reason                      Reason
	Rule                        RuleID
	// Egress is true when the source's egress profile decided, false for the destination's ingress profile.
	Egress bool
	// Reply is true when the dropped packet itself travelled from Destination to Source.
	Reply bool
}
