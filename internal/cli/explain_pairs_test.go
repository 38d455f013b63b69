package cli

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// oddities are ends and objects that the worlds of the scripts have not.
const oddities = `
---
apiVersion: v1
kind: Pod
metadata: {name: lost, namespace: shop}
spec: {hostNetwork: true, nodeName: gone}
---
apiVersion: v1
kind: Pod
metadata: {name: over, namespace: shop}
status: {phase: Succeeded}
---
apiVersion: v1
kind: Node
metadata: {name: bare}
---
apiVersion: apps/v1
kind: DaemonSet
metadata: {name: agents, namespace: shop}
spec: {template: {spec: {hostNetwork: true}}}
`

// TestEveryPair asks about every pair of ends of the scripts' worlds, with and without a port: text and JSON are printed for each, agree on the verdict
// and on the exit code, and every flow has a reason.
func TestEveryPair(t *testing.T) {
	for _, name := range []string{"places", "service", "tiers", "families"} {
		archive, err := txtar.ParseFile("testdata/explain-" + name + ".txtar")
		if err != nil {
			t.Fatal(err)
		}
		var world bytes.Buffer
		for _, f := range archive.Files {
			if f.Name != "script" {
				world.WriteString("---\n")
				world.Write(f.Data)
			}
		}
		world.WriteString(oddities)
		w, err := manifest.Read([]string{"-"}, bytes.NewReader(world.Bytes()))
		if err != nil {
			t.Fatal(err)
		}
		names := append(w.EndNames(), "203.0.113.9", "2001:db8::9", "10.244.0.1", "192.0.2.1", "10.96.0.10")
		for _, from := range names {
			for _, to := range names {
				for _, port := range []string{"", ":80", ":ICMP"} {
					target := to
					if port != "" && strings.Contains(to, ":") {
						target = "[" + to + "]"
					}
					pair(t, w, from, target+port)
				}
			}
		}
	}
}

func pair(t *testing.T, w *manifest.World, fromText, target string) {
	t.Helper()
	toText, port, err := manifest.SplitTarget(target)
	if err != nil {
		t.Fatalf("%s: %v", target, err)
	}
	from, err := w.FindEnd(fromText)
	if err != nil {
		return // a Service without pods
	}
	to, err := w.FindEnd(toText)
	if err != nil {
		return
	}
	e := explainer{world: w, set: w.Set()}
	a, err := e.explain(from, to, port)
	if err != nil {
		return // no such port, which other tests are about
	}
	if len(a.Flows) == 0 {
		t.Errorf("%s to %s: no flow", fromText, target)
	}
	var text bytes.Buffer
	if err := writeExplanationText(&text, a); err != nil {
		t.Fatal(err)
	}
	anyDenied := false
	for _, x := range a.Flows {
		anyDenied = anyDenied || !x.Allowed
		if x.Egress.Cause == "" || x.Ingress.Cause == "" || x.From.Place == "" || x.To.Place == "" {
			t.Errorf("%s to %s: a flow without a reason: %+v", fromText, target, x)
		}
		if x.Allowed != (x.Egress.Verdict == "Accept" && x.Ingress.Verdict == "Accept") {
			t.Errorf("%s to %s: the verdict is not that of both directions: %+v", fromText, target, x)
		}
	}
	if anyDenied != strings.Contains(text.String(), "Denied: ") || port != nil && a.Allowed == anyDenied {
		t.Errorf("%s to %s: allowed is %v, something is denied: %v, and the text is\n%s", fromText, target, a.Allowed, anyDenied, &text)
	}
	if _, err := json.Marshal(a); err != nil {
		t.Errorf("%s to %s: %v", fromText, target, err)
	}
}
