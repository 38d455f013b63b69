package kernel

import (
	"fmt"
	"os"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/policytest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// failures counts the worlds that failed. After some of them no more are probed: each takes time, because nothing comes where something should.
var failures atomic.Int32

const (
	enough = 5
	// shrinkTime is how long a world is made smaller.
	shrinkTime = 20 * time.Second
)

// report prints a world that fails as one file that replays it; the first one is made smaller before.
func report(t *testing.T, w *world, differing []flow) {
	found, first := len(differing), failures.Add(1) == 1
	history := "It fails on fresh nodes, too."
	if again, err := w.afresh(differing); err != nil {
		history = fmt.Sprintf("On fresh nodes: %v.", err)
	} else if len(again) == 0 {
		history = "On fresh nodes it does not fail: what was in force before matters."
	} else if differing = again; first {
		differing = w.shrink(differing)
	}
	text, err := w.manifests()
	if err != nil {
		t.Error(err)
	}
	t.Errorf("seed %d, step %d: packets and evaluator disagree about %d flows. %s Save as failed.yaml and run: hedgerow test --kernel failed.yaml\n%s%s",
		w.seed, w.step, found, history, w.policyTest(differing), text)
}

// afresh probes flows of the world again, on nodes that have never held another one, and returns those about which there is disagreement.
func (w *world) afresh(flows []flow) ([]flow, error) {
	text, err := w.manifests()
	if err != nil {
		return nil, err
	}
	nodes, err := policytest.NewNodes()
	if err != nil {
		return nil, err
	}
	defer nodes.Close()
	var questions []question
	asked := map[question]bool{}
	for _, f := range flows {
		if !asked[f.question] {
			questions = append(questions, f.question)
		}
		asked[f.question] = true
	}
	flows, err = compare(nodes, text, questions)
	return differing(flows), err
}

// shrink leaves out policies without which there still is disagreement about some of the flows, and returns those.
func (w *world) shrink(flows []flow) []flow {
	begin := time.Now()
	for i := len(w.policies) - 1; i >= 0 && time.Since(begin) < shrinkTime; i-- {
		all := w.policies
		w.policies = append(append([]object{}, all[:i]...), all[i+1:]...)
		if left, err := w.afresh(flows); err == nil && len(left) > 0 {
			flows = left
		} else {
			w.policies = all
		}
	}
	return flows
}

// policyTest writes flows as a test in the same file as the world.
func (w *world) policyTest(flows []flow) string {
	var b strings.Builder
	fmt.Fprintf(&b, "apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: seed-%d-step-%d}\nspec:\n  manifests: [failed.yaml]\n  cases:\n", w.seed, w.step)
	for i := range flows {
		f := &flows[i]
		if i == 20 {
			fmt.Fprintf(&b, "  # and %d more\n", len(flows)-i)
			break
		}
		fmt.Fprintf(&b, "  # %s to %s: got %s; %s\n  # %s\n", f.decision.Flow.Source.Address, f.decision.Flow.Destination.Address, f.packet.Verdict,
			f.packet.Reason, strings.ReplaceAll(f.decision.String(), "\n", "\n  # "))
		fmt.Fprintf(&b, "  - {from: %q, to: %q, %s, expect: %s}\n", f.from, f.to, f.portFields(), f.want())
	}
	return b.String()
}

func (q question) portFields() string {
	if q.port.Protocol == policy.OtherProtocols {
		return "protocol: ICMP"
	}
	return fmt.Sprintf("port: %d, protocol: %s", q.port.Number, q.port.Protocol)
}

// TestReplay: what is printed of a world is a test that can be read and that the evaluator passes.
func TestReplay(t *testing.T) {
	w := newWorld(*seed)
	nodes, err := policytest.NewNodes()
	if err != nil {
		t.Fatal(err)
	}
	defer nodes.Close()
	text, err := w.manifests()
	if err != nil {
		t.Fatal(err)
	}
	flows, err := compare(nodes, text, w.draw())
	if err != nil {
		t.Fatal(err)
	}
	t.Chdir(t.TempDir())
	if err := os.WriteFile("failed.yaml", []byte(w.policyTest(flows[:20])+text), 0o600); err != nil {
		t.Fatal(err)
	}
	tests, err := policytest.Read([]string{"failed.yaml"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	replayed, err := policytest.Run(t.Context(), tests, policytest.Options{Packets: nodes})
	if err != nil {
		t.Fatal(err)
	}
	if passed, failed := replayed.Count(); passed != 20 || failed != 0 {
		t.Errorf("%d passed, %d failed", passed, failed)
	}
}
