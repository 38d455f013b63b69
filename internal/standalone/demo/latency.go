package demo

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"net"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"

	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
)

// Latency measures how fast an isolation takes effect: it isolates tenant-a and opens it again, as often as asked, while datagrams flow
// from the frontend to the backend, and writes the distribution of the times from before the API write to the last datagram that
// passes (on) and to the first that passes (off). Times are of this machine; nothing is asserted.
func Latency(ctx context.Context, instance Instance, toggles int, out io.Writer, p *progress.Reporter) error {
	client, err := kubernetes.NewForConfig(instance.Config())
	if err != nil {
		return fmt.Errorf("make API client: %w", err)
	}
	d := &Demo{instance: instance, client: client, out: out, progress: p, node: instance.NodeNames()[0]}
	if err := p.Start("examples/tenant-a applied, pods ready").End(d.prepare(ctx)); err != nil {
		return err
	}
	from, to := d.find(frontend, backend+":80")
	receiver := d.places[slices.IndexFunc(d.places, func(p place) bool { return p.name == backend })]
	s, err := startStream(from, receiver, to.Addr())
	if err != nil {
		return err
	}
	defer s.stop()
	phase := p.Start(fmt.Sprintf("%d toggles", toggles))
	on, off, err := s.toggle(ctx, d, toggles)
	if phase.End(err) != nil {
		return err
	}
	fmt.Fprintf(out, "from before the API write, %d times each, a datagram every %s:\n", toggles, s.pace)
	writeDistribution(out, "isolation on, to the last datagram that passes", on)
	writeDistribution(out, "isolation off, to the first datagram that passes", off)
	return nil
}

// stream is a steady flow of datagrams, each carrying the time at which it was sent.
type stream struct {
	pace     time.Duration
	base     time.Time
	out, in  *net.UDPConn
	stopping chan struct{}
	done     sync.WaitGroup

	mu       sync.Mutex
	arrivals []time.Duration // send times of what arrived, since base
}

// streamPort is where the datagrams go; no pod of the example uses it.
const streamPort = 9999

func startStream(from, to place, address netip.Addr) (*stream, error) {
	s := &stream{pace: 200 * time.Microsecond, base: time.Now(), stopping: make(chan struct{})}
	target := net.UDPAddrFromAddrPort(netip.AddrPortFrom(address, streamPort))
	var listenErr, dialErr error
	err := to.do(func() { s.in, listenErr = net.ListenUDP("udp4", target) })
	if err = errors.Join(err, listenErr); err != nil {
		return nil, fmt.Errorf("receive datagrams: %w", err)
	}
	err = from.do(func() { s.out, dialErr = net.DialUDP("udp4", nil, target) })
	if err = errors.Join(err, dialErr); err != nil {
		s.in.Close()
		return nil, fmt.Errorf("send datagrams: %w", err)
	}
	s.done.Go(s.send)
	s.done.Go(s.receive)
	return s, nil
}

func (s *stream) stop() {
	close(s.stopping)
	s.out.Close()
	s.in.Close()
	s.done.Wait()
}

func (s *stream) send() {
	tick := time.NewTicker(s.pace)
	defer tick.Stop()
	buf := make([]byte, 8)
	for {
		select {
		case <-s.stopping:
			return
		case <-tick.C:
		}
		binary.BigEndian.PutUint64(buf, uint64(time.Since(s.base)))
		// A datagram that cannot be sent is one that does not arrive.
		_, _ = s.out.Write(buf)
	}
}

func (s *stream) receive() {
	buf := make([]byte, 64)
	for {
		n, err := s.in.Read(buf)
		if err != nil {
			return
		}
		if n != 8 {
			continue
		}
		s.mu.Lock()
		s.arrivals = append(s.arrivals, time.Duration(binary.BigEndian.Uint64(buf)))
		s.mu.Unlock()
	}
}

// since returns the send times of what was sent after t and has arrived, oldest first.
func (s *stream) since(t time.Duration) []time.Duration {
	s.mu.Lock()
	defer s.mu.Unlock()
	first, _ := slices.BinarySearch(s.arrivals, t)
	return slices.Clone(s.arrivals[first:])
}

// quiet is how long nothing must arrive before the last arrival counts as the last.
const quiet = 100 * time.Millisecond

// toggle isolates and opens the tenant n times and returns both distributions.
func (s *stream) toggle(ctx context.Context, d *Demo, n int) (on, off []time.Duration, err error) {
	ctx, stop := context.WithTimeout(ctx, time.Duration(n)*2*time.Second+changeTime)
	defer stop()
	for range n {
		began, err := s.write(ctx, d.isolate)
		if err != nil {
			return nil, nil, err
		}
		last, err := s.untilQuiet(ctx, began)
		if err != nil {
			return nil, nil, err
		}
		on = append(on, last-began)
		if began, err = s.write(ctx, func(ctx context.Context) error { return d.annotate(ctx, "null") }); err != nil {
			return nil, nil, err
		}
		first, err := s.untilArrival(ctx, began)
		if err != nil {
			return nil, nil, err
		}
		off = append(off, first-began)
		// Let the flow be steady again before the next change.
		time.Sleep(20 * time.Millisecond)
	}
	return on, off, nil
}

// write makes a change and returns the time just before it.
func (s *stream) write(ctx context.Context, change func(context.Context) error) (time.Duration, error) {
	began := time.Since(s.base)
	return began, change(ctx)
}

func (s *stream) untilQuiet(ctx context.Context, began time.Duration) (time.Duration, error) {
	for {
		last := began
		if arrived := s.since(began); len(arrived) > 0 {
			last = arrived[len(arrived)-1]
		}
		if time.Since(s.base)-last > quiet {
			return last, nil
		}
		if err := pause(ctx); err != nil {
			return 0, fmt.Errorf("wait until nothing passes: %w", err)
		}
	}
}

func (s *stream) untilArrival(ctx context.Context, began time.Duration) (time.Duration, error) {
	for {
		if arrived := s.since(began); len(arrived) > 0 {
			return arrived[0], nil
		}
		if err := pause(ctx); err != nil {
			return 0, fmt.Errorf("wait until something passes: %w", err)
		}
	}
}

func pause(ctx context.Context) error {
	select {
	case <-ctx.Done():
		return ctx.Err()
	case <-time.After(pace):
		return nil
	}
}

// writeDistribution prints percentiles by rank: p99 of 100 values is the second largest.
func writeDistribution(out io.Writer, name string, values []time.Duration) {
	slices.Sort(values)
	at := func(percent int) time.Duration {
		return values[(len(values)-1)*percent/100].Round(10 * time.Microsecond)
	}
	fmt.Fprintf(out, "  %-50s min %s  p50 %s  p90 %s  p99 %s  max %s\n", name, at(0), at(50), at(90), at(99), at(100))
}
