package probe

import (
	"bytes"
	"errors"
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// serveTCP accepts connections and sends back what arrives.
func (r *round) serveTCP(at netip.AddrPort) error {
	fd, err := newSocket(unix.SOCK_STREAM, 0, at)
	if err != nil {
		return err
	}
	if err := unix.Listen(fd, 4096); err != nil {
		unix.Close(fd)
		return fmt.Errorf("listen: %w", err)
	}
	return r.watch(fd, unix.EPOLLIN, func() {
		for {
			c, _, err := unix.Accept4(fd, unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC)
			if err != nil {
				return // also of a client that has gone already: others come with the next event
			}
			if r.watch(c, unix.EPOLLIN, func() { r.echoTCP(c) }) != nil {
				r.drop(c)
			}
		}
	})
}

func (r *round) echoTCP(fd int) {
	var buf [64]byte
	n, err := unix.Read(fd, buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
	case err != nil || n == 0:
		r.drop(fd)
	default:
		// A few octets always fit into a new connection's buffer.
		_, _ = unix.Write(fd, buf[:n])
	}
}

// callTCP opens a connection, says something and waits for the echo.
func (r *round) callTCP(p *probe) error {
	fd, err := newSocket(unix.SOCK_STREAM, 0, netip.AddrPortFrom(p.Source, 0))
	if err != nil {
		return err
	}
	p.fd = fd
	// Closed by a reset, so that nothing of the connection is left.
	err = unix.SetsockoptLinger(fd, unix.SOL_SOCKET, unix.SO_LINGER, &unix.Linger{Onoff: 1})
	if err == nil {
		err = listenForErrors(fd, p.Source)
	}
	if err == nil {
		p.local, err = localPort(fd)
	}
	if err != nil {
		unix.Close(fd)
		return err
	}
	if err := unix.Connect(fd, sockaddr(netip.AddrPortFrom(p.Destination, p.Port))); err != nil && !errors.Is(err, unix.EINPROGRESS) {
		unix.Close(fd)
		if isRefusal(err) {
			r.decide(p, Rejected)
			return nil
		}
		return fmt.Errorf("connect: %w", err)
	}
	return r.watch(fd, unix.EPOLLOUT, func() { r.talkTCP(p) })
}

// talkTCP goes on with a connection that was opened, answered or refused.
func (r *round) talkTCP(p *probe) {
	if heardError(p.fd) {
		r.decide(p, Rejected)
		r.drop(p.fd)
		return
	}
	if code, err := unix.GetsockoptInt(p.fd, unix.SOL_SOCKET, unix.SO_ERROR); err != nil || code != 0 {
		if isRefusal(unix.Errno(code)) {
			r.decide(p, Rejected)
		} else {
			r.decide(p, Dropped)
		}
		r.drop(p.fd)
		return
	}
	var buf [64]byte
	n, err := unix.Read(p.fd, buf[:])
	switch {
	case errors.Is(err, unix.EAGAIN):
		if _, err := unix.Write(p.fd, hello); err == nil {
			_ = unix.EpollCtl(r.poll, unix.EPOLL_CTL_MOD, p.fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(p.fd)})
		}
		return
	case err == nil && bytes.Equal(buf[:n], hello):
		r.decide(p, Passed)
	case err != nil && isRefusal(err):
		r.decide(p, Rejected)
	default:
		r.decide(p, Dropped)
	}
	r.drop(p.fd)
}
