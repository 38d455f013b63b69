package e2e

import (
	"context"
	"fmt"
	"os"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// TestPoliciesAcrossNodes: what a policy says holds for pods on two nodes as for pods on one, also for egress.
func TestPoliciesAcrossNodes(t *testing.T) {
	c := shared.client(t)
	across := makeNamespace(t, shared, nil)
	near, far := runPod(t, shared, "node1", across, "near"), runPod(t, shared, "node2", across, "far")
	mustReach(t, near, far)
	mustReach(t, far, near)

	isolate(t, c, across, "on")
	mustNotReach(t, near, far)
	mustNotReach(t, far, near)
	isolate(t, c, across, "off")
	mustReach(t, near, far)

	port := intstr.FromInt32(80)
	only := &networkingv1.NetworkPolicy{ObjectMeta: metav1.ObjectMeta{Name: "only-far-in"}, Spec: networkingv1.NetworkPolicySpec{
		PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"segment": "near"}},
		PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeEgress, networkingv1.PolicyTypeIngress},
		Ingress: []networkingv1.NetworkPolicyIngressRule{{
			From:  []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"segment": "far"}}}},
			Ports: []networkingv1.NetworkPolicyPort{{Port: &port}},
		}},
	}}
	if _, err := c.NetworkingV1().NetworkPolicies(across).Create(context.Background(), only, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	mustNotReach(t, near, far)
	mustReach(t, far, near)
}

// TestAgentKilled: the agent of a node is killed -9. Enforcement goes on, and the agent that is started in its place takes over.
func TestAgentKilled(t *testing.T) {
	i := startInstance(t, "--ephemeral")
	c := i.client(t)
	guarded := makeNamespace(t, i, map[string]string{"net.alpha.kubernetes.io/network-isolation": "on"})
	open := makeNamespace(t, i, nil)
	inner, outer := runPod(t, i, "node1", guarded, "inner"), runPod(t, i, "node1", open, "outer")
	mustReach(t, inner, outer)
	mustNotReach(t, outer, inner)

	for round := range 3 {
		before := i.agentInstance(t)
		i.killAgent(t)
		// With or without an agent at this moment: what is in force stays in force.
		for range 20 {
			if dial(outer.netns, inner.addresses[0], 80, 20_000_000) == nil {
				t.Fatalf("round %d: a forbidden connection was accepted while the agent was away", round)
			}
			if err := dial(inner.netns, outer.addresses[0], 80, denied); err != nil {
				t.Fatalf("round %d: an allowed connection failed while the agent was away: %v", round, err)
			}
		}
		eventually(t, "the next agent takes over", func(context.Context) error {
			if now := i.agentInstance(t); now == before || now == "" {
				return fmt.Errorf("instance is %q, was %q", now, before)
			}
			return nil
		})
		mustReach(t, inner, outer)
		mustNotReach(t, outer, inner)
	}
	isolate(t, c, guarded, "off")
	mustReach(t, outer, inner)
}

// agentInstance is where the ready agent of node1 has its tables; "" while there is none.
func (i *instance) agentInstance(t *testing.T) string {
	t.Helper()
	s, err := agentapi.NewClient(i.agentSocket("node1")).Status(context.Background())
	if err != nil || !s.Ready {
		return ""
	}
	return s.Instance
}

func (i *instance) killAgent(t *testing.T) {
	t.Helper()
	for _, p := range descendants(t, i.cmd.Process.Pid) {
		if p.name != "hedgerow-agent" {
			continue
		}
		process, err := os.FindProcess(p.pid)
		if err == nil {
			err = process.Kill()
		}
		if err != nil {
			t.Fatal(err)
		}
		return
	}
	t.Fatal("no agent runs")
}

// TestUnknownIsolation: a value that is neither on nor off isolates, and an Event in the namespace says so.
func TestUnknownIsolation(t *testing.T) {
	c := shared.client(t)
	odd, other := makeNamespace(t, shared, nil), makeNamespace(t, shared, nil)
	inner, outer := runPod(t, shared, "node1", odd, "inner"), runPod(t, shared, "node1", other, "outer")
	mustReach(t, outer, inner)
	isolate(t, c, odd, "maybe")
	mustNotReach(t, outer, inner)
	eventually(t, "an Event names the value", func(ctx context.Context) error {
		list, err := c.CoreV1().Events(odd).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=Namespace"})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if e.Type == "Warning" && strings.Contains(e.Message, `"maybe"`) {
				return nil
			}
		}
		return fmt.Errorf("%d Events, none about it", len(list.Items))
	})
}
