package policytest

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/lab"
	"github.com/hedgerow-net/hedgerow/internal/probe"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

func TestMain(m *testing.M) { lab.Main(m) }

// tenants are thirteen pods of three namespaces on two nodes, with a policy that lets the front of each namespace reach its web pods on one port.
func tenants() string {
	var b strings.Builder
	for i := range 2 {
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Node\nmetadata: {name: node%d}\nstatus: {addresses: [{type: InternalIP, address: 192.168.0.%d}]}\n---\n", i, i+1)
	}
	for i := range 13 {
		app := "web"
		if i < 3 {
			app = "front"
		}
		fmt.Fprintf(&b, "apiVersion: v1\nkind: Pod\nmetadata: {name: pod%d, namespace: ns%d, labels: {app: %s}}\nspec: {nodeName: node%d}\n---\n", i, i%3, app, i%2)
	}
	for i := range 3 {
		fmt.Fprintf(&b, `apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: ns%d}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress: [{from: [{podSelector: {matchLabels: {app: front}}}], ports: [{port: 80}]}]
---
`, i)
	}
	return b.String()
}

// fiveHundred are cases between the thirteen pods: the front of a namespace reaches its web pods on one TCP port, and nobody anything else there.
func fiveHundred() string {
	var b strings.Builder
	for i := range 500 {
		from, to := i%13, 3+i/13%10
		port, expect := 80, "deny"
		if i%5 == 0 {
			port = 81
		}
		if from == to || from < 3 && from == to%3 && port == 80 {
			expect = "allow"
		}
		fmt.Fprintf(&b, "  - {name: c%d, from: ns%d/pod%d, to: ns%d/pod%d, port: %d, expect: %s}\n", i, from%3, from, to%3, to, port, expect)
	}
	return b.String()
}

// run500 runs the five hundred cases with packets, from reading to the end.
func run500(t testing.TB) *Report {
	t.Helper()
	dir := t.TempDir()
	path := filepath.Join(dir, "test.yaml")
	text := tenants() + "apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: five hundred}\nspec:\n  manifests: [test.yaml]\n  cases:\n" + fiveHundred()
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	report, err := runPackets(t, path)
	if err != nil {
		t.Fatal(err)
	}
	return report
}

// runPackets runs the tests of a file with packets through nodes of their own.
func runPackets(t testing.TB, path string) (*Report, error) {
	t.Helper()
	nodes, err := NewNodes()
	if err != nil {
		t.Fatal(err)
	}
	defer nodes.Close()
	tests, err := Read([]string{path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	return Run(context.Background(), tests, Options{Packets: nodes})
}

// TestPackets: packets answer 500 cases among 13 pods as the evaluator does.
func TestPackets(t *testing.T) {
	report := run500(t)
	if passed, failed := report.Count(); passed != 500 || failed != 0 {
		var text strings.Builder
		if err := report.WriteText(&text, false); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d passed, %d failed:\n%s", passed, failed, &text)
	}
	allowed := 0
	for i := range report.Tests[0].Cases {
		o := &report.Tests[0].Cases[i]
		if o.Packet == nil {
			t.Fatalf("%s: no packet was sent", o.Case.Name)
		}
		if o.Got == Allow {
			allowed++
		}
	}
	if allowed < 50 || allowed > 450 {
		t.Errorf("%d of 500 cases are allowed: the cases are too much of one kind", allowed)
	}
}

// BenchmarkPackets: building the nodes, 500 cases between 13 pods and taking the nodes down are to take less than five seconds.
func BenchmarkPackets(b *testing.B) {
	for b.Loop() {
		begin := time.Now()
		if passed, _ := run500(b).Count(); passed != 500 {
			b.Fatalf("%d passed", passed)
		}
		if took := time.Since(begin); took > 5*time.Second {
			b.Errorf("500 cases took %s", took)
		}
	}
}

// TestWorldsInTurn: one set of nodes answers one test after the other, each with its own world.
func TestWorldsInTurn(t *testing.T) {
	nodes, err := NewNodes()
	if err != nil {
		t.Fatal(err)
	}
	defer nodes.Close()
	for range 2 {
		for _, cases := range []string{
			"  - {from: shop/front, to: svc/shop/web, port: 443, expect: deny}\n  - {from: shop/four, to: shop/web, port: 8080, expect: deny}\n",
			"  - {from: 203.0.113.7, to: shop/front, port: 1, expect: allow}\n  - {from: 203.0.113.7, to: shop/old, protocol: ICMP, expect: deny}\n",
		} {
			report, _, err := runCases(t, cases, nodes)
			if err != nil {
				t.Fatal(err)
			}
			for i := range report.Tests[0].Cases {
				o := &report.Tests[0].Cases[i]
				// The first case is about two pods, of which one is reached.
				if o.Disagreement || o.Passed() == (o.Case.To.Value == "svc/shop/web") {
					t.Errorf("%s", strings.Join(o.reasons(), "\n"))
				}
			}
		}
	}
}

// TestDispute: packets cannot tell anything about an address that two pods have.
func TestDispute(t *testing.T) {
	path := write(t, "  - {from: shop/front, to: shop/four, port: 80, expect: allow}\n")
	thief := "---\napiVersion: v1\nkind: Pod\nmetadata: {name: thief, namespace: shop}\nstatus: {podIPs: [{ip: 10.1.0.4}]}\n"
	if err := os.WriteFile(filepath.Join(filepath.Dir(path), "world.yaml"), []byte(world+thief), 0o600); err != nil {
		t.Fatal(err)
	}
	_, err := runPackets(t, path)
	if err == nil || !strings.Contains(err.Error(), "10.1.0.4 is the address of both shop/four and shop/thief") {
		t.Errorf("got %v", err)
	}
}

// deaf is a network in which nothing ever arrives.
type deaf struct{}

func (deaf) Update(*analysis.World, probe.Strangers) error { return nil }
func (deaf) Close()                                        {}
func (deaf) Probe(_ context.Context, flows []probe.Flow, _ []bool) ([]probe.Answer, error) {
	return make([]probe.Answer, len(flows)), nil
}

// TestControl: a denial that has another cause than policies is not taken for one.
func TestControl(t *testing.T) {
	const cases = "  - {from: 203.0.113.7, to: shop/web, port: 9090, expect: deny}\n"
	_, _, err := runCases(t, cases, &Nodes{set: deaf{}})
	if err == nil || !strings.Contains(err.Error(), "TCP from 203.0.113.7 to 10.244.165.68:9090 is dropped even without policies") {
		t.Errorf("got %v", err)
	}
	report, _, err := runCases(t, cases, &Nodes{set: deaf{}, Uncontrolled: true})
	if err != nil || !report.Passed() {
		t.Errorf("without the control: %v", err)
	}
}

// TestExamples: packets answer the tests of all examples as they expect.
func TestExamples(t *testing.T) {
	tests, err := Read([]string{"../../examples"}, nil)
	if err != nil {
		t.Fatal(err)
	}
	nodes, err := NewNodes()
	if err != nil {
		t.Fatal(err)
	}
	defer nodes.Close()
	report, err := Run(context.Background(), tests, Options{Packets: nodes})
	if err != nil {
		t.Fatal(err)
	}
	if passed, failed := report.Count(); passed < 50 || failed != 0 {
		var text strings.Builder
		if err := report.WriteText(&text, false); err != nil {
			t.Fatal(err)
		}
		t.Errorf("%d passed, %d failed:\n%s", passed, failed, &text)
	}
}
