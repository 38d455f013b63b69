package probe

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/policy"
)

const fuzzedSCTP, fuzzedEcho = 2000, 3000

// fuzzedRound has two probes on their way, and no socket that works.
func fuzzedRound(ipv6 bool) (r *round, sctp, echo *probe) {
	flow := Flow{Source: netip.MustParseAddr("10.0.0.1"), Destination: netip.MustParseAddr("10.0.0.2")}
	if ipv6 {
		flow = Flow{Source: netip.MustParseAddr("fd00::1"), Destination: netip.MustParseAddr("fd00::2")}
	}
	echo = &probe{Flow: flow, fd: -1, local: fuzzedEcho}
	flow.Protocol, flow.Port = policy.SCTP, 80
	sctp = &probe{Flow: flow, fd: -1, local: fuzzedSCTP}
	r = &round{byID: map[uint16]*probe{fuzzedSCTP: sctp, fuzzedEcho: echo}, probes: []*probe{sctp, echo}}
	return r, sctp, echo
}

// quote is what an ICMP error holds: its own header, and the beginning of the packet that it is about.
func quote(kind byte, ipv6 bool, protocol byte, transport []byte) []byte {
	header := make([]byte, 20)
	header[9] = protocol
	if ipv6 {
		header = make([]byte, 40)
		header[6] = protocol
	}
	return append(append([]byte{kind, 0, 0, 0, 0, 0, 0, 0}, header...), transport...)
}

func echoMessage(kind byte, id uint16) []byte {
	return binary.BigEndian.AppendUint16([]byte{kind, 0, 0, 0}, id)
}

// hear hands a packet to whoever reads sockets of its protocol.
func hear(r *round, protocol int, from netip.Addr, ipv6 bool, packet []byte) {
	data := transport(packet, ipv6)
	if data == nil {
		return
	}
	switch {
	case protocol == unix.IPPROTO_SCTP:
		r.heardSCTP(&raw{fd: -1, served: map[uint16]bool{80: true}}, from, data)
	case ipv6:
		r.heardICMP(data, from, echoReply6, unreachable6, 40)
	default:
		r.heardICMP(data, from, echoReply4, unreachable4, 20)
	}
}

// FuzzHeard: no packet that a raw socket may hear, nor a piece of one, is more than its reader can bear; and a probe is decided only by a packet that
// holds the number of the probe, and passes only by one from where it went.
func FuzzHeard(f *testing.F) {
	header4 := append([]byte{0x45}, make([]byte, 19)...)
	withOptions := append([]byte{0x46}, make([]byte, 23)...)
	initAck := sctpPacket(80, fuzzedSCTP, probeTag, chunkInitAck, 1)
	call := sctpPacket(fuzzedSCTP, 80, 0, chunkInit, probeTag)
	abort := append([]byte{}, initAck...)
	abort[12] = chunkAbort
	for _, ipv6 := range []bool{false, true} {
		reply, unreachable := byte(echoReply4), byte(unreachable4)
		if ipv6 {
			reply, unreachable = echoReply6, unreachable6
		}
		for _, seed := range []struct {
			sctp bool
			data []byte
		}{
			{true, initAck}, {true, call}, {true, abort}, {true, call[:17]}, {true, nil},
			{false, append(echoMessage(reply, fuzzedEcho), 0, 1)}, {false, append(echoMessage(reply, fuzzedSCTP), 0, 1)}, {false, []byte{unreachable, 0, 0, 0, 0, 0, 0, 0, 69}},
			{false, quote(unreachable, ipv6, unix.IPPROTO_SCTP, call)}, {false, quote(unreachable, ipv6, unix.IPPROTO_SCTP, call[:7])},
			{false, quote(unreachable, ipv6, unix.IPPROTO_ICMP, append(echoMessage(8, fuzzedEcho), 0, 1))},
		} {
			for _, header := range [][]byte{nil, header4, withOptions, {0x40}, {0x4f, 1, 2, 3}} {
				if !ipv6 || header == nil {
					f.Add(ipv6, seed.sctp, true, append(append([]byte{}, header...), seed.data...))
				}
			}
			f.Add(ipv6, seed.sctp, false, append(append([]byte{}, header4...), seed.data...))
		}
	}
	f.Fuzz(func(t *testing.T, ipv6, sctp, expected bool, packet []byte) {
		if len(packet) > 1<<11 {
			packet = packet[:1<<11] // the size of the buffer
		}
		protocol := unix.IPPROTO_ICMP
		if sctp {
			protocol = unix.IPPROTO_SCTP
		}
		for end := range len(packet) + 1 {
			r, _, _ := fuzzedRound(ipv6)
			piece := packet[:end:end]
			from := r.probes[0].Destination
			if !expected {
				from = r.probes[0].Source
			}
			hear(r, protocol, from, ipv6, piece)
			for _, p := range r.probes {
				if p.decided {
					checkDecision(t, p, from, ipv6, piece)
				}
			}
		}
	})
}

// checkDecision fails when the packet says nothing about the probe that it decided.
func checkDecision(t *testing.T, p *probe, from netip.Addr, ipv6 bool, packet []byte) {
	t.Helper()
	if p.outcome == Passed && from != p.Destination {
		t.Errorf("%s passed by an answer from %s", p, from)
	}
	header := 0
	if !ipv6 {
		header = 20
	}
	for i := header; i+1 < len(packet); i++ {
		if binary.BigEndian.Uint16(packet[i:]) == p.local {
			return
		}
	}
	t.Fatalf("%s is %s by a packet that does not name it behind its IP header: %x", p, p.outcome, packet)
}

// FuzzChecksum: a message with its checksum in it sums up to nothing, and no change of one octet goes unseen.
func FuzzChecksum(f *testing.F) {
	f.Add([]byte("hedgerow"), uint16(0), byte(1))
	f.Add([]byte{8, 0, 0, 0, 0xff, 0xff, 0xff}, uint16(6), byte(0xff))
	f.Add([]byte{}, uint16(0), byte(0))
	f.Fuzz(func(t *testing.T, data []byte, at uint16, change byte) {
		message := append([]byte{0, 0}, data...)
		binary.BigEndian.PutUint16(message, checksum(message))
		if sum := checksum(message); sum != 0 {
			t.Errorf("sums up to %#x", sum)
		}
		i := int(at) % len(message)
		before, after := message[i], message[i]^change
		message[i] = after
		if change != 0 && checksum(message) == 0 {
			t.Errorf("octet %d: %#x taken for %#x", i, after, before)
		}
	})
}

// FuzzSCTPPacket: every packet that is sent can be heard, and has the checksum of RFC 9260, appendix A.
func FuzzSCTPPacket(f *testing.F) {
	f.Add(uint16(80), uint16(fuzzedSCTP), uint32(probeTag), false, uint32(1))
	f.Add(uint16(0xffff), uint16(0), uint32(0), true, uint32(0xffffffff))
	f.Fuzz(func(t *testing.T, source, destination uint16, verification uint32, ack bool, tag uint32) {
		kind := byte(chunkInit)
		if ack {
			kind = chunkInitAck
		}
		packet := sctpPacket(source, destination, verification, kind, tag)
		if length := int(binary.BigEndian.Uint16(packet[14:])); 12+length != len(packet) {
			t.Errorf("a chunk of %d octets in a packet of %d", length, len(packet))
		}
		want := binary.LittleEndian.Uint32(packet[8:])
		clear(packet[8:12])
		if got := crc32.Checksum(packet, crc32.MakeTable(crc32.Castagnoli)); got != want {
			t.Errorf("checksum %#x, want %#x", want, got)
		}
		r, sctp, _ := fuzzedRound(true)
		r.heardSCTP(&raw{fd: -1, served: map[uint16]bool{}}, sctp.Destination, packet)
		if want := ack && source == sctp.Port && destination == sctp.local; sctp.decided != want {
			t.Errorf("decided: %v, want %v", sctp.decided, want)
		}
	})
}
