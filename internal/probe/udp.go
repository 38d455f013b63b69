package probe

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// serveUDP sends every datagram back.
func (r *round) serveUDP(at netip.AddrPort) error {
	fd, err := newSocket(unix.SOCK_DGRAM, 0, at)
	if err != nil {
		return err
	}
	buf := make([]byte, 64)
	return r.watch(fd, unix.EPOLLIN, func() {
		for {
			n, from, err := unix.Recvfrom(fd, buf, 0)
			if err == unix.EAGAIN {
				return
			}
			if err == nil {
				_ = unix.Sendto(fd, buf[:n], 0, from) // the client asks again
			}
		}
	})
}

// callUDP sends a datagram until it comes back.
func (r *round) callUDP(p *probe) error {
	fd, err := newSocket(unix.SOCK_DGRAM, 0, netip.AddrPortFrom(p.Source, 0))
	if err != nil {
		return err
	}
	p.fd = fd
	if err = listenForErrors(fd, p.Source); err == nil {
		p.local, err = localPort(fd)
	}
	if err == nil {
		err = unix.Connect(fd, sockaddr(netip.AddrPortFrom(p.Destination, p.Port)))
	}
	if err != nil {
		unix.Close(fd)
		return fmt.Errorf("connect: %w", err)
	}
	p.send = func() {
		// What a node's own datapath drops is said at once (EPERM): no answer, like any drop.
		if _, err := unix.Write(fd, hello); err != nil && isRefusal(err) {
			r.decide(p, Rejected)
		}
	}
	p.send()
	return r.watch(fd, unix.EPOLLIN, func() {
		var buf [64]byte
		switch n, err := unix.Read(fd, buf[:]); {
		case err == nil && string(buf[:n]) == string(hello):
			r.decide(p, Passed)
		case heardError(fd), err != nil && isRefusal(err):
			r.decide(p, Rejected)
		default:
			return
		}
		p.send = nil
		r.drop(fd)
	})
}
