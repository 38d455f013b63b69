package lab

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"time"
)

// Listen opens a TCP listener in the namespace; it is closed when the test ends.
func (n *Netns) Listen(addr netip.Addr, port uint16) net.Listener {
	n.t.Helper()
	var l net.Listener
	var err error
	n.Do(func() { l, err = net.Listen("tcp", netip.AddrPortFrom(addr, port).String()) })
	if err != nil {
		n.t.Fatalf("listen in %s: %v", n.Name, err)
	}
	n.t.Cleanup(func() { l.Close() })
	return l
}

// Echo answers every TCP connection to addr:port by sending back what arrives, until the test ends.
func (n *Netns) Echo(addr netip.Addr, port uint16) {
	l := n.Listen(addr, port)
	go func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			go echo(c)
		}
	}()
}

func echo(c net.Conn) {
	defer c.Close()
	buf := make([]byte, 4096)
	for {
		k, err := c.Read(buf)
		if err != nil {
			return
		}
		if _, err := c.Write(buf[:k]); err != nil {
			return
		}
	}
}

// Dial opens a TCP connection from the namespace. from may be the zero value.
func (n *Netns) Dial(from, to netip.Addr, port uint16, timeout time.Duration) (net.Conn, error) {
	var c net.Conn
	var err error
	n.Do(func() {
		d := net.Dialer{Timeout: timeout}
		if from.IsValid() {
			d.LocalAddr = &net.TCPAddr{IP: from.AsSlice()}
		}
		c, err = d.DialContext(context.Background(), "tcp", netip.AddrPortFrom(to, port).String())
	})
	return c, err
}

// Denied is how long a connection attempt waits before it counts as dropped; long enough for one retransmitted SYN.
const Denied = 1300 * time.Millisecond

// Allowed is how long a connection that must work may take.
const Allowed = 10 * time.Second

// Talk opens a TCP connection and sends one message there and back: it reports what went wrong, or nil.
func (n *Netns) Talk(to netip.Addr, port uint16, timeout time.Duration) error {
	c, err := n.Dial(netip.Addr{}, to, port, timeout)
	if err != nil {
		return err
	}
	defer c.Close()
	return Roundtrip(c, timeout)
}

// Roundtrip sends one message over an echoed connection and reads it back.
func Roundtrip(c net.Conn, timeout time.Duration) error {
	c.SetDeadline(time.Now().Add(timeout))
	const message = "hedgerow"
	if _, err := c.Write([]byte(message)); err != nil {
		return err
	}
	buf := make([]byte, len(message))
	if k, err := c.Read(buf); err != nil {
		return err
	} else if string(buf[:k]) != message {
		return fmt.Errorf("echo: got %q, want %q", buf[:k], message)
	}
	return nil
}

// UDP opens a UDP socket in the namespace; it is closed when the test ends.
func (n *Netns) UDP(addr netip.Addr, port uint16) *net.UDPConn {
	n.t.Helper()
	var c *net.UDPConn
	var err error
	n.Do(func() { c, err = net.ListenUDP("udp", net.UDPAddrFromAddrPort(netip.AddrPortFrom(addr, port))) })
	if err != nil {
		n.t.Fatalf("open UDP in %s: %v", n.Name, err)
	}
	n.t.Cleanup(func() { c.Close() })
	return c
}

// TalkHere is Talk from the namespace of the calling thread, without a thread of its own for each connection.
func TalkHere(to netip.AddrPort) error {
	c, err := net.DialTimeout("tcp", to.String(), Allowed)
	if err != nil {
		return err
	}
	defer c.Close()
	return Roundtrip(c, Allowed)
}
