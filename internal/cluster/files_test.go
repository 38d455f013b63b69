package cluster

import (
	"context"
	"log/slog"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"k8s.io/apimachinery/pkg/types"

	"github.com/hedgerow-net/hedgerow/policy"
)

func folder(t *testing.T, files map[string]string) string {
	t.Helper()
	dir := t.TempDir()
	for name, text := range files {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return dir
}

const manifests = `
apiVersion: v1
kind: Namespace
metadata: {name: a, annotations: {net.alpha.kubernetes.io/network-isolation: "on"}}
---
apiVersion: v1
kind: Pod
metadata: {name: p, namespace: a, labels: {x: z}}
spec: {nodeName: n1}
---
apiVersion: v1
kind: ConfigMap
metadata: {name: not-looked-at, namespace: a}
---
apiVersion: net.alpha.kubernetes.io/v1alpha1
kind: NetworkPolicy
metadata: {name: pol1, namespace: a}
spec: {}
---
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: pol1}
spec: {podSelector: {}}
---
apiVersion: policy.networking.k8s.io/v1alpha2
kind: ClusterNetworkPolicy
metadata: {name: guard}
spec: {tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{wibble: {}}]}]}
---
apiVersion: v1
kind: Node
metadata: {name: n1}
spec: {podCIDRs: [10.244.1.0/24]}
`

func TestReadFolder(t *testing.T) {
	w, err := ReadFolder(folder(t, map[string]string{"all.yaml": manifests, "notes.txt": "not a manifest"}))
	if err != nil {
		t.Fatal(err)
	}
	if ns := w.Namespaces["a"]; ns == nil || ns.Isolation == nil {
		t.Errorf("namespace a is %+v, want it isolated", ns)
	}
	if p := w.Pods[types.NamespacedName{Namespace: "a", Name: "p"}]; p == nil || p.Labels["x"] != "z" || p.Node != "n1" {
		t.Errorf("pod a/p is %+v", p)
	}
	for _, ref := range []policy.Ref{
		{Kind: policy.KindAlphaNetworkPolicy, Namespace: "a", Name: "pol1"},
		{Kind: policy.KindNetworkPolicy, Namespace: "default", Name: "pol1"},
		{Kind: policy.KindClusterNetworkPolicy, Name: "guard"},
	} {
		if w.Policies[ref] == nil {
			t.Errorf("%s is missing", ref)
		}
	}
	if p := w.Policies[policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: "guard"}]; p != nil && p.Problem() == "" {
		t.Error("the unknown field of guard is no problem")
	}
	if len(w.PodCIDRs) != 1 || w.PodCIDRs[0].String() != "10.244.1.0/24" {
		t.Errorf("pod ranges are %v", w.PodCIDRs)
	}
}

func TestReadFolderNamesThePlace(t *testing.T) {
	for name, test := range map[string]struct{ text, want string }{
		"yaml":          {"{apiVersion: v1, kind: Namespace, metadata: {name: a}}\n---\n{", "bad.yaml:3: not YAML"},
		"no kind":       {"metadata: {name: a}", "bad.yaml:1: kind is missing"},
		"unknown field": {"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p},\n spec: {podselector: {}}}", `bad.yaml:2: unknown field "podselector" in spec`},
		"wrong type":    {"{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: p},\n spec: {podSelector: 3}}", "bad.yaml:2: spec.podSelector must be an object"},
	} {
		t.Run(name, func(t *testing.T) {
			_, err := ReadFolder(folder(t, map[string]string{"bad.yaml": test.text}))
			if err == nil || !strings.Contains(err.Error(), test.want) {
				t.Errorf("error %v does not say %q", err, test.want)
			}
		})
	}
}

// TestFilesFollowsTheFolder: a change is taken over, a file that cannot be read changes nothing.
func TestFilesFollowsTheFolder(t *testing.T) {
	dir := folder(t, map[string]string{"a.yaml": "{apiVersion: v1, kind: Namespace, metadata: {name: a}}"})
	ctx, stop := context.WithCancel(context.Background())
	updates, done := make(chan Update), make(chan error, 1)
	go func() {
		done <- (&Files{Folder: dir, Logger: slog.New(slog.DiscardHandler)}).Run(ctx, func(u Update) {
			select {
			case updates <- u:
			case <-ctx.Done():
			}
		})
	}()
	defer func() {
		stop()
		if err := <-done; err != nil {
			t.Error(err)
		}
	}()
	w := NewWorld()
	until := func(what string, ok func() bool) {
		t.Helper()
		for timeout := time.After(20 * time.Second); !ok(); {
			select {
			case u := <-updates:
				u(w)
			case <-timeout:
				t.Fatalf("waited in vain for %s", what)
			}
		}
	}
	write := func(name, text string) {
		t.Helper()
		if err := os.WriteFile(filepath.Join(dir, name), []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	until("the first reading", func() bool { return w.Synced && w.Namespaces["a"] != nil })
	write("b.yaml", "{")
	write("c.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: c}}")
	write("b.yaml", "{apiVersion: v1, kind: Namespace, metadata: {name: b}}")
	until("the mended folder", func() bool { return w.Namespaces["b"] != nil && w.Namespaces["c"] != nil })
	if err := os.Remove(filepath.Join(dir, "a.yaml")); err != nil {
		t.Fatal(err)
	}
	until("the removal", func() bool { return w.Namespaces["a"] == nil })
}
