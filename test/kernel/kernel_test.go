// Package kernel tests the third leg: random worlds of pods in network namespaces, with real packets, against the evaluator. Every world is made of a
// seed and written as YAML, which is what is read, compiled and put into the kernel; a world in which packets and evaluator disagree is printed with a
// PolicyTest that "hedgerow test --kernel" replays.
package kernel

import (
	"flag"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/lab"
	"github.com/hedgerow-net/hedgerow/internal/policytest"
	"github.com/hedgerow-net/hedgerow/policy"
)

var (
	worlds = flag.Int("worlds", 240, "how many random worlds are probed; thousands for a night")
	seed   = flag.Uint64("seed", 1, "seed of the first world; the others follow")
)

func TestMain(m *testing.M) { lab.Main(m) }

const (
	// questionsPerWorld is how many are drawn from all pairs, protocols and ports.
	questionsPerWorld = 170
	// steps is how often a world is changed under the running nodes.
	steps = 2
	// atOnce is how many sets of nodes work side by side: while one waits for what must not come, another computes.
	atOnce = 3
)

// tally counts what was probed.
type tally struct {
	worlds, flows, allowed, denied, changes atomic.Int64
	reasons                                 atomic.Int64 // denied flows of which the datapath told
	byProtocol                              [len(policy.Protocols)]atomic.Int64
}

// TestRandomWorlds: what packets do is what the evaluator says, for every flow of every world, and again after every change.
func TestRandomWorlds(t *testing.T) {
	begin := time.Now()
	next := make(chan uint64)
	var count tally
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() { work(t, next, &count) })
	}
	for i := uint64(0); i < uint64(*worlds) && failures.Load() < enough; i++ {
		next <- *seed + i
	}
	close(next)
	group.Wait()
	t.Logf("%d worlds, %d changes of them, %d flows (%d allowed, %d denied, %d of these with the reason) in %s", count.worlds.Load(), count.changes.Load(),
		count.flows.Load(), count.allowed.Load(), count.denied.Load(), count.reasons.Load(), time.Since(begin).Round(time.Millisecond))
	if failures.Load() == 0 {
		count.check(t)
	}
}

// work probes the worlds of seeds. The nodes go from world to world, as real ones go through what happens in years; after a failure they
// are made anew.
func work(t *testing.T, seeds <-chan uint64, count *tally) {
	var nodes *policytest.Nodes
	end := func() {
		if nodes != nil {
			nodes.Close()
		}
		nodes = nil
	}
	defer end()
	for s := range seeds {
		if nodes == nil {
			var err error
			if nodes, err = policytest.NewNodes(); err != nil {
				failures.Add(1)
				t.Error(err)
				continue
			}
		}
		if !probe(t, nodes, s, count) {
			end()
		}
	}
}

// check makes sure that what was probed was worth it.
func (c *tally) check(t *testing.T) {
	if int(c.worlds.Load()) != *worlds {
		t.Errorf("%d worlds were probed, want %d", c.worlds.Load(), *worlds)
	}
	for i := range c.byProtocol {
		if n := c.byProtocol[i].Load(); n < c.flows.Load()/20 {
			t.Errorf("only %d flows of %s", n, policy.Protocols[i])
		}
	}
	if n := c.reasons.Load(); n < c.denied.Load()/100 {
		t.Errorf("the datapath told the reason of only %d denied flows", n)
	}
	if share := float64(c.denied.Load()) / float64(c.flows.Load()); share < 0.2 || share > 0.8 {
		t.Errorf("%.0f %% of the flows are denied: the worlds are too much of one kind", 100*share)
	}
}

// probe probes the world of a seed, and what becomes of it step by step. False: the nodes must not be used again.
func probe(t *testing.T, nodes *policytest.Nodes, seed uint64, count *tally) bool {
	w := newWorld(seed)
	for {
		text, err := w.manifests()
		if err != nil {
			failures.Add(1)
			t.Error(err)
			return false
		}
		nodes.Uncontrolled = w.step > 0 // a change is made under the policies that are in force
		flows, err := compare(nodes, text, w.draw())
		if err != nil {
			failures.Add(1)
			t.Errorf("seed %d, step %d: %v\n%s", seed, w.step, err, text)
			return false
		}
		for i := range flows {
			count.add(&flows[i])
		}
		if differing := differing(flows); len(differing) > 0 {
			report(t, w, differing)
			return false
		}
		if w.step == steps || seed%4 != 0 {
			count.worlds.Add(1)
			return true
		}
		w.change()
		count.changes.Add(1)
	}
}

func (c *tally) add(f *flow) {
	c.flows.Add(1)
	for i, p := range policy.Protocols {
		if p == f.port.Protocol {
			c.byProtocol[i].Add(1)
		}
	}
	if f.packet.Reason != "" {
		c.reasons.Add(1)
	}
	if f.want() == policytest.Allow {
		c.allowed.Add(1)
	} else {
		c.denied.Add(1)
	}
}
