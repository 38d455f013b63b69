package probe

import (
	"context"
	"fmt"
	"net/netip"
	"sync"

	"github.com/hedgerow-net/hedgerow/internal/compile"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/conntrack"
	"github.com/hedgerow-net/hedgerow/internal/datapath/ebpf"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// node is one throw-away node: a namespace that routes between its pods and the outside, under a datapath of its own.
type node struct {
	*space
	up    *port // to the outside
	down  *port // the outside's end of it
	slots []*slot

	datapath *ebpf.Datapath
	compiler *compile.Compiler
	keeper   *conntrack.Keeper
	attached bool
	stop     context.CancelFunc
	events   sync.WaitGroup
	drops    *drops
}

// newNode makes a node without pods. Nothing is enforced before its first world.
func newNode(number int, outside *space, fs *bpffs) (*node, error) {
	n := &node{compiler: compile.New(compile.Options{}), drops: newDrops()}
	var err error
	if n.space, err = newSpace(routing...); err != nil {
		return nil, err
	}
	ctx, stop := context.WithCancel(context.Background())
	n.stop = stop
	if err := n.start(ctx, number, outside, fs); err != nil {
		n.close()
		return nil, fmt.Errorf("make node %d: %w", number, err)
	}
	return n, nil
}

func (n *node) start(ctx context.Context, number int, outside *space, fs *bpffs) error {
	var err error
	if n.down, n.up, err = connect(outside, fmt.Sprintf("node%d", number), n.space, "up"); err != nil {
		return err
	}
	if err := n.up.lead(everywhere); err != nil {
		return err
	}
	if n.datapath, err = ebpf.Open(ebpf.Options{Dir: fs.path(fmt.Sprintf("node%d", number))}); err != nil {
		return err
	}
	n.events.Go(func() {
		// It ends with the context; until then, a ring that cannot be read only costs reasons.
		_ = n.datapath.Events(ctx, n.drops.add)
	})
	return n.do(func() error {
		n.keeper, err = conntrack.Start(ctx, conntrack.Options{})
		return err
	})
}

// update gives the node its pods and the world's policies. They are in force when it returns.
func (n *node) update(w *analysis.World, l *nodeLayout, inPodRange []netip.Addr) error {
	attachments, err := n.attach(l)
	if err != nil {
		return err
	}
	if err := n.own.have(l.addresses); err != nil {
		return err
	}
	var local []netip.Addr
	for _, p := range l.pods {
		local = append(local, p.Addresses...)
	}
	if err := n.down.lead(singles(append(local[:len(local):len(local)], l.addresses...))); err != nil {
		return err
	}
	return n.enforce(&compile.World{
		Node: l.name, Namespaces: w.Namespaces, Pods: w.Pods, Policies: w.Policies, Nodes: w.Nodes,
		Attachments:   attachments,
		NodeAddresses: append(loopbacks[:len(loopbacks):len(loopbacks)], l.addresses...),
		ClusterCIDRs:  singles(inPodRange), LocalCIDRs: singles(local),
	})
}

var loopbacks = []netip.Addr{netip.MustParseAddr("127.0.0.1"), netip.IPv6Loopback()}

// enforce brings the kernel to the world.
func (n *node) enforce(w *compile.World) error {
	plan := n.compiler.Update(w)
	for key, why := range plan.Closed {
		return fmt.Errorf("attach %s: %s", key, why)
	}
	if err := n.apply(plan); err != nil {
		return err
	}
	if !n.attached {
		if err := n.do(n.datapath.Attach); err != nil {
			return err
		}
		n.attached = true
	}
	return n.sweep()
}

// sweep rids the tables of what is out of use.
func (n *node) sweep() error {
	for {
		plan := n.compiler.Sweep()
		if plan.Empty() {
			return nil
		}
		if err := n.apply(plan); err != nil {
			return err
		}
	}
}

func (n *node) apply(plan *compile.Plan) error {
	n.drops.name(plan.Reasons)
	for i := range plan.Changes {
		if err := n.applyOne(&plan.Changes[i]); err != nil {
			n.compiler.Commit(i)
			return fmt.Errorf("fill the tables: %w", err)
		}
	}
	n.compiler.Commit(len(plan.Changes))
	return nil
}

func (n *node) applyOne(c *datapath.Change) error {
	if err := n.datapath.Barrier(); err != nil {
		return err
	}
	return n.datapath.Apply(c)
}

// close gives everything back to the kernel.
func (n *node) close() {
	n.stop()
	n.events.Wait()
	if n.keeper != nil {
		n.keeper.Wait()
	}
	if n.datapath != nil {
		n.datapath.Close()
	}
	for _, s := range n.slots {
		s.space.close()
	}
	n.space.close()
}
