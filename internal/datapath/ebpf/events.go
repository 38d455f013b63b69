package ebpf

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"

	"github.com/cilium/ebpf/ringbuf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Events calls f for every drop that the kernel tells of, until ctx ends. The kernel tells of at most one drop per rule, reason, CPU and 10 ms;
// Drops counts all of them. f must be quick: what does not fit into the ring meanwhile is lost.
func (d *Datapath) Events(ctx context.Context, f func(datapath.Event)) error {
	r, err := ringbuf.NewReader(d.objects.Events)
	if err != nil {
		return fmt.Errorf("open the event ring: %w", err)
	}
	defer r.Close()
	stop := context.AfterFunc(ctx, func() { r.Close() })
	defer stop()
	var record ringbuf.Record
	for {
		if err := r.ReadInto(&record); errors.Is(err, ringbuf.ErrClosed) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read the event ring: %w", err)
		}
		var raw rawEvent
		if err := binary.Read(bytes.NewReader(record.RawSample), binary.NativeEndian, &raw); err != nil {
			return fmt.Errorf("decode an event: %w", err)
		}
		f(eventOf(&raw))
	}
}

// rawEvent is struct event of bpf/hedgerow.c.
type rawEvent struct {
	Source, Destination         addressKey
	SourcePort, DestinationPort uint16
	Protocol, Reason            uint8
	Egress, Reply               uint8
	Rule                        uint32
	_                           uint32
}

func eventOf(raw *rawEvent) datapath.Event {
	return datapath.Event{
		Source: raw.Source.addr(), Destination: raw.Destination.addr(),
		SourcePort: raw.SourcePort, DestinationPort: raw.DestinationPort,
		Protocol: raw.Protocol, Reason: datapath.Reason(raw.Reason), Rule: datapath.RuleID(raw.Rule),
		Egress: raw.Egress != 0, Reply: raw.Reply != 0,
	}
}
