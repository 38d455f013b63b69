package probe

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Types of ICMP and ICMPv6 messages.
const (
	echoReply4, unreachable4, echoRequest4 = 0, 3, 8
	unreachable6, echoRequest6, echoReply6 = 1, 128, 129
)

// callICMP sends an echo request until its reply comes.
func (r *round) callICMP(p *probe) error {
	s, err := r.icmpSocket(p.Source)
	if err != nil {
		return err
	}
	r.identify(p)
	kind := byte(echoRequest4)
	if p.Source.Is6() {
		kind = echoRequest6
	}
	message := binary.BigEndian.AppendUint16([]byte{kind, 0, 0, 0}, p.local)
	message = append(append(message, 0, 1), hello...)
	if p.Source.Is4() {
		binary.BigEndian.PutUint16(message[2:], checksum(message)) // the kernel fills in ICMPv6's
	}
	p.send = func() { s.sendTo(p.Destination, message) }
	p.send()
	return nil
}

// icmpSocket returns the socket of an address on which replies and errors come in.
func (r *round) icmpSocket(at netip.Addr) (*raw, error) {
	protocol := unix.IPPROTO_ICMP
	if at.Is6() {
		protocol = unix.IPPROTO_ICMPV6
	}
	return r.rawSocket(at, protocol, func(_ *raw, from netip.Addr, data []byte) {
		if at.Is6() {
			r.heardICMP(data, from, echoReply6, unreachable6, 40)
		} else {
			r.heardICMP(data, from, echoReply4, unreachable4, 20)
		}
	})
}

// heardICMP takes a message. Of an error, header is how long the IP header of the packet is that it quotes: ours have no options.
func (r *round) heardICMP(data []byte, from netip.Addr, reply, unreachable byte, header int) {
	switch {
	case len(data) < 8:
	case data[0] == reply:
		if p := r.byID[binary.BigEndian.Uint16(data[4:])]; p != nil && p.Protocol == policy.OtherProtocols && p.Destination == from {
			r.decide(p, Passed)
		}
	case data[0] == unreachable && len(data) >= 8+header+8:
		quoted := data[8:]
		protocol, at := quoted[9], 0
		if header == 40 {
			protocol = quoted[6]
		}
		if protocol != unix.IPPROTO_SCTP {
			at = 4 // the identifier of an echo
		}
		p := r.byID[binary.BigEndian.Uint16(quoted[header+at:])]
		if p != nil && policy.ProtocolOfNumber(protocol) == p.Protocol {
			r.decide(p, Rejected)
		}
	}
}

// checksum is the Internet checksum (RFC 1071).
func checksum(data []byte) uint16 {
	var sum uint32
	for i := 0; i+1 < len(data); i += 2 {
		sum += uint32(binary.BigEndian.Uint16(data[i:]))
	}
	if len(data)%2 == 1 {
		sum += uint32(data[len(data)-1]) << 8
	}
	for sum>>16 != 0 {
		sum = sum&0xffff + sum>>16
	}
	return ^uint16(sum)
}
