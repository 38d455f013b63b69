package demo

import (
	"context"
	"fmt"
	"net/netip"
	"time"

	"golang.org/x/sys/unix"
)

// The moment of a change is looked for with connection attempts that begin every pace. One that is not answered within quick counts as
// denied: inside one machine an answer takes microseconds.
const (
	pace  = time.Millisecond
	quick = 40 * time.Millisecond
)

// attempt is a connection on its way.
type attempt struct {
	socket int
	began  time.Time
}

// firstChange opens connections from the place until one ends as wanted, and returns when that one began: the first packet that met the new
// policy, to within pace.
func firstChange(ctx context.Context, from place, to netip.AddrPort, wantOpen bool) (time.Time, error) {
	var at time.Time
	var err error
	entered := from.do(func() { at, err = seekChange(ctx, to, wantOpen) })
	if entered != nil {
		return at, entered
	}
	if err != nil {
		return at, fmt.Errorf("look for a change of the verdict for %s from %s: %w", to, from.name, err)
	}
	return at, nil
}

// seekChange does so in the namespace of the calling thread.
func seekChange(ctx context.Context, to netip.AddrPort, wantOpen bool) (time.Time, error) {
	var pending []attempt
	defer func() {
		for _, a := range pending {
			unix.Close(a.socket)
		}
	}()
	for {
		if err := ctx.Err(); err != nil {
			return time.Time{}, err
		}
		next, err := begin(to)
		if err != nil {
			return time.Time{}, err
		}
		pending = append(pending, next)
		time.Sleep(pace)
		kept := pending[:0]
		var found time.Time
		for _, a := range pending {
			answered, err := a.answered()
			if err != nil {
				return time.Time{}, err
			}
			if !answered && time.Since(a.began) < quick {
				kept = append(kept, a)
				continue
			}
			unix.Close(a.socket)
			if answered == wantOpen && found.IsZero() {
				found = a.began
			}
		}
		pending = kept
		if !found.IsZero() {
			return found, nil
		}
	}
}

// begin starts a connection without waiting for it.
func begin(to netip.AddrPort) (attempt, error) {
	family, address := unix.AF_INET, unix.Sockaddr(&unix.SockaddrInet4{Port: int(to.Port()), Addr: to.Addr().As4()})
	s, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return attempt{}, fmt.Errorf("open socket: %w", err)
	}
	a := attempt{socket: s, began: time.Now()}
	if err := unix.Connect(s, address); err != nil && err != unix.EINPROGRESS {
		unix.Close(s)
		return attempt{}, fmt.Errorf("connect: %w", err)
	}
	return a, nil
}

// answered reports whether the other end has answered: the connection is there.
func (a attempt) answered() (bool, error) {
	fds := []unix.PollFd{{Fd: int32(a.socket), Events: unix.POLLOUT}}
	n, err := unix.Poll(fds, 0)
	if err == unix.EINTR || n == 0 {
		return false, nil
	}
	if err != nil {
		return false, fmt.Errorf("poll: %w", err)
	}
	code, err := unix.GetsockoptInt(a.socket, unix.SOL_SOCKET, unix.SO_ERROR)
	return err == nil && code == 0, err
}
