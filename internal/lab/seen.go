package lab

import (
	"encoding/binary"
	"net/netip"

	"golang.org/x/sys/unix"
)

// Seen is a packet that a Tap met, taken apart.
type Seen struct {
	Source, Destination netip.AddrPort // port 0 where the protocol has none
	Protocol            uint8
	Type                uint8 // of an ICMP message or the first SCTP chunk
	Flags               uint8 // of a TCP segment
	Data                []byte
	Raw                 []byte
}

// Look takes an IP packet apart; what it cannot read stays zero. IPv6 extension headers are not walked.
func Look(raw []byte) Seen {
	s := Seen{Raw: raw}
	var source, destination netip.Addr
	var body []byte
	switch {
	case len(raw) >= 20 && raw[0]>>4 == 4 && len(raw) >= int(raw[0]&15)*4:
		source, _ = netip.AddrFromSlice(raw[12:16])
		destination, _ = netip.AddrFromSlice(raw[16:20])
		s.Protocol, body = raw[9], raw[int(raw[0]&15)*4:]
	case len(raw) >= 40 && raw[0]>>4 == 6:
		source, _ = netip.AddrFromSlice(raw[8:24])
		destination, _ = netip.AddrFromSlice(raw[24:40])
		s.Protocol, body = raw[6], raw[40:]
	}
	s.Source, s.Destination = netip.AddrPortFrom(source, 0), netip.AddrPortFrom(destination, 0)
	switch s.Protocol {
	case unix.IPPROTO_TCP, unix.IPPROTO_UDP:
		s.ports(body)
	case unix.IPPROTO_SCTP:
		s.ports(body)
		if len(body) >= 16 {
			s.Type, s.Data = body[12], body[16:]
		}
	case unix.IPPROTO_ICMP, unix.IPPROTO_ICMPV6:
		if len(body) >= 8 {
			s.Type, s.Data = body[0], body[8:]
		}
	}
	return s
}

func (s *Seen) ports(body []byte) {
	if len(body) < 8 {
		return
	}
	s.Source = netip.AddrPortFrom(s.Source.Addr(), binary.BigEndian.Uint16(body))
	s.Destination = netip.AddrPortFrom(s.Destination.Addr(), binary.BigEndian.Uint16(body[2:]))
	if s.Protocol == unix.IPPROTO_UDP {
		s.Data = body[8:]
	} else if s.Protocol == unix.IPPROTO_TCP && len(body) >= 20 && len(body) >= int(body[12]>>4)*4 {
		s.Flags, s.Data = body[13], body[int(body[12]>>4)*4:]
	}
}
