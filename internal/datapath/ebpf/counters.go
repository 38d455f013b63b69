package ebpf

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Counter is a number of packets and their bytes (IP header included).
type Counter struct {
	Packets, Bytes uint64
}

// Drops returns, for each reason, how many packets this instance dropped.
func (d *Datapath) Drops() (map[datapath.Reason]Counter, error) {
	drops := map[datapath.Reason]Counter{}
	for reason := datapath.ReasonRule; reason <= datapath.ReasonPickedUp; reason++ {
		var perCPU []rawCounter
		if err := d.objects.Reasons.Lookup(uint32(reason), &perCPU); err != nil {
			return nil, fmt.Errorf("read the counter of %q: %w", reason, err)
		}
		if sum := add(perCPU); sum.Packets > 0 {
			drops[reason] = sum
		}
	}
	return drops, nil
}

// RuleCounter returns what passed or was dropped by one rule. Rules beyond Sizes.Rules are not counted.
func (d *Datapath) RuleCounter(rule datapath.RuleID) (Counter, error) {
	if uint32(rule) >= d.sizes.Rules {
		return Counter{}, nil
	}
	var perCPU []rawCounter
	if err := d.objects.Counters.Lookup(uint32(rule), &perCPU); err != nil {
		return Counter{}, fmt.Errorf("read the counter of rule %d: %w", rule, err)
	}
	return add(perCPU), nil
}

// rawCounter is struct counter of bpf/tables.h.
type rawCounter struct {
	Packets, Bytes, Told uint64
}

func add(perCPU []rawCounter) Counter {
	var sum Counter
	for _, c := range perCPU {
		sum.Packets += c.Packets
		sum.Bytes += c.Bytes
	}
	return sum
}
