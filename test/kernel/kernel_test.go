// Package kernel tests the third leg: random worlds of pods in network namespaces, with real packets, against the evaluator. Every world is made of a
// seed and written as YAML, which is what is read, compiled and put into the kernel; a world in which packets and evaluator disagree is printed with a
// PolicyTest that "hedgerow test --kernel" replays.
package kernel

import (
	"context"
	"flag"
	"fmt"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/lab"
	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/internal/policytest"
	"github.com/hedgerow-net/hedgerow/policy"
)

var (
	worlds = flag.Int("worlds", 240, "how many random worlds are probed; thousands for a night")
	seed   = flag.Uint64("seed", 1, "seed of the first world; the others follow")
)

func TestMain(m *testing.M) { lab.Main(m) }

const (
	// flowsPerWorld is how many flows are drawn from all pairs, protocols and ports.
	flowsPerWorld = 200
	// steps is how often a world is changed under the running nodes.
	steps = 2
	// atOnce is how many sets of nodes work side by side: while one waits for what must not come, another computes.
	atOnce = 3
)

// tally counts what was probed.
type tally struct {
	worlds, flows, allowed, denied, changes atomic.Int64
	byProtocol                              [len(policy.Protocols)]atomic.Int64
}

// TestRandomWorlds: what packets do is what the evaluator says, for every flow of every world, and again after every change.
func TestRandomWorlds(t *testing.T) {
	begin := time.Now()
	next := make(chan uint64)
	var count tally
	var group sync.WaitGroup
	for range atOnce {
		group.Go(func() {
			nodes, err := policytest.NewNodes()
			if err != nil {
				t.Error(err)
				for range next {
				}
				return
			}
			defer nodes.Close()
			for s := range next {
				// The nodes go from world to world, as real ones go through what happens to a cluster in years.
				if !probe(t, nodes, s, &count) {
					nodes.Close()
					if nodes, err = policytest.NewNodes(); err != nil {
						t.Error(err)
						return
					}
				}
			}
		})
	}
	for i := range uint64(*worlds) {
		next <- *seed + i
	}
	close(next)
	group.Wait()
	t.Logf("%d worlds, %d changes of them, %d flows (%d allowed, %d denied) in %s", count.worlds.Load(), count.changes.Load(), count.flows.Load(),
		count.allowed.Load(), count.denied.Load(), time.Since(begin).Round(time.Millisecond))
	count.check(t)
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
	if share := float64(c.denied.Load()) / float64(c.flows.Load()); share < 0.2 || share > 0.8 {
		t.Errorf("%.0f %% of the flows are denied: the worlds are too much of one kind", 100*share)
	}
}

// probe probes the world of a seed, and what becomes of it step by step. False: the nodes must not be used again.
func probe(t *testing.T, nodes *policytest.Nodes, seed uint64, count *tally) bool {
	w := newWorld(seed)
	for step := 0; ; step++ {
		text, err := w.manifests()
		if err != nil {
			t.Error(err)
			return true
		}
		nodes.Uncontrolled = step > 0 // a change is made under the policies that are in force
		differing, err := compare(nodes, w, text, count)
		if err != nil {
			t.Errorf("seed %d, step %d: %v\n%s", seed, step, err, text)
			return false
		}
		if len(differing) > 0 {
			report(t, w, text, differing)
			return false
		}
		if step == steps {
			count.worlds.Add(1)
			return true
		}
		if step == 0 && seed%4 != 0 {
			count.worlds.Add(1)
			return true
		}
		w.change()
		count.changes.Add(1)
	}
}

// flow is one flow of a world: how it is written in a PolicyTest, and as the evaluator sees it.
type flow struct {
	from, to string
	port     manifest.Port
	decision policy.Decision
	packet   policytest.Packet
}

// compare returns the flows of the world about which packets and evaluator differ.
func compare(nodes *policytest.Nodes, w *world, text string, count *tally) ([]flow, error) {
	read, err := manifest.Read([]string{"-"}, strings.NewReader(text))
	if err != nil {
		return nil, err
	}
	flows, err := w.flows(read)
	if err != nil {
		return nil, err
	}
	asked, expected := make([]policy.Flow, len(flows)), make([]policy.Action, len(flows))
	for i, f := range flows {
		asked[i], expected[i] = f.decision.Flow, f.decision.Action()
	}
	packets, err := nodes.Send(context.Background(), read, asked, expected)
	if err != nil {
		return nil, err
	}
	var differing []flow
	for i, p := range packets {
		want := policytest.Deny
		if expected[i] == policy.Accept {
			want = policytest.Allow
		}
		count.add(asked[i].Protocol, want)
		if p.Verdict != want {
			f := flows[i]
			f.packet = p
			differing = append(differing, f)
		}
	}
	return differing, nil
}

func (c *tally) add(protocol policy.Protocol, want policytest.Verdict) {
	c.flows.Add(1)
	for i, p := range policy.Protocols {
		if p == protocol {
			c.byProtocol[i].Add(1)
		}
	}
	if want == policytest.Allow {
		c.allowed.Add(1)
	} else {
		c.denied.Add(1)
	}
}

// ports are what is probed, of each protocol: those that policies mention, their neighbours, and one that nobody mentions.
var ports = []uint16{80, 80, 81, 82, 79, 53, 52, 8080, 9000, 9001, 443}

// flows draws flows of the world.
func (w *world) flows(read *manifest.World) ([]flow, error) {
	set, ends := read.Set(), w.ends()
	drawn := map[string]bool{}
	var all []flow
	for range 4 * flowsPerWorld {
		from, to := ends, ends
		if w.chance(50) {
			// Policies are about pods: at least half of the flows go between two of them.
			from, to = ends[:len(w.pods)], ends[:len(w.pods)]
		}
		f := flow{from: pick(w, from...), to: pick(w, to...), port: manifest.Port{Protocol: pick(w, policy.Protocols[:]...)}}
		if f.port.Protocol != policy.OtherProtocols {
			f.port.Number = pick(w, ports...)
		}
		name := fmt.Sprint(f.from, f.to, f.port)
		if drawn[name] || !strings.Contains(f.from+f.to, "/") {
			continue // between strangers and nodes there is no policy
		}
		drawn[name] = true
		found, err := f.find(read, set)
		if err != nil {
			return nil, err
		}
		if all = append(all, found...); len(all) >= flowsPerWorld {
			break
		}
	}
	return all, nil
}

// find returns the flow in every family that both ends have.
func (f flow) find(read *manifest.World, set *policy.Set) ([]flow, error) {
	from, err := read.FindEnd(f.from)
	if err != nil {
		return nil, err
	}
	to, err := read.FindEnd(f.to)
	if err != nil {
		return nil, err
	}
	flows, _, err := read.Flows(from, to, f.port)
	if err != nil {
		return nil, err
	}
	var all []flow
	for _, one := range flows {
		for _, g := range one.ByFamily() {
			f.decision = policy.Evaluate(set, g.Flow)
			source, destination := f.decision.Flow.Source.Address, f.decision.Flow.Destination.Address
			if source.IsValid() && destination.IsValid() && source.Is4() == destination.Is4() {
				all = append(all, f)
			}
		}
	}
	return all, nil
}

// report prints a world that fails as one file, to be replayed.
func report(t *testing.T, w *world, text string, differing []flow) {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: seed-%d-step-%d}\nspec:\n  manifests: [failed.yaml]\n  cases:\n", w.seed, w.step)
	for i, f := range differing {
		if i == 20 {
			fmt.Fprintf(&b, "  # and %d more\n", len(differing)-i)
			break
		}
		expect := policytest.Deny
		if f.decision.Action() == policy.Accept {
			expect = policytest.Allow
		}
		port := ""
		if f.port.Number != 0 {
			port = fmt.Sprintf(", port: %d", f.port.Number)
		}
		protocol := f.port.Protocol.String()
		if f.port.Protocol == policy.OtherProtocols {
			protocol = "ICMP"
		}
		fmt.Fprintf(&b, "  # %s to %s: got %s %s\n  # %s\n", f.decision.Flow.Source.Address, f.decision.Flow.Destination.Address, f.packet.Verdict,
			f.packet.Reason, strings.ReplaceAll(f.decision.String(), "\n", "\n  # "))
		fmt.Fprintf(&b, "  - {from: %q, to: %q%s, protocol: %s, expect: %s}\n", f.from, f.to, port, protocol, expect)
	}
	t.Errorf("seed %d, step %d: packets and evaluator disagree about %d flows. Save as failed.yaml and run: hedgerow test --kernel failed.yaml\n%s%s",
		w.seed, w.step, len(differing), b.String(), text)
}
