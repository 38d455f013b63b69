// Package demo shows a tenant being isolated and a policy opening exactly one way in, on a running standalone instance: it applies
// examples/tenant-a, changes policy through the API, and after each step opens real TCP connections between the pods. It prints what it
// measured and why connections were denied, in the agent's words.
package demo

import (
	"context"
	"fmt"
	"io"
	"net/netip"
	"slices"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
)

// Instance is what the demonstration needs of a running standalone.
type Instance interface {
	// Config is a client configuration that may do everything.
	Config() *rest.Config
	// NodeNames lists the nodes; the first one is the demonstration's.
	NodeNames() []string
	// NodeNetns and PodNetns are paths of network namespaces.
	NodeNetns(node string) string
	PodNetns(node, namespace, pod string) (string, error)
	AgentSocket(node string) string
}

// Demo is one run of the demonstration.
type Demo struct {
	instance Instance
	client   kubernetes.Interface
	out      io.Writer
	progress *progress.Reporter
	node     string

	places  []place
	targets []target

	mu      sync.Mutex
	denials []agentapi.Denial
}

// target is where connections go: a port of a pod.
type target struct {
	name, pod string // "tenant-a/backend:80", "tenant-a/backend"
	address   netip.AddrPort
}

// step is one change of policy and what must be reachable after it.
type step struct {
	title string
	// change writes to the API; nil: nothing is changed.
	change func(ctx context.Context) error
	// open reports whether a connection from the source ("namespace/pod" or the node) to the target must be accepted.
	open func(source, target string) bool
	// watch is the connection whose first changed packet is timed.
	watchFrom, watchTo string
}

// Run goes through all steps. It returns false when a cell was not as expected; an error means that the demonstration itself could not go
// on.
func Run(ctx context.Context, instance Instance, out io.Writer, p *progress.Reporter) (bool, error) {
	client, err := kubernetes.NewForConfig(instance.Config())
	if err != nil {
		return false, fmt.Errorf("make API client: %w", err)
	}
	d := &Demo{instance: instance, client: client, out: out, progress: p, node: instance.NodeNames()[0]}
	if err := p.Start("examples/tenant-a applied, pods ready").End(d.prepare(ctx)); err != nil {
		return false, err
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	followed := make(chan error, 1)
	go func() { followed <- d.follow(ctx) }()

	ok := true
	for i, s := range d.steps() {
		fmt.Fprintf(out, "\n%d. %s\n", i+1, s.title)
		took, err := d.change(ctx, &s)
		if err != nil {
			return false, err
		}
		if s.change != nil {
			fmt.Fprintf(out, "   %s from the API write to the first changed packet (%s → %s)\n", took.Round(100*time.Microsecond), s.watchFrom, s.watchTo)
		}
		t := d.measure(ctx, &s)
		t.write(out)
		ok = ok && t.ok()
	}
	stop()
	if err := <-followed; err != nil && !ok {
		return false, err
	}
	return ok, nil
}

// changeTime is how long a change may take before the demonstration gives up; warmUp lets attempts begin before the change, so that the
// time is not that of starting them.
const (
	changeTime = 10 * time.Second
	warmUp     = 100 * time.Millisecond
)

// change makes the step's change and measures how long it took to arrive: from before the API write to the beginning of the first
// connection that ended differently.
func (d *Demo) change(ctx context.Context, s *step) (time.Duration, error) {
	if s.change == nil {
		return 0, nil
	}
	ctx, stop := context.WithTimeout(ctx, changeTime)
	defer stop()
	from, to := d.find(s.watchFrom, s.watchTo)
	type changed struct {
		at  time.Time
		err error
	}
	seen := make(chan changed, 1)
	go func() {
		at, err := firstChange(ctx, from, to, s.open(s.watchFrom, s.watchTo))
		seen <- changed{at, err}
	}()
	time.Sleep(warmUp)
	begin := time.Now()
	if err := s.change(ctx); err != nil {
		return 0, fmt.Errorf("%s: %w", s.title, err)
	}
	c := <-seen
	return c.at.Sub(begin), c.err
}

func (d *Demo) find(source, target string) (place, netip.AddrPort) {
	from := d.places[slices.IndexFunc(d.places, func(p place) bool { return p.name == source })]
	for _, t := range d.targets {
		if t.name == target {
			return from, t.address
		}
	}
	return from, netip.AddrPort{}
}

// spacing keeps probes apart, because the kernel tells of one denial per rule in 10 ms.
const spacing = 25 * time.Millisecond

// measure opens every connection of the table.
func (d *Demo) measure(ctx context.Context, s *step) *table {
	d.forget()
	t := &table{cells: make([][]cell, len(d.places))}
	for _, to := range d.targets {
		t.targets = append(t.targets, to.name)
	}
	var wait sync.WaitGroup
	for i, from := range d.places {
		t.sources = append(t.sources, from.name)
		t.cells[i] = make([]cell, len(d.targets))
		for j, to := range d.targets {
			c := &t.cells[i][j]
			if from.name == to.pod {
				c.self = true
				continue
			}
			c.want = s.open(from.name, to.name)
			time.Sleep(spacing)
			wait.Go(func() {
				err := connect(from, to.address)
				c.open = err == nil
				if !c.open {
					c.reason = d.reasonOf(from.name, to)
				}
			})
		}
	}
	wait.Wait()
	return t
}

// follow collects denials until ctx ends.
func (d *Demo) follow(ctx context.Context) error {
	client := agentapi.NewClient(d.instance.AgentSocket(d.node))
	err := client.Denials(ctx, true, func(denial agentapi.Denial) error {
		d.mu.Lock()
		defer d.mu.Unlock()
		d.denials = append(d.denials, denial)
		return nil
	})
	if ctx.Err() != nil {
		return nil
	}
	return fmt.Errorf("follow denials: %w", err)
}

func (d *Demo) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.denials = nil
}

// reasonOf returns what the agent said about the latest denied packet from the source to the target.
func (d *Demo) reasonOf(source string, to target) string {
	d.mu.Lock()
	defer d.mu.Unlock()
	for _, denial := range slices.Backward(d.denials) {
		if denial.Source == source && denial.Destination == to.pod && denial.Packet.DestinationPort == to.address.Port() {
			return denial.Reason
		}
	}
	return ""
}
