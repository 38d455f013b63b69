package lab

import (
	"fmt"
	"net/netip"
	"os"
	"time"

	"golang.org/x/sys/unix"
)

// Ping sends echo requests from the namespace until one is answered.
func (n *Netns) Ping(to netip.Addr) error {
	domain, protocol := unix.AF_INET, unix.IPPROTO_ICMP
	var address unix.Sockaddr
	if to.Is6() {
		domain, protocol = unix.AF_INET6, unix.IPPROTO_ICMPV6
		address = &unix.SockaddrInet6{Addr: to.As16()}
	} else {
		address = &unix.SockaddrInet4{Addr: to.As4()}
	}
	// A ping socket: the kernel numbers the requests and hands over only their answers.
	n.Sysctl("ipv4.ping_group_range", "0 0")
	fd := -1
	var err error
	n.Do(func() { fd, err = unix.Socket(domain, unix.SOCK_DGRAM|unix.SOCK_CLOEXEC, protocol) })
	if err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	defer unix.Close(fd)
	wait := unix.NsecToTimeval(int64(200 * time.Millisecond))
	if err := unix.SetsockoptTimeval(fd, unix.SOL_SOCKET, unix.SO_RCVTIMEO, &wait); err != nil {
		return fmt.Errorf("ping: %w", err)
	}
	for end := time.Now().Add(Allowed); time.Now().Before(end); {
		if err := unix.Sendto(fd, []byte{EchoRequest(to), 0, 0, 0, 0, 0, 0, 1}, 0, address); err != nil {
			return fmt.Errorf("ping %s: %w", to, err)
		}
		if _, _, err := unix.Recvfrom(fd, make([]byte, 1500), 0); err == nil {
			return nil
		}
	}
	return fmt.Errorf("ping %s: %w", to, os.ErrDeadlineExceeded)
}
