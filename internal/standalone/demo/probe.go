package demo

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"runtime"
	"time"

	"github.com/vishvananda/netns"
)

// place is a network namespace that connections are opened from.
type place struct {
	name  string // "namespace/pod" or "node1"
	netns string // path
}

// patience is how long a connection attempt waits before it counts as denied: longer than the first retransmission of a SYN (1 s), so
// that one lost packet is not taken for a verdict.
const patience = 1300 * time.Millisecond

// connect makes one attempt from the place. nil: the connection was accepted.
func connect(from place, to netip.AddrPort) error {
	var err error
	entered := from.do(func() {
		var c net.Conn
		if c, err = net.DialTimeout("tcp", to.String(), patience); err == nil {
			err = c.Close()
		}
	})
	return errors.Join(entered, err)
}

// do runs f on a thread of its own in the place. The thread ends with f.
func (p place) do(f func()) error {
	done := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: a thread in another namespace must not serve other goroutines
		ns, err := netns.GetFromPath(p.netns)
		if err == nil {
			defer ns.Close()
			err = netns.Set(ns)
		}
		if err == nil {
			f()
		}
		done <- err
	}()
	if err := <-done; err != nil {
		return fmt.Errorf("enter the network namespace of %s: %w", p.name, err)
	}
	return nil
}
