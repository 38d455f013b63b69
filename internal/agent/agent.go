// Package agent is one node: it takes the world from a source (package cluster), has it compiled (package compile) and drives the
// kernel's tables (package datapath). It answers the CNI plugin on a unix socket, keeps connection tracking on, tells of denials in words and
// raises Events for objects that could not be understood. One goroutine owns world, compiler and tables; everything else sends it messages.
//
// The agent may die at any time: what it put into the kernel goes on enforcing, and the next one takes over without a gap.
package agent

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"maps"
	"net/netip"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/cluster"
	"github.com/hedgerow-net/hedgerow/internal/compile"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// Datapath is what the agent needs of the kernel.
type Datapath interface {
	// Apply carries out one change or refuses it whole (datapath.ErrFull).
	Apply(*datapath.Change) error
	// Barrier separates two changes: no packet is judged by what it read before the first and after the second.
	Barrier() error
	// Attach puts the tables into force in place of those of a former agent.
	Attach() error
	// Instance names the place of the tables for people.
	Instance() string
	// Events tells of drops until ctx ends.
	Events(ctx context.Context, f func(datapath.Event)) error
}

// Options describe one agent.
type Options struct {
	NodeName string
	Source   cluster.Source
	Datapath Datapath
	// Socket is the path of the unix socket; its folder must exist.
	Socket string
	// StateDir keeps the attachments across restarts of the agent. It must not survive a reboot.
	StateDir string
	// ClusterCIDRs are all pod ranges of the cluster.
	ClusterCIDRs []netip.Prefix
	// PodCIDRs are the pod ranges of this node, when the Node object is not to be asked.
	PodCIDRs []netip.Prefix
	// MaxVerdicts, MaxRanges and MaxNetworks limit what policies may take of those tables, in entries; 0 means the compiler's default. Twice as
	// many must fit: a transition holds the old and the new.
	MaxVerdicts, MaxRanges, MaxNetworks int
	// Recorder raises Events; nil: none.
	Recorder Recorder
	// CheckBridges says what lets packets between these host-side interfaces pass unseen; nil: nobody looks.
	CheckBridges func(interfaces []uint32) error
	// Restorations tells how often connection tracking had to be turned on again; nil: nobody keeps it.
	Restorations func() uint64
	Logger       *slog.Logger
}

// Agent is one running node.
type Agent struct {
	o        Options
	log      *slog.Logger
	updates  chan cluster.Update
	requests chan request
	denials  *denials
	metrics  *metrics

	// Owned by the loop.
	world       *cluster.World
	compiler    *compile.Compiler
	attachments *attachments
	addresses   []netip.Addr // of the node
	waiting     []request    // for their pod
	attached    bool         // the datapath is in force
	raised      map[problem]bool
	planProblem string            // why the last plan could not be applied
	problems    []compile.Problem // of the last plan that was applied
	bridges     string            // what CheckBridges said last

	status atomic.Pointer[agentapi.Status]
	names  atomic.Pointer[names]
}

// retry is how long the loop waits before it repeats what failed, and sweeps to make room.
const retry = time.Second

// bridgeCheck is how often the node's bridges are looked at: anybody may put an interface into one, or change the setting, at any time.
const bridgeCheck = 10 * time.Second

// sweepDelay is how long the tables rest before entries out of use are removed.
const sweepDelay = 200 * time.Millisecond

// New prepares an agent. Nothing happens before Run.
func New(o Options) (*Agent, error) {
	kept, err := loadAttachments(o.StateDir)
	if err != nil {
		return nil, err
	}
	limits := compile.Options{MaxVerdicts: o.MaxVerdicts, MaxRanges: o.MaxRanges, MaxNetworks: o.MaxNetworks}
	a := &Agent{
		o: o, log: o.Logger,
		updates: make(chan cluster.Update, 1024), requests: make(chan request),
		denials: newDenials(), metrics: newMetrics(o.Restorations),
		world: cluster.NewWorld(), compiler: compile.New(limits), attachments: kept,
		raised: map[problem]bool{},
	}
	a.world.PodCIDRs = o.PodCIDRs
	a.names.Store(&names{})
	a.status.Store(&agentapi.Status{Node: o.NodeName, Problems: []string{"the world is not known yet"}})
	return a, nil
}

// Run works until ctx ends. Enforcement goes on afterwards.
func (a *Agent) Run(ctx context.Context) error {
	listener, err := listen(a.o.Socket)
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return a.serve(ctx, listener) })
	group.Go(func() error { return a.o.Source.Run(ctx, a.emit(ctx)) })
	group.Go(func() error { return a.o.Datapath.Events(ctx, a.denied) })
	addresses := make(chan []netip.Addr)
	group.Go(func() error { return watchAddresses(ctx, addresses) })
	group.Go(func() error { return a.loop(ctx, addresses) })
	if err := group.Wait(); err != nil && !errors.Is(err, context.Canceled) {
		return fmt.Errorf("agent of %s: %w", a.o.NodeName, err)
	}
	return nil
}

func (a *Agent) emit(ctx context.Context) func(cluster.Update) {
	return func(u cluster.Update) {
		select {
		case a.updates <- u:
		case <-ctx.Done():
		}
	}
}

// loop owns the world. Every message leads to a new plan; messages that are already there share one.
func (a *Agent) loop(ctx context.Context, addresses <-chan []netip.Addr) error {
	var sweep <-chan time.Time // when to sweep, and to try again what was refused; nil: not planned
	bridges := time.NewTicker(bridgeCheck)
	defer bridges.Stop()
	for {
		var sweeping bool
		select {
		case <-ctx.Done():
			return nil
		case u := <-a.updates:
			u(a.world)
		case r := <-a.requests:
			a.take(r)
		case a.addresses = <-addresses:
		case <-bridges.C:
			a.checkBridges()
		case <-sweep:
			sweeping, sweep = true, nil
		}
		a.drain()
		if missing := a.missing(); len(missing) > 0 {
			if !a.attached {
				a.status.Store(&agentapi.Status{Node: a.o.NodeName, Problems: missing})
			}
			continue
		}
		stats, changed, err := a.step(sweeping)
		switch {
		case errors.Is(err, errBroken):
			return err
		case err != nil:
			a.log.Error("bring the kernel up to date", "error", err, "retry", retry)
			if sweep == nil {
				sweep = time.After(retry)
			}
		case changed && sweep == nil:
			sweep = time.After(sweepDelay)
		}
		a.planProblem = problemOf(err)
		a.raise()
		a.answer(err)
		a.publish(stats)
	}
}

// drain takes what else is waiting.
func (a *Agent) drain() {
	for {
		select {
		case u := <-a.updates:
			u(a.world)
		case r := <-a.requests:
			a.take(r)
		default:
			return
		}
	}
}

func (a *Agent) checkBridges() {
	if a.o.CheckBridges == nil {
		return
	}
	a.bridges = ""
	if err := a.o.CheckBridges(a.attachments.interfaces()); err != nil {
		a.bridges = err.Error()
	}
}

// missing says what a first plan needs and is not known.
func (a *Agent) missing() []string {
	var list []string
	if !a.world.Synced {
		what := "the world is not known yet"
		if names := slices.Sorted(maps.Keys(a.world.Awaited)); len(names) > 0 {
			what += ": waiting for the first list of " + strings.Join(names, ", ")
		}
		list = append(list, what)
	}
	if a.addresses == nil {
		list = append(list, "the node's own addresses are not known yet")
	}
	if len(a.podCIDRs()) == 0 {
		list = append(list, fmt.Sprintf("Node %s has no spec.podCIDRs yet: without them --pod-cidr is needed", a.o.NodeName))
	}
	return list
}

func (a *Agent) podCIDRs() []netip.Prefix {
	if a.o.PodCIDRs != nil {
		return a.o.PodCIDRs
	}
	return a.world.PodCIDRs
}

// step brings the kernel from the world it enforces to the present one and, when it is time, rids it of what is out of use: also when the new
// world was refused, because that may make room for it. It reports whether anything was changed.
func (a *Agent) step(sweeping bool) (compile.Stats, bool, error) {
	stats, changed, err := a.update()
	if !sweeping || errors.Is(err, errBroken) {
		return stats, changed, err
	}
	sweep := a.compiler.Sweep()
	return sweep.Stats, changed || !sweep.Empty(), errors.Join(err, a.apply(sweep))
}

// update brings the kernel to the present world. It reports whether anything was to be changed.
func (a *Agent) update() (compile.Stats, bool, error) {
	begin := time.Now()
	plan := a.compiler.Update(a.compileWorld())
	if err := a.apply(plan); err != nil {
		return plan.Stats, true, err
	}
	if !a.attached {
		if err := a.o.Datapath.Attach(); err != nil {
			return plan.Stats, true, fmt.Errorf("put the tables into force: %w", err)
		}
		a.attached = true
		a.log.Info("policy is in force", "instance", a.o.Datapath.Instance(), "pods", plan.Stats.LocalPods)
	}
	a.attachments.closed, a.problems = plan.Closed, plan.Problems
	if !plan.Empty() {
		a.metrics.plan.Observe(time.Since(begin).Seconds())
		a.log.Debug("tables changed", "changes", len(plan.Changes), "took", time.Since(begin))
	}
	return plan.Stats, !plan.Empty(), nil
}

// apply carries out the plan's changes in order, each seen by all packets before the next begins.
func (a *Agent) apply(plan *compile.Plan) error {
	a.names.Store(a.makeNames(plan.Reasons))
	for i := range plan.Changes {
		if err := a.o.Datapath.Barrier(); err != nil {
			a.compiler.Commit(i)
			return fmt.Errorf("%w: %w", errBroken, err)
		}
		if err := a.o.Datapath.Apply(&plan.Changes[i]); err != nil {
			a.compiler.Commit(i)
			if !errors.Is(err, datapath.ErrFull) {
				return fmt.Errorf("change %d of %d: %w: %w", i+1, len(plan.Changes), errBroken, err)
			}
			return fmt.Errorf("change %d of %d: %w", i+1, len(plan.Changes), err)
		}
	}
	a.compiler.Commit(len(plan.Changes))
	return nil
}

// errBroken: the kernel refused a write for a reason that is not a limit, so what its tables hold is not known.
var errBroken = errors.New("the tables are in an unknown state")

func problemOf(err error) string {
	if err == nil {
		return ""
	}
	return "the kernel is not up to date: " + err.Error()
}

// compileWorld is the world as the compiler wants it.
func (a *Agent) compileWorld() *compile.World {
	w := &compile.World{
		Node: a.o.NodeName, NodeAddresses: a.addresses,
		ClusterCIDRs: a.o.ClusterCIDRs, LocalCIDRs: a.podCIDRs(),
		Attachments: a.attachments.forCompiler(),
		Namespaces:  make([]*policy.Namespace, 0, len(a.world.Namespaces)),
		Pods:        make([]*policy.Pod, 0, len(a.world.Pods)),
		Policies:    make([]*policy.Policy, 0, len(a.world.Policies)),
		Nodes:       make([]*policy.Node, 0, len(a.world.Nodes)),
	}
	for _, ns := range a.world.Namespaces {
		w.Namespaces = append(w.Namespaces, ns)
	}
	for _, p := range a.world.Pods {
		w.Pods = append(w.Pods, p)
	}
	for _, p := range a.world.Policies {
		w.Policies = append(w.Policies, p)
	}
	for _, n := range a.world.Nodes {
		w.Nodes = append(w.Nodes, n)
	}
	return w
}

// publish makes the state known to those who ask.
func (a *Agent) publish(stats compile.Stats) {
	s := &agentapi.Status{
		Node: a.o.NodeName, Ready: a.attached, Instance: a.o.Datapath.Instance(), Attachments: len(a.attachments.byKey),
		Groups: stats.Groups, Profiles: stats.Profiles, Verdicts: stats.Verdicts,
	}
	s.Problems = a.openProblems()
	a.metrics.problems.Set(float64(len(s.Problems)))
	a.metrics.tables(stats)
	a.status.Store(s)
}
