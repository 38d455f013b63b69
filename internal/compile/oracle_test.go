package compile

import (
	"fmt"
	"maps"
	"math/rand"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// judge drives a compiler and tables through random worlds.
type judge struct {
	t        failer
	compiler *Compiler
	tables   *datapathtest.Tables
	all      []datapathtest.Flow // that are compared after every plan
	flows    []datapathtest.Flow // those of them that are looked at after every write
	thorough bool                // all are
	random   *rand.Rand
	// applied tells of every write, for failures.
	applied []string
}

// failer is what *testing.T and *rapid.T have in common here.
type failer interface {
	Helper()
	Fatalf(format string, args ...any)
}

func sidesOf(j datapathtest.Judgement) sides {
	if j.Closed != 0 {
		return sides{}
	}
	return sides{j.Egress.Action == datapath.Accept, j.Ingress.Action == datapath.Accept}
}

func (j *judge) current() []sides {
	now := make([]sides, len(j.flows))
	for i, f := range j.flows {
		now[i] = sidesOf(j.tables.Judge(f))
	}
	return now
}

// TestTable compiles random worlds from nothing and compares the tables with Evaluate, for all addresses and for all ports at which anything can
// change.
func TestTable(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		world := newRandomWorld(t).world()
		j := &judge{t: t, compiler: New(Options{}), tables: datapathtest.New()}
		j.compare(newReference(world), j.start(world), flows(portsOfInterest(world)...))
	})
}

// TestEveryWrite applies random transitions write by write, in random order where the interface leaves it open. After every write every
// flow must be judged, in each direction, as in the old world or as in the new one; at the end as in the new one, for the same reason.
// Now and then a plan ends in the middle, because the tables are full.
func TestEveryWrite(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		j := &judge{t: t, compiler: newCramped(), tables: datapathtest.New(), all: flows(usualPorts...)}
		j.random = rand.New(rand.NewSource(rapid.Int64().Draw(t, "order")))
		w := newRandomWorld(t)
		before := w.world()
		j.start(before)
		w.edit()
		for range rapid.IntRange(1, 6).Draw(t, "worlds") {
			world := w.world()
			if !w.onlyNode && rapid.IntRange(0, 4).Draw(t, "stop") == 0 {
				j.stop(t, world, w.onlyPolicies)
				j.sweepSome(rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "sweeps for room"))
				switch rapid.SampledFrom([]string{"on", "back", "policies back", "elsewhere"}).Draw(t, "then") {
				case "back":
					j.transit(before, false)
				case "policies back":
					w.restorePolicies(before)
				case "elsewhere":
					w.edits()
				}
				world = w.world()
				w.onlyPolicies = false
			}
			j.transit(world, w.onlyPolicies)
			before = world
			j.sweepSome(rapid.SampledFrom([]int{0, 0, 1, 2}).Draw(t, "sweeps"))
			w.edit()
		}
		world := w.world()
		j.transit(world, false)
		j.finish(world)
	})
}

// newCramped returns a compiler that soon has to use its ids again.
func newCramped() *Compiler {
	c := New(Options{MaxLocalPods: 12, MaxRules: 20})
	c.groupIDs = newIDs(uint32(datapath.FirstGroup), uint32(datapath.FirstGroup)+40)
	c.profileIDs = newIDs(1, 60)
	return c
}

// update plans; when too many local pods wait to be swept it sweeps and plans again.
func (j *judge) update(world *World) *Plan {
	plan := j.compiler.Update(world)
	for _, why := range plan.Closed {
		if strings.Contains(why, "limit") {
			j.sweep()
			return j.compiler.Update(world)
		}
	}
	return plan
}

// sweep sweeps until nothing is left to do.
func (j *judge) sweep() {
	for range 10 {
		plan := j.compiler.Sweep()
		if plan.Empty() {
			return
		}
		j.apply(plan, j.current(), j.current(), true)
	}
	j.t.Fatalf("sweeping does not end")
}

// sweepSome sweeps so many times. No flow is judged differently meanwhile, also when the last plan ended in the middle.
func (j *judge) sweepSome(times int) {
	for range times {
		j.apply(j.compiler.Sweep(), j.current(), j.current(), true)
	}
}

// start fills the tables for the first time. Nobody looks meanwhile: a node's links are attached afterwards.
func (j *judge) start(world *World) *Plan {
	plan := j.compiler.Update(world)
	for i := range plan.Changes {
		if err := j.tables.Apply(&plan.Changes[i]); err != nil {
			j.t.Fatalf("start: %v", err)
		}
	}
	j.compiler.Commit(len(plan.Changes))
	return plan
}

// sides are what the policies say about all flows.
func (j *judge) sides(r *reference) []sides {
	all := make([]sides, len(j.flows))
	for i, f := range j.flows {
		all[i] = r.sides(f)
	}
	return all
}

// stop sets out for a new world and stops in the middle.
func (j *judge) stop(t *rapid.T, world *World, onlyPolicies bool) {
	plan := j.update(world)
	stopped := *plan
	stopped.Changes = plan.Changes[:rapid.IntRange(0, len(plan.Changes)).Draw(t, "applied")]
	j.choose()
	j.apply(&stopped, j.current(), j.sides(newReference(world)), onlyPolicies)
}

// transit goes to a new world.
func (j *judge) transit(world *World, onlyPolicies bool) {
	r := newReference(world)
	j.choose()
	next := j.sides(r)
	plan := j.update(world)
	j.apply(plan, j.current(), next, onlyPolicies)
	j.compare(r, plan, j.all)
	s, got := plan.Stats, sizes(j.tables)
	if s.Verdicts != got["verdicts"] || s.Ranges != got["ranges"] || s.Endpoints != got["endpoints"] || s.Networks != got["networks"] {
		j.t.Fatalf("stats %+v, in the tables %v", s, got)
	}
	if stats := j.compiler.stats(nil); stats != plan.Stats {
		j.t.Fatalf("stats of the plan %+v, of the committed state %+v", plan.Stats, stats)
	}
	if again := j.compiler.Update(world); !again.Empty() {
		j.t.Fatalf("a second update to the same world changes something: %+v", again.Changes)
	}
	j.compiler.Commit(0)
}

// apply carries out the plan write by write and commits it.
func (j *judge) apply(plan *Plan, old, next []sides, consistent bool) {
	j.applied = nil
	for i := range plan.Changes {
		before := clone(j.tables)
		writes, err := j.tables.Writes(&plan.Changes[i], j.random)
		if err != nil {
			j.t.Fatalf("change %d: %v", i, err)
		}
		for _, w := range writes {
			j.applied = append(j.applied, fmt.Sprintf("%d: %s", i, w.Name))
			if err := w.Do(); err != nil {
				j.t.Fatalf("%s: %v\nwrites:\n%s\ntables:\n%s", w.Name, err, strings.Join(j.applied, "\n"), j.tables)
			}
			if (strings.HasPrefix(w.Name, "put verdict") || strings.HasPrefix(w.Name, "put range")) && j.random.Intn(8) > 0 {
				continue // Nothing refers to it yet; looking now and then is enough.
			}
			j.check(before, old, next, consistent)
		}
	}
	j.compiler.Commit(len(plan.Changes))
}

// check compares all flows with the old and new world, also for a packet that read the source's words before this change began.
func (j *judge) check(before *datapathtest.Tables, old, next []sides, consistent bool) {
	seen := map[string]map[bool]bool{} // of a pod's direction: whether it was seen as new (true) or old
	for i, f := range j.flows {
		now := sidesOf(j.tables.Judge(f))
		j.oneOf("now", f, now, old[i], next[i])
		if before != nil {
			j.oneOf("straddling", f, sidesOf(datapathtest.JudgeStraddling(before, j.tables, f)), old[i], next[i])
			j.oneOf("straddling back", f, sidesOf(datapathtest.JudgeStraddling(j.tables, before, f)), old[i], next[i])
		}
		if consistent {
			note(seen, "egress of "+f.Source.String(), now.egress, old[i].egress, next[i].egress)
			note(seen, "ingress of "+f.Destination.String(), now.ingress, old[i].ingress, next[i].ingress)
		}
	}
	for who, what := range seen {
		if len(what) > 1 {
			j.t.Fatalf("%s is a mix of old and new\nwrites:\n%s", who, strings.Join(j.applied, "\n"))
		}
	}
}

func note(seen map[string]map[bool]bool, who string, now, old, next bool) {
	if old == next {
		return
	}
	if seen[who] == nil {
		seen[who] = map[bool]bool{}
	}
	seen[who][now == next] = true
}

func (j *judge) oneOf(when string, f datapathtest.Flow, got, old, next sides) {
	if got.egress != old.egress && got.egress != next.egress || got.ingress != old.ingress && got.ingress != next.ingress {
		j.t.Fatalf("%s %+v: got %+v, old world %+v, new world %+v\nwrites:\n%s\ntables:\n%s", when, f, got, old, next, strings.Join(j.applied, "\n"), j.tables)
	}
}

func (j *judge) fail(world *World, f datapathtest.Flow, format string, args ...any) {
	j.t.Helper()
	j.t.Fatalf("%+v: %s\nworld: %s\ntables:\n%s", f, fmt.Sprintf(format, args...), worldText(world), j.tables)
}

// choose draws the flows that are looked at after every write.
func (j *judge) choose() {
	if j.flows = nil; j.thorough {
		j.flows = j.all
		return
	}
	for range 200 {
		j.flows = append(j.flows, j.all[j.random.Intn(len(j.all))])
	}
}

// compare checks that the tables judge as Evaluate does, and that rule ids stand for the reasons that it gives.
func (j *judge) compare(r *reference, plan *Plan, flows []datapathtest.Flow) {
	j.t.Helper()
	for _, f := range flows {
		got, want := j.tables.Judge(f), r.decide(f)
		if got, want := sidesOf(got), r.sidesOf(f, want); got != want {
			j.fail(r.world, f, "got %+v, want %+v\n%s", got, want, r.decide(f))
		}
		if got.Closed != 0 || want.Egress.Cause == policy.CauseSelf {
			continue
		}
		if r.local[f.Source] {
			j.compareReason(r, plan, f, got.Egress.Rule, want.Egress.Reason)
		}
		if r.local[f.Destination] && want.Ingress.Cause != policy.CauseNode {
			j.compareReason(r, plan, f, got.Ingress.Rule, want.Ingress.Reason)
		}
	}
}

func (j *judge) compareReason(r *reference, plan *Plan, f datapathtest.Flow, rule datapath.RuleID, want policy.Reason) {
	got, found := plan.Reasons[rule]
	if !found {
		// Profile 0: nothing looks at the pod in this direction.
		got = policy.Reason{Action: policy.Accept, Direction: want.Direction, Cause: policy.CauseNotIsolated}
	}
	if diff := cmp.Diff(want, got); diff != "" {
		j.fail(r.world, f, "reason, rule %d (-want +got):\n%s", rule, diff)
	}
}

// finish sweeps until nothing is left to do and compares the tables with freshly compiled ones.
func (j *judge) finish(world *World) {
	j.sweep()
	fresh := datapathtest.New()
	plan := New(Options{}).Update(world)
	for i := range plan.Changes {
		if err := fresh.Apply(&plan.Changes[i]); err != nil {
			j.t.Fatalf("apply to fresh tables: %v", err)
		}
	}
	if diff := cmp.Diff(sizes(fresh), sizes(j.tables)); diff != "" {
		j.t.Fatalf("sizes of tables (-fresh +swept):\n%s\nfresh:\n%s\nswept:\n%s", diff, fresh, j.tables)
	}
}

func sizes(t *datapathtest.Tables) map[string]int {
	groups := map[datapath.GroupID]bool{}
	for _, g := range t.Networks {
		groups[g] = true
	}
	for _, e := range t.Endpoints {
		groups[e.Group] = true
	}
	return map[string]int{
		"endpoints": len(t.Endpoints), "networks": len(t.Networks), "profiles": len(t.Profiles), "interfaces": len(t.Interfaces), "verdicts": len(t.Verdicts),
		"ranges": len(t.Ranges), "groups": len(groups),
	}
}

func clone(t *datapathtest.Tables) *datapathtest.Tables {
	return &datapathtest.Tables{
		Endpoints: maps.Clone(t.Endpoints), Networks: maps.Clone(t.Networks), Profiles: maps.Clone(t.Profiles),
		Interfaces: maps.Clone(t.Interfaces), Verdicts: maps.Clone(t.Verdicts), Ranges: maps.Clone(t.Ranges),
	}
}

func worldText(w *World) string {
	var b strings.Builder
	for _, ns := range w.Namespaces {
		fmt.Fprintf(&b, "\nnamespace %s %v isolated %t", ns.Name, ns.Labels, ns.Isolation != nil)
	}
	for _, p := range w.Pods {
		fmt.Fprintf(&b, "\npod %+v", *p)
	}
	for _, p := range w.Policies {
		fmt.Fprintf(&b, "\npolicy %s tier %s priority %d subject %s isolates %v when isolated %t", p.Ref, p.Tier, p.Priority, p.Subject.Key(), p.Isolates, p.WhenIsolated)
		for _, d := range policy.Directions {
			for _, r := range p.Rules[d] {
				fmt.Fprintf(&b, "\n  %s rule %d %s all peers %t all ports %t ports %v", d, r.Index, r.Action, r.Peers == nil, r.Ports == nil, r.Ports)
				for i := range r.Peers {
					fmt.Fprintf(&b, "\n    peer %s", peerKey(&r.Peers[i]))
				}
			}
		}
	}
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, "\nnode %+v", *n)
	}
	for _, a := range w.Attachments {
		fmt.Fprintf(&b, "\nattachment %+v", a)
	}
	return b.String()
}
