package ebpf

import (
	"bytes"
	"encoding/binary"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// encodeEvent is what the program writes for an event.
func encodeEvent(t testing.TB, e datapath.Event) []byte {
	t.Helper()
	raw := rawEvent{
		Source: keyOf(e.Source), Destination: keyOf(e.Destination), SourcePort: e.SourcePort, DestinationPort: e.DestinationPort,
		Protocol: e.Protocol, Reason: uint8(e.Reason), Rule: uint32(e.Rule),
	}
	if e.Egress {
		raw.Egress = 1
	}
	if e.Reply {
		raw.Reply = 1
	}
	var out bytes.Buffer
	if err := binary.Write(&out, binary.NativeEndian, &raw); err != nil {
		t.Fatal(err)
	}
	return out.Bytes()
}

// FuzzDecodeEvent: a sample is refused exactly when it is shorter than struct event, and is otherwise one that can be written again and
// said in words.
func FuzzDecodeEvent(f *testing.F) {
	size := binary.Size(rawEvent{})
	v4, v6 := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	for _, e := range []datapath.Event{
		{Source: v4, Destination: v4, SourcePort: 40000, DestinationPort: 80, Protocol: datapath.TCP, Reason: datapath.ReasonRule, Rule: 7, Egress: true},
		{Source: v6, Destination: v6, Protocol: 58, Reason: datapath.ReasonPickedUp, Reply: true},
		{Source: v4, Destination: v6, Protocol: 255, Reason: 255, Rule: 1<<32 - 1},
	} {
		sample := encodeEvent(f, e)
		f.Add(sample)
		f.Add(sample[:size-1])
		f.Add(append(sample, 1, 2, 3, 4))
	}
	f.Add([]byte{})
	f.Fuzz(func(t *testing.T, sample []byte) {
		e, err := decodeEvent(sample)
		if (err != nil) != (len(sample) < size) {
			t.Fatalf("%d octets of %d: %v", len(sample), size, err)
		}
		if err != nil {
			return
		}
		if !e.Source.IsValid() || e.Source.Is4In6() || !e.Destination.IsValid() || e.Destination.Is4In6() || e.Reason.String() == "" {
			t.Errorf("decoded %+v", e)
		}
		again, err := decodeEvent(encodeEvent(t, e))
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff(e, again, cmpopts.EquateComparable(netip.Addr{})); diff != "" {
			t.Errorf("written and read again (-first +second):\n%s", diff)
		}
	})
}
