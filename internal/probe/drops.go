package probe

import (
	"net/netip"
	"sync"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// drops are what one node's datapath told of dropped packets.
type drops struct {
	mu      sync.Mutex
	reasons map[datapath.RuleID]policy.Reason
	told    map[tuple]string
}

// tuple names one probe's packets.
type tuple struct {
	source, destination netip.AddrPort
	protocol            policy.Protocol
}

func newDrops() *drops { return &drops{told: map[tuple]string{}} }

// name says what rule ids stand for from now on.
func (d *drops) name(reasons map[datapath.RuleID]policy.Reason) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.reasons = reasons
}

// add keeps one event, in words.
func (d *drops) add(e datapath.Event) {
	d.mu.Lock()
	defer d.mu.Unlock()
	t := tuple{
		netip.AddrPortFrom(e.Source, e.SourcePort), netip.AddrPortFrom(e.Destination, e.DestinationPort), policy.ProtocolOfNumber(e.Protocol),
	}
	text := e.Reason.String()
	if reason, known := d.reasons[e.Rule]; known && e.Reason == datapath.ReasonRule {
		text = reason.Sentence(e.Source.String(), e.Destination.String(), t.protocol, e.DestinationPort)
	}
	d.told[t] = text
}

// of returns what was told of the probe, in words.
func (d *drops) of(t tuple) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	return d.told[t]
}

// forget drops what was told so far.
func (d *drops) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	clear(d.told)
}
