package lint_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis/lint"
)

// readWorld reads manifests, of which only Pods are workloads.
func readWorld(t interface{ Fatalf(string, ...any) }, text string) *lint.World {
	m, err := manifest.Read([]string{"-"}, strings.NewReader(text))
	if err != nil {
		t.Fatalf("read world: %v\n%s", err, text)
	}
	w := &lint.World{
		World: m.World, Written: map[string]bool{}, Declared: map[*policy.Pod][]policy.Port{}, Invented: map[*policy.Pod]bool{},
		Nulls: map[*networkingv1.NetworkPolicy][]string{},
	}
	for _, o := range m.Objects {
		switch object := o.Value.(type) {
		case *corev1.Namespace:
			w.Written[o.Name] = true
		case *corev1.Pod:
			w.Declared[o.Pod] = lint.DeclaredPorts(&object.Spec)
			w.Invented[o.Pod] = len(object.Status.PodIPs) == 0
		case *networkingv1.NetworkPolicy:
			w.NetworkPolicies = append(w.NetworkPolicies, object)
			w.Nulls[object] = o.Nulls()
		}
	}
	return w
}

// example is a small world and what is found in it with one code: "NAMESPACE/NAME FIELD: MESSAGE | ADVICE", one per line.
type example struct {
	name, world, want string
}

// run checks examples of one code. Findings of other codes do not count.
func run(t *testing.T, code lint.Code, examples []example) {
	t.Helper()
	for _, test := range examples {
		t.Run(test.name, func(t *testing.T) {
			var got []string
			for _, f := range lint.Check(readWorld(t, test.world)) {
				if f.Code == code {
					got = append(got, fmt.Sprintf("%s/%s %s: %s | %s", f.Ref.Namespace, f.Ref.Name, f.Field, f.Message, f.Advice))
				}
			}
			if diff := cmp.Diff(strings.TrimSpace(test.want), strings.Join(got, "\n")); diff != "" {
				t.Errorf("findings of %s (-want +got):\n%s", code, diff)
			}
		})
	}
}

// objects joins manifests.
func objects(texts ...string) string { return strings.Join(texts, "\n---\n") }

func namespace(name, labels string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {%s}}}", name, labels)
}

// pod is a pod with these labels and these fields of its spec and status.
func pod(name, labels string, fields ...string) string {
	ns, name, _ := strings.Cut(name, "/")
	all := strings.Join(append([]string{fmt.Sprintf("metadata: {namespace: %s, name: %s, labels: {%s}}", ns, name, labels)}, fields...), ", ")
	return "{apiVersion: v1, kind: Pod, " + all + "}"
}

// ports is a spec with these container ports.
func ports(ports string) string { return "spec: {containers: [{name: c, ports: [" + ports + "]}]}" }

func service(name, selector, ports string) string {
	ns, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf("{apiVersion: v1, kind: Service, metadata: {namespace: %s, name: %s}, spec: {selector: {%s}, ports: [%s]}}", ns, name, selector, ports)
}

func netpol(name, spec string) string {
	ns, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {namespace: %s, name: %s}, spec: {%s}}", ns, name, spec)
}

func alpha(name, spec string) string {
	ns, name, _ := strings.Cut(name, "/")
	return fmt.Sprintf("{apiVersion: net.alpha.kubernetes.io/v1alpha1, kind: NetworkPolicy, metadata: {namespace: %s, name: %s}, spec: {%s}}", ns, name, spec)
}

func cnp(name, spec string) string {
	return fmt.Sprintf("{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: %s}, spec: {%s}}", name, spec)
}
