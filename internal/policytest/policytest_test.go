package policytest

import (
	"bytes"
	"context"
	"encoding/json"
	"encoding/xml"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

const world = `
apiVersion: v1
kind: Pod
metadata: {name: web, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 8080}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: old, namespace: shop, labels: {app: web}}
spec: {containers: [{name: c, ports: [{name: http, containerPort: 80}]}]}
---
apiVersion: v1
kind: Pod
metadata: {name: front, namespace: shop, labels: {app: front}}
---
apiVersion: v1
kind: Pod
metadata: {name: four, namespace: shop, labels: {app: four}}
status: {podIPs: [{ip: 10.1.0.4}]}
---
apiVersion: v1
kind: Pod
metadata: {name: host, namespace: shop}
spec: {hostNetwork: true}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
---
apiVersion: v1
kind: Service
metadata: {name: web, namespace: shop}
spec: {selector: {app: web}, ports: [{port: 443, targetPort: http}]}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: web, namespace: shop}
spec:
  podSelector: {matchLabels: {app: web}}
  ingress:
  - from: [{podSelector: {matchLabels: {app: front}}}]
    ports: [{port: 8080}]
`

// write puts a world and a test of these cases into a folder and returns the test's path.
func write(t testing.TB, cases string) string {
	t.Helper()
	dir := t.TempDir()
	test := "apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: shop}\nspec:\n  manifests: [world.yaml]\n  cases:\n" + cases
	for name, text := range map[string]string{"world.yaml": world, "test.yaml": test} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return filepath.Join(dir, "test.yaml")
}

// runCases runs a test of these cases, and returns its warnings too.
func runCases(t testing.TB, cases string, packets Packets) (*Report, []string, error) {
	t.Helper()
	path := write(t, cases)
	tests, err := Read([]string{path}, nil)
	if err != nil {
		return nil, nil, short(err, path)
	}
	var warnings []string
	report, err := Run(context.Background(), tests, Options{Packets: packets, Warn: func(text string) {
		warnings = append(warnings, strings.ReplaceAll(text, filepath.Dir(path)+"/", ""))
	}})
	return report, warnings, short(err, path)
}

// short cuts the folder off the names in an error.
func short(err error, path string) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s", strings.ReplaceAll(err.Error(), filepath.Dir(path)+"/", ""))
}

func TestRun(t *testing.T) {
	for _, test := range []struct {
		name, one string
		got       Verdict
		flows     int
	}{
		{"allowed, in both families", "{from: shop/front, to: shop/web, port: 8080, expect: allow}", Allow, 2},
		{"a named port", "{from: shop/front, to: shop/web, port: http, expect: allow}", Allow, 2},
		{"another port", "{from: shop/front, to: shop/web, port: 8081, expect: deny}", Deny, 2},
		{"another protocol", "{from: shop/front, to: shop/web, port: 8080, protocol: udp, expect: deny}", Deny, 2},
		{"ICMP", "{from: shop/front, to: shop/web, protocol: ICMP, expect: deny}", Deny, 2},
		{"one family in common", "{from: shop/four, to: shop/web, port: 8080, expect: deny}", Deny, 1},
		{"an address outside", "{from: 203.0.113.7, to: shop/web, port: 8080, expect: deny}", Deny, 1},
		{"one of two pods behind a Service is not reached", "{from: shop/front, to: svc/shop/web, port: 443, expect: allow}", Deny, 4},
		{"one of them is", "{from: shop/front, to: svc/shop/web, port: 443, expect: deny}", Allow, 4},
	} {
		t.Run(test.name, func(t *testing.T) {
			report, _, err := runCases(t, "  - "+test.one+"\n", nil)
			if err != nil {
				t.Fatal(err)
			}
			o := report.Tests[0].Cases[0]
			if o.Got != test.got || o.Flows != test.flows || o.Passed() != (test.got == o.Case.Expect) {
				t.Errorf("got %s of %d flows (passed %t), want %s of %d: %s", o.Got, o.Flows, o.Passed(), test.got, test.flows, strings.Join(o.reasons(), "\n"))
			}
		})
	}
}

func TestRefuse(t *testing.T) {
	for _, test := range []struct{ name, cases, want string }{
		{"unknown field", "  - {form: a/b, to: shop/web, port: 80, expect: allow}\n", `test.yaml:7: unknown field "form"; did you mean "from"?`},
		{"twice", "  - {from: a/b, from: a/b, to: shop/web, port: 80, expect: allow}\n", `test.yaml:7: field "from" is written twice`},
		{"no from", "  - {to: shop/web, port: 80, expect: allow}\n", "test.yaml:7: spec.cases[0].from is missing"},
		{"no port", "  - from: shop/front\n    to: shop/web\n    expect: allow\n", "test.yaml:7: spec.cases[0]: TCP needs a port"},
		{"bad port", "  - from: shop/front\n    to: shop/web\n    port: 70000\n    expect: allow\n", "test.yaml:9: spec.cases[0]: port 70000 is not between 1 and 65535"},
		{"hexadecimal port", "  - {from: shop/front, to: shop/web, port: 0x50, expect: allow}\n", "test.yaml:7: spec.cases[0].port must be a decimal number"},
		{"ICMP with a port", "  - {from: shop/front, to: shop/web, port: 80, protocol: ICMP, expect: allow}\n", `test.yaml:7: spec.cases[0]: port "80": ICMP has no ports`},
		{"unknown protocol", "  - {from: shop/front, to: shop/web, port: 80, protocol: HTTP, expect: allow}\n", `test.yaml:7: spec.cases[0]: protocol "HTTP" is none of TCP, UDP, SCTP, ICMP`},
		{"no expectation", "  - {from: shop/front, to: shop/web, port: 80}\n", "test.yaml:7: spec.cases[0].expect is missing"},
		{"unknown expectation", "  - {from: shop/front, to: shop/web, port: 80,\n     expect: pass}\n", `test.yaml:8: spec.cases[0].expect must be allow or deny, not "pass"`},
		{"a boolean", "  - {from: shop/front, to: shop/web, port: 80, expect: true}\n", `test.yaml:7: spec.cases[0].expect must be a string: write "true" in quotes`},
		{"a list", "  - {from: [shop/front], to: shop/web, port: 80, expect: allow}\n", "test.yaml:7: spec.cases[0].from must be a string"},
		{"a case that is none", "  - allow\n", "test.yaml:7: spec.cases[0] must be an object"},
		{"not YAML", "  - {from: shop/front\n", "test.yaml:7: not YAML: did not find expected ',' or '}'"},
		{"an end that is not there", "  - {from: shop/front, to: shop/wbe, port: 80, expect: allow}\n", `test.yaml:7: there is no pod shop/wbe; did you mean "shop/web"?`},
		{"a named port that is not there", "  - {from: shop/front, to: shop/web, port: htp, expect: allow}\n",
			`test.yaml:7: pod shop/web has no TCP port named htp; did you mean "http/TCP"?`},
		{"no family in common", "  - {from: shop/four, to: \"2001:db8::1\", port: 80, expect: allow}\n",
			"test.yaml:7: shop/four (10.1.0.4) and 2001:db8::1 (2001:db8::1) have no address family in common"},
		{"a node without an address", "  - {from: node/n1, to: shop/web, port: 80, expect: allow}\n",
			"test.yaml:7: node n1 has no address: write it into status.addresses of the Node"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, _, err := runCases(t, test.cases, nil)
			if err == nil || err.Error() != test.want {
				t.Errorf("got %v\nwant %s", err, test.want)
			}
		})
	}
}

// Whole files that are refused.
func TestRefuseDocument(t *testing.T) {
	for _, test := range []struct{ name, text, want string }{
		{"kind", "apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTset\n", `:2: kind "PolicyTset" of hedgerow.dev/v1alpha1 is not known: it must be PolicyTest`},
		{"version", "kind: PolicyTest\napiVersion: hedgerow.dev/v1\n", `:2: a PolicyTest is of apiVersion hedgerow.dev/v1alpha1, not "hedgerow.dev/v1"`},
		{"no kind", "spec: {}\n", ":1: kind is missing: for a test write apiVersion: hedgerow.dev/v1alpha1 and kind: PolicyTest"},
		{"no spec", "kind: PolicyTest\napiVersion: hedgerow.dev/v1alpha1\n", ":1: spec is missing"},
		{"field of the spec", "kind: PolicyTest\napiVersion: hedgerow.dev/v1alpha1\nspec:\n  tests: []\n",
			`:4: unknown field "tests"; it is none of manifests, cases`},
		{"manifests", "kind: PolicyTest\napiVersion: hedgerow.dev/v1alpha1\nspec:\n  manifests: {}\n", ":4: spec.manifests must be a list"},
		{"manifest that is not there", "kind: PolicyTest\napiVersion: hedgerow.dev/v1alpha1\nspec:\n  manifests:\n  - nowhere.yaml\n",
			":5: spec.manifests[0]: stat nowhere.yaml: no such file or directory"},
	} {
		t.Run(test.name, func(t *testing.T) {
			_, err := Read([]string{"-"}, strings.NewReader(test.text))
			if want := "-" + test.want; err == nil || err.Error() != want {
				t.Errorf("got %v\nwant %s", err, want)
			}
		})
	}
}

// A folder's tests are found, once; what is no test is left alone, even if it is no YAML.
func TestReadFolder(t *testing.T) {
	path := write(t, "  - {from: shop/front, to: shop/web, port: 8080, expect: allow}\n")
	dir := filepath.Dir(path)
	if err := os.MkdirAll(filepath.Join(dir, "below"), 0o700); err != nil {
		t.Fatal(err)
	}
	for name, text := range map[string]string{
		"template.yaml":   "{{ if }}",
		"empty.yaml":      "# a PolicyTest will come here\n---\n---\n",
		".hidden.yaml":    "kind: PolicyTest",
		"below/more.json": `{"apiVersion": "hedgerow.dev/v1alpha1", "kind": "PolicyTest", "spec": {"manifests": ["../world.yaml"], "cases": []}}`,
	} {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	tests, err := Read([]string{dir, path}, nil)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for _, test := range tests {
		names = append(names, fmt.Sprintf("%s: %d cases", test.Name, len(test.Cases)))
	}
	if diff := cmp.Diff([]string{"more: 0 cases", "shop: 1 cases"}, names); diff != "" {
		t.Errorf("tests (-want +got):\n%s", diff)
	}
}

func TestNoCaseIsAFailure(t *testing.T) {
	report, _, err := runCases(t, "", nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	if want := "0 cases: 0 passed, 0 failed; no case means that nothing was tested, which is a failure\n"; report.Passed() || !strings.HasSuffix(text.String(), want) {
		t.Errorf("passed %t:\n%s", report.Passed(), &text)
	}
	if (&Report{}).Passed() {
		t.Error("no test at all passes")
	}
}

func TestControls(t *testing.T) {
	_, warnings, err := runCases(t, `  - {name: a, from: shop/front, to: shop/web, port: http, expect: allow}
  - {name: b, from: shop/four, to: shop/web, port: 8080, expect: deny}
  - {name: c, from: shop/front, to: shop/web, port: 9090, expect: deny}
  - {name: d, from: shop/four, to: shop/web, port: 9090, expect: deny}
`, nil)
	want := []string{`test.yaml:9: warning: test shop: case "c" has no control: no case expects that anybody reaches shop/web on TCP 9090, so it would pass with a wrong name or port, too; add one`}
	if diff := cmp.Diff(want, warnings); err != nil || diff != "" {
		t.Errorf("%v, warnings (-want +got):\n%s", err, diff)
	}
}

// echoes are packets that come to what the evaluator says, but for TCP to one port.
type echoes struct {
	port uint16
	Packet
}

func (e echoes) Send(_ context.Context, _ *manifest.World, flows []policy.Flow, expected []policy.Action) ([]Packet, error) {
	packets := make([]Packet, len(flows))
	for i, f := range flows {
		packets[i].Verdict = Deny
		if expected[i] == policy.Accept {
			packets[i].Verdict = Allow
		}
		if f.Port == e.port {
			packets[i] = e.Packet
		}
	}
	return packets, nil
}

// Packets have the last word, and a case fails that they and the evaluator see differently, whatever it expects.
func TestDisagreement(t *testing.T) {
	const cases = `  - {from: shop/front, to: shop/web, port: 8080, expect: deny}
  - {from: shop/front, to: shop/web, port: 8080, expect: allow}
  - {from: shop/front, to: shop/web, port: 8081, expect: deny}
`
	report, _, err := runCases(t, cases, echoes{8080, Packet{Deny, "because"}})
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.WriteText(&text, false); err != nil {
		t.Fatal(err)
	}
	passed, failed := report.Count()
	if passed != 1 || failed != 2 || !strings.Contains(text.String(), "packets and evaluator disagree about 2 cases") || !strings.Contains(text.String(), "packets: because") {
		t.Errorf("%d passed, %d failed:\n%s", passed, failed, &text)
	}
	report, _, err = runCases(t, cases, echoes{8081, Packet{Verdict: Reject}})
	if err != nil {
		t.Fatal(err)
	}
	if got := report.Tests[0].Cases[2]; got.Passed() || got.Got != Reject {
		t.Errorf("a refused packet: got %s, passed %t", got.Got, got.Passed())
	}
}

func TestJSON(t *testing.T) {
	report, _, err := runCases(t, "  - {name: n, from: shop/front, to: shop/web, port: 8080, expect: deny}\n  - {from: shop/front, to: shop/web, port: http, expect: allow}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	data, err := json.Marshal(report.JSON())
	if err != nil {
		t.Fatal(err)
	}
	var got struct {
		Passed, Failed int
		Cases          []map[string]any
	}
	if err := json.Unmarshal(data, &got); err != nil {
		t.Fatal(err)
	}
	first := got.Cases[0]
	for _, name := range []string{"position", "decidedAt", "decision"} {
		if first[name] == "" {
			t.Errorf("%s is empty", name)
		}
		delete(first, name)
	}
	want := map[string]any{
		"test": "shop", "name": "n", "from": "shop/front", "to": "shop/web", "port": 8080.0, "protocol": "TCP", "expect": "deny", "got": "allow", "passed": false,
	}
	if diff := cmp.Diff(want, first); got.Passed != 1 || got.Failed != 1 || diff != "" || got.Cases[1]["port"] != "http" {
		t.Errorf("%d passed, %d failed, second port %v; case (-want +got):\n%s", got.Passed, got.Failed, got.Cases[1]["port"], diff)
	}
}

func TestJUnit(t *testing.T) {
	report, _, err := runCases(t, "  - {name: \"a<b\", from: shop/front, to: shop/web, port: 8080, expect: deny}\n  - {from: shop/front, to: shop/web, port: http, expect: allow}\n", nil)
	if err != nil {
		t.Fatal(err)
	}
	var text bytes.Buffer
	if err := report.WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	var got suitesXML
	if err := xml.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 2 || got.Failures != 1 || len(got.Suites) != 1 || len(got.Suites[0].Cases) != 2 {
		t.Fatalf("got %+v", got)
	}
	failed := got.Suites[0].Cases[0]
	if failed.Name != "a<b" || failed.Line != 7 || failed.Failure == nil || !strings.Contains(failed.Failure.Text, "NetworkPolicy shop/web rule 0") {
		t.Errorf("got %+v, %+v", failed, failed.Failure)
	}
}

// TestJUnitOfNothing: what reads the report alone must not take it for a success.
func TestJUnitOfNothing(t *testing.T) {
	var text bytes.Buffer
	if err := (&Report{}).WriteJUnit(&text); err != nil {
		t.Fatal(err)
	}
	var got suitesXML
	if err := xml.Unmarshal(text.Bytes(), &got); err != nil {
		t.Fatal(err)
	}
	if got.Tests != 1 || got.Failures != 1 || len(got.Suites) != 1 || got.Suites[0].Cases[0].Failure == nil {
		t.Errorf("got %s", text.String())
	}
}

// BenchmarkEvaluate runs 10,000 cases by the evaluator: they are to take less than two seconds.
func BenchmarkEvaluate(b *testing.B) {
	const cases = 10000
	var text strings.Builder
	for i := range cases {
		fmt.Fprintf(&text, "  - {from: shop/front, to: shop/web, port: %d, expect: deny}\n", 10000+i)
	}
	path := write(b, text.String())
	for b.Loop() {
		tests, err := Read([]string{path}, nil)
		if err != nil {
			b.Fatal(err)
		}
		report, err := Run(context.Background(), tests, Options{})
		if err != nil {
			b.Fatal(err)
		}
		if passed, failed := report.Count(); passed != cases || failed != 0 {
			b.Fatalf("%d passed, %d failed", passed, failed)
		}
	}
}
