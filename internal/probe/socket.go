package probe

import (
	"fmt"
	"net/netip"

	"golang.org/x/sys/unix"
)

// hello is what probes say and servers repeat.
var hello = []byte("hedgerow")

// newSocket opens a socket in the namespace of the calling thread, bound to an address.
func newSocket(kind, protocol int, at netip.AddrPort) (int, error) {
	family := unix.AF_INET
	if at.Addr().Is6() {
		family = unix.AF_INET6
	}
	fd, err := unix.Socket(family, kind|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, protocol)
	if err != nil {
		return -1, fmt.Errorf("open a socket: %w", err)
	}
	if kind != unix.SOCK_STREAM {
		// A volley may arrive at once.
		_ = unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 8<<20)
	}
	if err := unix.Bind(fd, sockaddr(at)); err != nil {
		unix.Close(fd)
		return -1, fmt.Errorf("bind to %s: %w", at, err)
	}
	return fd, nil
}

func sockaddr(a netip.AddrPort) unix.Sockaddr {
	if a.Addr().Is6() {
		return &unix.SockaddrInet6{Port: int(a.Port()), Addr: a.Addr().As16()}
	}
	return &unix.SockaddrInet4{Port: int(a.Port()), Addr: a.Addr().As4()}
}

// addrPort is sockaddr's reverse.
func addrPort(s unix.Sockaddr) netip.AddrPort {
	switch s := s.(type) {
	case *unix.SockaddrInet4:
		return netip.AddrPortFrom(netip.AddrFrom4(s.Addr), uint16(s.Port))
	case *unix.SockaddrInet6:
		return netip.AddrPortFrom(netip.AddrFrom16(s.Addr), uint16(s.Port))
	}
	return netip.AddrPort{}
}

// localPort returns the port that the kernel chose.
func localPort(fd int) (uint16, error) {
	s, err := unix.Getsockname(fd)
	if err != nil {
		return 0, fmt.Errorf("ask for the source port: %w", err)
	}
	return addrPort(s).Port(), nil
}

// listenForErrors has every ICMP error about the socket's packets put into its error queue. Without it the kernel keeps those to itself that might pass.
func listenForErrors(fd int, at netip.Addr) error {
	level, option := unix.IPPROTO_IP, unix.IP_RECVERR
	if at.Is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_RECVERR
	}
	return unix.SetsockoptInt(fd, level, option, 1)
}

// heardError takes an ICMP error out of the socket's queue, and reports whether there was one.
func heardError(fd int) bool {
	var data, control [512]byte
	_, _, _, _, err := unix.Recvmsg(fd, data[:], control[:], unix.MSG_ERRQUEUE|unix.MSG_DONTWAIT)
	return err == nil
}

// isRefusal reports whether the error of a socket says that somebody answered with a reset or an ICMP error.
func isRefusal(err error) bool {
	switch err {
	case unix.ECONNREFUSED, unix.ECONNRESET, unix.EHOSTUNREACH, unix.ENETUNREACH, unix.EACCES, unix.ENOPROTOOPT, unix.EPROTO:
		return true
	}
	return false
}
