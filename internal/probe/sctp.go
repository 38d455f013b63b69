package probe

import (
	"encoding/binary"
	"hash/crc32"
	"net/netip"
	"sync"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Chunk types (RFC 9260, section 3.2).
const (
	chunkInit    = 1
	chunkInitAck = 2
	chunkAbort   = 6
)

// probeTag is the verification tag of all probes (RFC 9260, section 3.1).
const probeTag = 0x68656467

// kernelSCTP tells whether this kernel speaks SCTP by itself. Then it answers our packets too, by aborts, which say nothing about policies.
var kernelSCTP = sync.OnceValue(func() bool {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM|unix.SOCK_CLOEXEC, unix.IPPROTO_SCTP)
	if err != nil {
		return false
	}
	unix.Close(fd)
	return true
})

// serveSCTP answers each INIT by an INIT ACK, without a socket of the protocol, because kernels may lack it.
func (r *round) serveSCTP(at netip.AddrPort) error {
	s, err := r.sctpSocket(at.Addr())
	if err != nil {
		return err
	}
	s.served[at.Port()] = true
	return nil
}

// callSCTP sends an INIT until it is acknowledged.
func (r *round) callSCTP(p *probe) error {
	s, err := r.sctpSocket(p.Source)
	if err != nil {
		return err
	}
	if _, err := r.icmpSocket(p.Source); err != nil {
		return err
	}
	r.identify(p)
	packet := sctpPacket(p.local, p.Port, 0, chunkInit, probeTag)
	p.send = func() { s.sendTo(p.Destination, packet) }
	p.send()
	return nil
}

func (r *round) sctpSocket(at netip.Addr) (*raw, error) {
	return r.rawSocket(at, unix.IPPROTO_SCTP, r.heardSCTP)
}

func (r *round) heardSCTP(s *raw, from netip.Addr, data []byte) {
	if len(data) < 16 {
		return
	}
	source, destination := binary.BigEndian.Uint16(data), binary.BigEndian.Uint16(data[2:])
	if kind := data[12]; kind == chunkInit && s.served[destination] && len(data) >= 20 {
		s.sendTo(from, sctpPacket(destination, source, binary.BigEndian.Uint32(data[16:]), chunkInitAck, probeTag))
		return
	}
	p := r.byID[destination]
	if p == nil || p.Protocol != policy.SCTP || p.Destination != from || p.Port != source {
		return
	}
	switch data[12] {
	case chunkInitAck:
		r.decide(p, Passed)
	case chunkAbort:
		if !kernelSCTP() {
			r.decide(p, Rejected)
		}
	}
}

// sctpPacket returns a packet with one INIT or INIT ACK chunk (RFC 9260, sections 3.3.2 and 3.3.3). An INIT ACK carries a state cookie.
func sctpPacket(source, destination uint16, verification uint32, chunk byte, tag uint32) []byte {
	b := binary.BigEndian.AppendUint16(nil, source)
	b = binary.BigEndian.AppendUint16(b, destination)
	b = binary.BigEndian.AppendUint32(b, verification)
	b = append(b, 0, 0, 0, 0) // the checksum
	length := uint16(20)
	if chunk == chunkInitAck {
		length += 12
	}
	b = append(b, chunk, 0)
	b = binary.BigEndian.AppendUint16(b, length)
	b = binary.BigEndian.AppendUint32(b, tag)
	b = binary.BigEndian.AppendUint32(b, 65536) // window
	b = append(b, 0, 1, 0, 1)                   // streams out and in
	b = binary.BigEndian.AppendUint32(b, 1)     // initial sequence number
	if chunk == chunkInitAck {
		b = append(b, 0, 7, 0, 12)
		b = append(b, hello...)
	}
	binary.LittleEndian.PutUint32(b[8:], crc32.Checksum(b, crc32.MakeTable(crc32.Castagnoli)))
	return b
}
