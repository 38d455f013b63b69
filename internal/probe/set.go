package probe

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"os"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath/ebpf"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// Set is a set of throw-away nodes around one outside. It holds one world at a time. It is not safe for concurrent use; several sets do not know
// of each other.
type Set struct {
	fs      *bpffs
	outside *space
	nodes   []*node
	homes   map[netip.Addr]*space
}

// errUnable is wrapped by the error of New when it is this machine that cannot probe: no root, or a kernel that lacks something.
var errUnable = errors.New("cannot send real packets here")

// New makes a set without nodes. It needs root, and a kernel that can run the datapath; the error says what is missing. Close it.
func New() (*Set, error) {
	if os.Geteuid() != 0 {
		return nil, fmt.Errorf("%w: network namespaces and the datapath need root: run this with sudo", errUnable)
	}
	if err := ebpf.CheckKernel(); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	s := &Set{}
	var err error
	if s.fs, err = newBPFFS(); err != nil {
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	if s.outside, err = newSpace(routing...); err != nil {
		s.Close()
		return nil, fmt.Errorf("%w: %w", errUnable, err)
	}
	return s, nil
}

// Update puts the world in place of the former one: nodes, pods with exactly their addresses, policies. Strangers are addresses that the world does not know
// and flows need. What old and new world have in common stays as it is. After an error the set is of no more use, except when it says that two
// pods claim one address.
func (s *Set) Update(w *analysis.World, strangers Strangers) error {
	l, err := layOut(w, strangers)
	if err != nil {
		return err
	}
	for len(s.nodes) < len(l.nodes) {
		n, err := newNode(len(s.nodes), s.outside, s.fs)
		if err != nil {
			return err
		}
		s.nodes = append(s.nodes, n)
	}
	if err := s.outside.own.have(l.outside); err != nil {
		return fmt.Errorf("make strangers: %w", err)
	}
	for i, n := range s.nodes {
		in := &nodeLayout{}
		if i < len(l.nodes) {
			in = l.nodes[i]
		}
		if err := n.update(w, in, l.inPodRange); err != nil {
			return fmt.Errorf("bring node %q to the world: %w", in.name, err)
		}
	}
	return s.settle()
}

// settle waits until all addresses can be used, and notes who lives where.
func (s *Set) settle() error {
	s.homes = map[netip.Addr]*space{}
	spaces := []*space{s.outside}
	for _, n := range s.nodes {
		spaces = append(spaces, n.space)
		for _, slot := range n.slots {
			spaces = append(spaces, slot.space)
		}
	}
	for _, sp := range spaces {
		if err := sp.own.await(); err != nil {
			return err
		}
		for a := range sp.own.addresses {
			s.homes[a] = sp
		}
	}
	return nil
}

// Probe sends every flow's packets and waits for answers: until all flows that should pass by allowed have answered, but no longer than a limit, and then a
// little for the others. allowed may be nil: then nothing is expected and every flow gets the same time. Flows are told apart by
// their source ports, so they never share a tracked connection. The error is about the probing itself.
func (s *Set) Probe(ctx context.Context, flows []Flow, allowed []bool) ([]Answer, error) {
	for _, f := range flows {
		if err := f.Check(); err != nil {
			return nil, err
		}
		for _, a := range [...]netip.Addr{f.Source, f.Destination} {
			if s.homes[a] == nil {
				return nil, fmt.Errorf("probe %s: nobody in the set has %s", f, a)
			}
		}
	}
	for _, n := range s.nodes {
		n.drops.forget()
	}
	answers := make([]Answer, len(flows))
	size := volleySize()
	for at := 0; at < len(flows); at += size {
		end := min(at+size, len(flows))
		var expected []bool
		if allowed != nil {
			expected = allowed[at:end]
		}
		if err := s.volley(ctx, flows[at:end], expected, answers[at:end]); err != nil {
			return nil, err
		}
	}
	return answers, nil
}

// volleySize is how many flows are probed at once: each may take three files, for its client, its server and the connection there.
func volleySize() int {
	var files unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &files); err != nil || files.Cur/4 > maxProbes {
		return maxProbes
	}
	return max(1, int(files.Cur/4))
}

// volley probes some flows at once.
func (s *Set) volley(ctx context.Context, flows []Flow, allowed []bool, answers []Answer) error {
	r, err := newRound(s.homes, flows, allowed)
	if err != nil {
		return err
	}
	defer r.close()
	if err := r.run(ctx); err != nil {
		return err
	}
	for i, p := range r.probes {
		answers[i] = Answer{Outcome: p.outcome}
		if p.outcome == Passed {
			continue
		}
		for _, n := range s.nodes {
			if text := n.drops.of(p.tuple()); text != "" {
				answers[i].Reason = text
			}
		}
	}
	return nil
}

// Close gives everything back to the kernel.
func (s *Set) Close() {
	for _, n := range s.nodes {
		n.close()
	}
	if s.outside != nil {
		s.outside.close()
	}
	s.fs.close()
}
