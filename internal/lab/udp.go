package lab

import (
	"errors"
	"net"
	"net/netip"
	"os"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// EchoUDP answers every datagram to addr:port with itself, until the test ends.
func (n *Netns) EchoUDP(addr netip.Addr, port uint16) {
	c := n.UDP(addr, port)
	go func() {
		buf := make([]byte, 1<<16)
		for {
			k, from, err := c.ReadFromUDPAddrPort(buf)
			if errors.Is(err, net.ErrClosed) {
				return
			}
			if err == nil {
				c.WriteToUDPAddrPort(buf[:k], from)
			}
		}
	}()
}

// Exchange sends a datagram to an echo server, again and again, until one comes back. It reports the last error, if none does.
func Exchange(c *net.UDPConn, to netip.AddrPort) error {
	return ExchangeBytes(c, to, []byte("hedgerow"))
}

// ExchangeBytes is Exchange with a message of one's own.
func ExchangeBytes(c *net.UDPConn, to netip.AddrPort, message []byte) error {
	defer c.SetReadDeadline(time.Time{})
	buf := make([]byte, 1<<16)
	for end := time.Now().Add(Allowed); ; {
		if _, err := c.WriteToUDPAddrPort(message, to); err != nil {
			return err
		}
		c.SetReadDeadline(time.Now().Add(200 * time.Millisecond))
		_, _, err := c.ReadFromUDPAddrPort(buf)
		if err == nil {
			return nil
		}
		if !errors.Is(err, os.ErrDeadlineExceeded) || time.Now().After(end) {
			return err
		}
	}
}

// BigBuffer gives a socket a receive buffer that holds a second of a test's traffic.
func BigBuffer(t testing.TB, c *net.UDPConn) {
	t.Helper()
	raw, err := c.SyscallConn()
	if err == nil {
		err = errors.Join(err, raw.Control(func(fd uintptr) {
			err = unix.SetsockoptInt(int(fd), unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
		}))
	}
	if err != nil {
		t.Fatalf("enlarge receive buffer: %v", err)
	}
}
