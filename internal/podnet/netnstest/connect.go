package netnstest

import (
	"fmt"
	"io"
	"net"
	"net/netip"
	"time"
)

// connectTimeout is generous: only a broken network takes longer than some microseconds.
const connectTimeout = 5 * time.Second

// Connect makes a TCP connection from one namespace to an address in another, says something and waits for the echo.
func Connect(from, to *NS, address netip.Addr) error {
	var l net.Listener
	var err error
	to.Do(func() { l, err = net.ListenTCP("tcp", net.TCPAddrFromAddrPort(netip.AddrPortFrom(address, 0))) })
	if err != nil {
		return fmt.Errorf("listen on %s: %w", address, err)
	}
	served := make(chan struct{})
	go func() {
		defer close(served)
		echo(l)
	}()
	defer func() {
		l.Close()
		<-served
	}()
	var c net.Conn
	from.Do(func() { c, err = net.DialTimeout("tcp", l.Addr().String(), connectTimeout) })
	if err != nil {
		return fmt.Errorf("connect to %s: %w", address, err)
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(connectTimeout))
	if _, err := io.WriteString(c, "hello"); err != nil {
		return fmt.Errorf("write to %s: %w", address, err)
	}
	got := make([]byte, 5)
	if _, err := io.ReadFull(c, got); err != nil || string(got) != "hello" {
		return fmt.Errorf("read %q from %s: %w", got, address, err)
	}
	return nil
}

// echo serves one connection, or ends when the listener is closed.
func echo(l net.Listener) {
	c, err := l.Accept()
	if err != nil {
		return
	}
	defer c.Close()
	c.SetDeadline(time.Now().Add(connectTimeout))
	io.Copy(c, c) // ends when the other end is closed
}
