package agent

import (
	"context"
	"net/netip"
	"sync"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// narrow is a screen that takes no removal of verdicts, or nothing else, for lack of room.
type narrow struct {
	mu                          sync.Mutex
	refuseRemovals, refuseRest  bool
	removals, refused, restOnly int // removals taken; removals refused; other changes refused
}

func (n *narrow) screen(c *datapath.Change) error {
	n.mu.Lock()
	defer n.mu.Unlock()
	removal := len(c.DeleteVerdicts) > 0
	switch {
	case removal && n.refuseRemovals:
		n.refused++
		return datapath.ErrFull
	case removal:
		n.removals++
	case n.refuseRest:
		n.restOnly++
		return datapath.ErrFull
	}
	return nil
}

func (n *narrow) set(refuseRemovals, refuseRest bool) {
	n.mu.Lock()
	defer n.mu.Unlock()
	n.refuseRemovals, n.refuseRest = refuseRemovals, refuseRest
}

// reaches returns a condition: the counter that get reads is not 0.
func (n *narrow) reaches(get func() int) func() bool {
	return func() bool {
		n.mu.Lock()
		defer n.mu.Unlock()
		return get() > 0
	}
}

// TestFullTableIsSwept: what is out of use is removed while changes are refused, and also after a removal was refused itself. Otherwise a full
// table stays full.
func TestFullTableIsSwept(t *testing.T) {
	r := newRig(t)
	r.write("pods.yaml", pod("tenant-a", "backend", "backend"))
	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn), pol1)
	n := &narrow{refuseRemovals: true}
	runAgent(t, r, &discard{screen: n.screen})
	ctx, stop := context.WithTimeout(context.Background(), 20*time.Second)
	defer stop()
	at := &agentapi.Attachment{
		ContainerID: "c1", PodInterface: "eth0", HostInterface: "lo", HostIndex: 1,
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.1.2")}, Namespace: "tenant-a", Pod: "backend",
	}
	if err := r.client.Attach(ctx, at); err != nil {
		t.Fatal(err)
	}
	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn))
	r.await("a refused removal", n.reaches(func() int { return n.refused }))
	n.set(true, true)
	r.write("tenant-a.yaml", namespace("tenant-a", ""))
	r.await("a refused change", n.reaches(func() int { return n.restOnly }))
	n.set(false, true)
	r.await("a removal", n.reaches(func() int { return n.removals }))
	n.set(false, false)
	r.await("the status to be clean", func() bool { return len(r.status().Problems) == 0 })
}
