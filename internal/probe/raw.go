package probe

import (
	"net/netip"

	"golang.org/x/sys/unix"
)

// rawKey names a raw socket: one for each address and protocol.
type rawKey struct {
	at       netip.Addr
	protocol int
}

// raw is a raw socket of one address: the kernel adds the IP header, and hands over what arrives for the address.
type raw struct {
	fd     int
	served map[uint16]bool // SCTP ports that answer
}

// rawSocket returns the raw socket of an address, which is opened in the namespace of the calling thread if it is not open yet. handle gets what
// arrives, from the transport header on.
func (r *round) rawSocket(at netip.Addr, protocol int, handle func(s *raw, from netip.Addr, data []byte)) (*raw, error) {
	key := rawKey{at, protocol}
	if s := r.raws[key]; s != nil {
		return s, nil
	}
	fd, err := newSocket(unix.SOCK_RAW, protocol, netip.AddrPortFrom(at, 0))
	if err != nil {
		return nil, err
	}
	s := &raw{fd: fd, served: map[uint16]bool{}}
	r.raws[key] = s
	buf := make([]byte, 1<<11)
	return s, r.watch(fd, unix.EPOLLIN, func() {
		for {
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if err == unix.EAGAIN {
				return
			}
			if err != nil {
				continue
			}
			if data := transport(buf[:n], at.Is6()); data != nil {
				handle(s, addrPort(from).Addr(), data)
			}
		}
	})
}

// leastHeader is how long an IPv4 header is without options, in octets (RFC 791, section 3.1).
const leastHeader = 20

// transport cuts off the IPv4 header, which raw sockets of that family hand over. nil: there is nothing behind it, or its length is none.
func transport(packet []byte, ipv6 bool) []byte {
	if ipv6 {
		return packet
	}
	if len(packet) < leastHeader {
		return nil
	}
	header := int(packet[0]&0xf) * 4
	if header < leastHeader || len(packet) < header {
		return nil
	}
	return packet[header:]
}

// sendTo sends a packet. What is lost is sent again by whoever waits for an answer.
func (s *raw) sendTo(to netip.Addr, data []byte) {
	_ = unix.Sendto(s.fd, data, 0, sockaddr(netip.AddrPortFrom(to, 0)))
}
