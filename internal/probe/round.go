package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/policy"
)

const (
	// patience is how long a probe that should pass may take. Only a wrong verdict, or a machine that does nothing else, makes one wait so long.
	patience = 10 * time.Second
	// silence is how long nothing that should pass may come, once something has.
	silence = 5 * time.Second
	// blind is how long all probes have when nobody knows which should pass.
	blind = 2 * time.Second
	// grace is the least time that probes which should not pass have after the last that should has. Their packets left at the same time.
	grace = 150 * time.Millisecond
	// again is how long datagrams wait before they are sent anew.
	again = 200 * time.Millisecond
	// maxProbes is how many probes are sent at once, at most.
	maxProbes = 4000
)

// round is one volley of probes: servers, clients, and the loop that serves them all.
type round struct {
	homes    map[netip.Addr]*space
	poll     int
	events   [256]unix.EpollEvent
	handlers map[int]func()
	probes   []*probe
	byID     map[uint16]*probe // ICMP and SCTP
	raws     map[rawKey]*raw
	open     int // expected to pass, not decided
	blindly  bool
	begin    time.Time
	last     time.Time // when the last expected one was decided
}

// probe is one flow on its way.
type probe struct {
	Flow
	expected bool
	fd       int    // TCP and UDP; -1: none
	local    uint16 // source port, or ICMP identifier
	send     func() // sends the first packet again; nil: the kernel does that
	decided  bool
	outcome  Outcome
}

// tuple is how the datapath names the probe's packets.
func (p *probe) tuple() tuple {
	port := p.local
	if p.Protocol == policy.OtherProtocols {
		port = 0
	}
	return tuple{netip.AddrPortFrom(p.Source, port), netip.AddrPortFrom(p.Destination, p.Port), p.Protocol}
}

// newRound opens servers and then sends the first packet of every flow.
func newRound(homes map[netip.Addr]*space, flows []Flow, allowed []bool) (*round, error) {
	r := &round{homes: homes, handlers: map[int]func(){}, byID: map[uint16]*probe{}, raws: map[rawKey]*raw{}, blindly: allowed == nil}
	var err error
	if r.poll, err = unix.EpollCreate1(unix.EPOLL_CLOEXEC); err != nil {
		return nil, fmt.Errorf("begin to probe: %w", err)
	}
	for i, f := range flows {
		p := &probe{Flow: f, fd: -1, expected: allowed != nil && allowed[i]}
		if p.expected {
			r.open++
		}
		r.probes = append(r.probes, p)
	}
	r.begin = time.Now()
	r.last = r.begin
	if err := errors.Join(r.serve(), r.call()); err != nil {
		r.close()
		return nil, err
	}
	return r, nil
}

// serve opens a server wherever a flow goes.
func (r *round) serve() error {
	type server struct {
		at       netip.AddrPort
		protocol policy.Protocol
	}
	servers := map[*space]map[server]bool{}
	for _, p := range r.probes {
		home := r.homes[p.Destination]
		if servers[home] == nil {
			servers[home] = map[server]bool{}
		}
		servers[home][server{netip.AddrPortFrom(p.Destination, p.Port), p.Protocol}] = true
	}
	for home, list := range servers {
		err := home.do(func() error {
			for s := range list {
				if err := r.serveOne(s.protocol, s.at); err != nil {
					return fmt.Errorf("serve %s on %s: %w", s.protocol, s.at, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *round) serveOne(protocol policy.Protocol, at netip.AddrPort) error {
	switch protocol {
	case policy.TCP:
		return r.serveTCP(at)
	case policy.UDP:
		return r.serveUDP(at)
	case policy.SCTP:
		return r.serveSCTP(at)
	}
	return nil // the kernel answers echo requests
}

// call opens the client of every flow.
func (r *round) call() error {
	clients := map[*space][]*probe{}
	for _, p := range r.probes {
		clients[r.homes[p.Source]] = append(clients[r.homes[p.Source]], p)
	}
	for home, list := range clients {
		err := home.do(func() error {
			for _, p := range list {
				if err := r.callOne(p); err != nil {
					return fmt.Errorf("probe %s: %w", p.Flow, err)
				}
			}
			return nil
		})
		if err != nil {
			return err
		}
	}
	return nil
}

func (r *round) callOne(p *probe) error {
	switch p.Protocol {
	case policy.TCP:
		return r.callTCP(p)
	case policy.UDP:
		return r.callUDP(p)
	case policy.SCTP:
		return r.callSCTP(p)
	}
	return r.callICMP(p)
}

// run serves everybody until all is decided or the time is over.
func (r *round) run(ctx context.Context) error {
	resend := time.Now().Add(again)
	for closing := false; ; {
		if err := ctx.Err(); err != nil {
			return fmt.Errorf("probe: %w", err)
		}
		if !closing && r.open == 0 || time.Now().After(resend) {
			// Once before the end, too: nobody shall be called denied because one packet was lost.
			closing = r.open == 0
			r.resend()
			resend = time.Now().Add(again)
		}
		left := time.Until(r.end())
		handled, err := r.handle(min(left, time.Until(resend)))
		if err != nil {
			return err
		}
		// A process that was kept waiting looks at what has come meanwhile before it gives up.
		if left <= 0 && handled == 0 {
			return nil
		}
	}
}

// handle waits for sockets that have something to say, at most this long, and serves them. It returns how many there were.
func (r *round) handle(wait time.Duration) (int, error) {
	milliseconds := 0
	if wait > 0 {
		milliseconds = int(wait.Milliseconds()) + 1
	}
	n, err := unix.EpollWait(r.poll, r.events[:], milliseconds)
	if err != nil && !errors.Is(err, unix.EINTR) {
		return 0, fmt.Errorf("probe: wait for answers: %w", err)
	}
	for i := range max(n, 0) {
		if handle := r.handlers[int(r.events[i].Fd)]; handle != nil {
			handle()
		}
	}
	return n, nil
}

// end is when the round ends as things are.
func (r *round) end() time.Time {
	undecided := false
	for _, p := range r.probes {
		undecided = undecided || !p.decided
	}
	switch {
	case !undecided:
		return time.Time{}
	case r.blindly:
		return r.begin.Add(blind)
	case r.open > 0 && r.last.After(r.begin) && r.last.Sub(r.begin) < patience-silence:
		return r.last.Add(silence)
	case r.open > 0:
		return r.begin.Add(patience)
	}
	return r.last.Add(max(grace, 2*r.last.Sub(r.begin)))
}

// resend sends the datagrams anew that have no answer.
func (r *round) resend() {
	for _, p := range r.probes {
		if !p.decided && p.send != nil {
			p.send()
		}
	}
}

// decide notes what became of a probe; the first word counts.
func (r *round) decide(p *probe, o Outcome) {
	if p.decided {
		return
	}
	p.decided, p.outcome = true, o
	if p.expected {
		r.open--
		r.last = time.Now()
	}
}

// watch calls handle whenever the socket has something to say, and owns the socket.
func (r *round) watch(fd int, events uint32, handle func()) error {
	r.handlers[fd] = handle
	return unix.EpollCtl(r.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: events, Fd: int32(fd)})
}

// drop closes a socket that is watched.
func (r *round) drop(fd int) {
	if _, watched := r.handlers[fd]; watched {
		delete(r.handlers, fd)
		unix.Close(fd)
	}
}

func (r *round) close() {
	for fd := range r.handlers {
		unix.Close(fd)
	}
	unix.Close(r.poll)
}

// identifiers numbers ICMP and SCTP probes in turn, so that none meets what an earlier one left behind in connection tracking.
var identifiers atomic.Uint32

// identify gives the probe an identifier that no other of the round has.
func (r *round) identify(p *probe) {
	for p.local < 1024 || r.byID[p.local] != nil {
		p.local = uint16(identifiers.Add(1))
	}
	r.byID[p.local] = p
}
