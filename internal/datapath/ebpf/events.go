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

// Events calls f for every drop that the kernel tells of, until ctx ends or the Datapath is closed; only one caller at a time gets them. The kernel
// tells of at most one drop per rule, reason, CPU and 10 ms; Drops counts all of them. f must be quick: what does not fit into the ring
// meanwhile is lost.
func (d *Datapath) Events(ctx context.Context, f func(datapath.Event)) error {
	stop := context.AfterFunc(ctx, func() {
		// Fails only when the reader is closed, which ends the loop as well.
		_ = d.events.Flush()
	})
	defer stop()
	var record ringbuf.Record
	for {
		err := d.events.ReadInto(&record)
		switch {
		case errors.Is(err, ringbuf.ErrFlushed) || errors.Is(err, ringbuf.ErrClosed):
			return nil
		case err != nil:
			return fmt.Errorf("read the event ring: %w", err)
		}
		event, err := decodeEvent(record.RawSample)
		if err != nil {
			return err
		}
		f(event)
	}
}

// decodeEvent reads one sample of the ring. The kernel may hand over more octets than it was given, in front of the next sample.
func decodeEvent(sample []byte) (datapath.Event, error) {
	var raw rawEvent
	if err := binary.Read(bytes.NewReader(sample), binary.NativeEndian, &raw); err != nil {
		return datapath.Event{}, fmt.Errorf("decode an event of %d octets: %w", len(sample), err)
	}
	return eventOf(&raw), nil
}

// rawEvent is struct event of bpf/tables.h.
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
