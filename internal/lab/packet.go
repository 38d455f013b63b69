package lab

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Packet is an IP packet made by hand, for what no socket of the kernel would send. The zero value of an optional field means the usual.
type Packet struct {
	Source, Destination netip.Addr
	Protocol            uint8
	Payload             []byte // transport header and data; its checksum is filled in for TCP, UDP, ICMP and ICMPv6
	HopLimit            uint8  // default 64
	Options             []byte // IPv4 options; the length is a multiple of four
	Extensions          []Extension
	// Version overrides the family of the addresses: 6 puts IPv4 addresses on the wire as ::ffff:a.b.c.d.
	Version int
}

// Extension is one IPv6 extension header: Body is all but its first octet, which names the next header.
type Extension struct {
	Type uint8
	Body []byte
}

// Padding returns the extension header of a type (hop-by-hop or destination options) that holds nothing: 8 octets.
func Padding(kind uint8) Extension {
	return Extension{Type: kind, Body: []byte{0, 1, 4, 0, 0, 0, 0}}
}

// UDPPacket returns a datagram.
func UDPPacket(source, destination netip.AddrPort, data []byte) Packet {
	b := binary.BigEndian.AppendUint16(nil, source.Port())
	b = binary.BigEndian.AppendUint16(b, destination.Port())
	b = binary.BigEndian.AppendUint16(b, uint16(8+len(data)))
	b = append(b, 0, 0)
	return Packet{Source: source.Addr(), Destination: destination.Addr(), Protocol: unix.IPPROTO_UDP, Payload: append(b, data...)}
}

// TCP flags.
const (
	FIN = 0x01
	SYN = 0x02
	RST = 0x04
	PSH = 0x08
	ACK = 0x10
)

// TCPPacket returns a segment.
func TCPPacket(source, destination netip.AddrPort, flags uint8, seq, ack uint32, data []byte) Packet {
	b := binary.BigEndian.AppendUint16(nil, source.Port())
	b = binary.BigEndian.AppendUint16(b, destination.Port())
	b = binary.BigEndian.AppendUint32(b, seq)
	b = binary.BigEndian.AppendUint32(b, ack)
	b = append(b, 5<<4, flags, 0xff, 0xff, 0, 0, 0, 0)
	return Packet{Source: source.Addr(), Destination: destination.Addr(), Protocol: unix.IPPROTO_TCP, Payload: append(b, data...)}
}

// EchoPacket returns an echo request of the addresses' family.
func EchoPacket(source, destination netip.Addr, id uint16) Packet {
	return ICMPPacket(source, destination, EchoRequest(source), 0, uint32(id)<<16|1, []byte("hedgerow"))
}

// EchoRequest returns the ICMP type of an echo request in the address's family.
func EchoRequest(a netip.Addr) uint8 {
	if a.Is4() {
		return 8
	}
	return 128
}

// EchoReply returns the ICMP type of an echo reply in the address's family.
func EchoReply(a netip.Addr) uint8 {
	if a.Is4() {
		return 0
	}
	return 129
}

// ICMPPacket returns a message of ICMP or ICMPv6, whichever the addresses want.
func ICMPPacket(source, destination netip.Addr, kind, code uint8, rest uint32, body []byte) Packet {
	protocol := uint8(unix.IPPROTO_ICMP)
	if source.Is6() {
		protocol = unix.IPPROTO_ICMPV6
	}
	b := binary.BigEndian.AppendUint32([]byte{kind, code, 0, 0}, rest)
	return Packet{Source: source, Destination: destination, Protocol: protocol, Payload: append(b, body...)}
}

// Bytes returns the packet as it goes over the wire.
func (p Packet) Bytes() []byte {
	if p.HopLimit == 0 {
		p.HopLimit = 64
	}
	payload := append([]byte(nil), p.Payload...)
	p.fillChecksum(payload)
	if p.Version == 6 || p.Version == 0 && p.Source.Is6() {
		return p.bytes6(payload)
	}
	return p.bytes4(payload)
}

func (p Packet) bytes4(payload []byte) []byte {
	length := 20 + len(p.Options)
	b := []byte{0x40 | byte(length/4), 0}
	b = binary.BigEndian.AppendUint16(b, uint16(length+len(payload)))
	b = append(b, 0, 1, 0, 0, p.HopLimit, p.Protocol, 0, 0)
	b = append(b, p.Source.AsSlice()...)
	b = append(b, p.Destination.AsSlice()...)
	b = append(b, p.Options...)
	binary.BigEndian.PutUint16(b[10:], checksum(b))
	return append(b, payload...)
}

func (p Packet) bytes6(payload []byte) []byte {
	next := p.Protocol
	for i := len(p.Extensions) - 1; i >= 0; i-- {
		payload = append(append([]byte{next}, p.Extensions[i].Body...), payload...)
		next = p.Extensions[i].Type
	}
	b := binary.BigEndian.AppendUint16([]byte{0x60, 0, 0, 0}, uint16(len(payload)))
	b = append(b, next, p.HopLimit)
	source, destination := p.Source.As16(), p.Destination.As16()
	b = append(b, source[:]...)
	b = append(b, destination[:]...)
	return append(b, payload...)
}

// fillChecksum writes the transport checksum into payload. Only a whole header gets one.
func (p Packet) fillChecksum(payload []byte) {
	at, pseudo := 0, true
	switch p.Protocol {
	case unix.IPPROTO_TCP:
		at = 16
	case unix.IPPROTO_UDP:
		at = 6
	case unix.IPPROTO_ICMP:
		at, pseudo = 2, false
	case unix.IPPROTO_ICMPV6:
		at = 2
	default:
		return
	}
	if len(payload) < at+2 {
		return
	}
	b := payload
	if pseudo {
		source, destination := p.Source.As16(), p.Destination.As16()
		b = append(append([]byte(nil), source[:]...), destination[:]...)
		if p.Source.Is4() && p.Version != 6 {
			b = append(p.Source.AsSlice(), p.Destination.AsSlice()...)
		}
		b = binary.BigEndian.AppendUint32(b, uint32(len(payload)))
		b = append(append(b, 0, 0, 0, p.Protocol), payload...)
	}
	binary.BigEndian.PutUint16(payload[at:], checksum(b))
}

// checksum is that of RFC 1071.
func checksum(b []byte) uint16 {
	var sum uint32
	for ; len(b) > 1; b = b[2:] {
		sum += uint32(binary.BigEndian.Uint16(b))
	}
	if len(b) == 1 {
		sum += uint32(b[0]) << 8
	}
	for sum > 0xffff {
		sum = sum>>16 + sum&0xffff
	}
	return ^uint16(sum)
}

// SCTPPacket returns a packet of one chunk. Its verification tag must be 0 for INIT (1).
func SCTPPacket(source, destination netip.AddrPort, tag uint32, chunk uint8, value []byte) Packet {
	b := binary.BigEndian.AppendUint16(nil, source.Port())
	b = binary.BigEndian.AppendUint16(b, destination.Port())
	b = binary.BigEndian.AppendUint32(b, tag)
	b = append(b, 0, 0, 0, 0, chunk, 0)
	b = binary.BigEndian.AppendUint16(b, uint16(4+len(value)))
	b = append(b, value...)
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return Packet{Source: source.Addr(), Destination: destination.Addr(), Protocol: unix.IPPROTO_SCTP, Payload: b}
}
