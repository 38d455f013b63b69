package demo

import (
	"context"
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

// dialer opens connections from one namespace, on a thread of its own.
type dialer struct {
	attempts chan attempt
}

type attempt struct {
	to      netip.AddrPort
	timeout time.Duration
	result  chan<- outcome
}

// outcome is what became of one connection attempt.
type outcome struct {
	began time.Time
	err   error
}

// newDialer starts a thread in the place. It ends with ctx.
func newDialer(ctx context.Context, p place) (*dialer, error) {
	d := &dialer{attempts: make(chan attempt)}
	ready := make(chan error)
	go func() {
		runtime.LockOSThread() // never unlocked: the thread ends with the goroutine, in the other namespace
		ready <- enter(p.netns)
		for {
			select {
			case <-ctx.Done():
				return
			case a := <-d.attempts:
				began := time.Now()
				c, err := net.DialTimeout("tcp", a.to.String(), a.timeout)
				if err == nil {
					c.Close()
				}
				a.result <- outcome{began: began, err: err}
			}
		}
	}()
	if err := <-ready; err != nil {
		return nil, fmt.Errorf("enter the network namespace of %s: %w", p.name, err)
	}
	return d, nil
}

func enter(path string) error {
	ns, err := netns.GetFromPath(path)
	if err != nil {
		return err
	}
	defer ns.Close()
	return netns.Set(ns)
}

// dial opens one connection and closes it again.
func (d *dialer) dial(to netip.AddrPort, timeout time.Duration) outcome {
	result := make(chan outcome, 1)
	d.attempts <- attempt{to: to, timeout: timeout, result: result}
	return <-result
}

// connect makes one attempt from the place. nil: the connection was accepted.
func connect(ctx context.Context, from place, to netip.AddrPort) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	d, err := newDialer(ctx, from)
	if err != nil {
		return err
	}
	return d.dial(to, patience).err
}

// quick is the patience of an attempt that looks for the moment of a change.
const quick = 40 * time.Millisecond

// firstChange opens connections one after the other, on several threads so that attempts which hang do not leave gaps, until one ends as wanted, and
// returns when that one began: the first packet that met the new policy, to within a millisecond or two.
func firstChange(ctx context.Context, from place, to netip.AddrPort, wantOpen bool) (time.Time, error) {
	ctx, stop := context.WithTimeout(ctx, 10*time.Second)
	defer stop()
	outcomes := make(chan outcome)
	const threads = 32
	for range threads {
		d, err := newDialer(ctx, from)
		if err != nil {
			return time.Time{}, err
		}
		go func() {
			for ctx.Err() == nil {
				o := d.dial(to, quick)
				select {
				case outcomes <- o:
				case <-ctx.Done():
				}
				// Attempts that succeed at once would otherwise take the processor from the policy they wait for.
				time.Sleep(2 * time.Millisecond)
			}
		}()
	}
	for {
		select {
		case o := <-outcomes:
			if (o.err == nil) == wantOpen {
				return o.began, nil
			}
		case <-ctx.Done():
			return time.Time{}, fmt.Errorf("the verdict for %s from %s did not change within 10 s", to, from.name)
		}
	}
}
