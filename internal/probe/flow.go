package probe

import (
	"fmt"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Flow is one connection attempt between two addresses of one family. Who has them is up to the world.
type Flow struct {
	Source, Destination netip.Addr
	// Protocol OtherProtocols is probed by an ICMP echo.
	Protocol policy.Protocol
	Port     uint16 // 0 for OtherProtocols
}

func (f Flow) String() string {
	if f.Protocol == policy.OtherProtocols {
		return fmt.Sprintf("ICMP echo from %s to %s", f.Source, f.Destination)
	}
	return fmt.Sprintf("%s from %s to %s", f.Protocol, f.Source, netip.AddrPortFrom(f.Destination, f.Port))
}

// Check tells why the flow cannot be probed; nil: it can.
func (f Flow) Check() error {
	for _, a := range [...]netip.Addr{f.Source, f.Destination} {
		switch {
		case !a.IsValid():
			return fmt.Errorf("probe: one end has no address of the other's family")
		case a.IsLoopback() || a.IsMulticast() || a.IsUnspecified() || a.Is4In6() || a.Zone() != "" || a.Is6() && a.IsLinkLocalUnicast():
			return fmt.Errorf("probe: %s is no address that packets are routed to", a)
		}
	}
	switch {
	case f.Source.Is4() != f.Destination.Is4():
		return fmt.Errorf("probe: %s and %s are of different families", f.Source, f.Destination)
	case f.Protocol != policy.OtherProtocols && f.Port == 0:
		return fmt.Errorf("probe: %s needs a port", f.Protocol)
	}
	return nil
}

// Outcome is what became of a probe.
type Outcome uint8

// The outcomes.
const (
	// Dropped: no answer came.
	Dropped Outcome = iota
	// Passed: the answer came back.
	Passed
	// Rejected: somebody refused (a reset, an ICMP error). Policies never do that.
	Rejected
)

func (o Outcome) String() string { return [...]string{"dropped", "passed", "rejected"}[o%3] }

// Answer is what became of the probe of one flow.
type Answer struct {
	Outcome Outcome
	// Reason is what the datapath said about it, for people; empty when it said nothing: it does not tell of every single drop.
	Reason string
}
