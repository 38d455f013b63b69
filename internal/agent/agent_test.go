package agent

import (
	"context"
	"fmt"
	"strings"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

func namespace(name, annotations string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Namespace, metadata: {name: %s, labels: {tenant: %s}, annotations: {%s}}}", name, name, annotations)
}

func pod(namespace, name, segment string) string {
	return fmt.Sprintf("{apiVersion: v1, kind: Pod, metadata: {namespace: %s, name: %s, labels: {segment: %s}}, spec: {nodeName: n1}}", namespace, name, segment)
}

const pol1 = `
apiVersion: net.alpha.kubernetes.io/v1alpha1
kind: NetworkPolicy
metadata: {namespace: tenant-a, name: pol1}
spec:
  allowIncoming: {from: [{pods: {segment: frontend}}], toPorts: [{port: 80, protocol: TCP}]}
  podSelector: {segment: backend}`

const isolationOn = `net.alpha.kubernetes.io/network-isolation: "on"`

// tenants starts a rig with the three pods of the example, attached and serving on ports 80 and 8080.
func tenants(t *testing.T) (r *rig, frontend, backend, outsider *lab.Pod) {
	r = newRig(t)
	r.write("pods.yaml", namespace("tenant-b", ""), pod("tenant-a", "frontend", "frontend"), pod("tenant-a", "backend", "backend"),
		pod("tenant-b", "outsider", "frontend"))
	r.write("tenant-a.yaml", namespace("tenant-a", ""))
	r.start()
	frontend = r.node.AddPod("frontend", "10.244.1.2", "fd00:10:244:1::2")
	backend = r.node.AddPod("backend", "10.244.1.3", "fd00:10:244:1::3")
	outsider = r.node.AddPod("outsider", "10.244.1.4", "fd00:10:244:1::4")
	for _, p := range []*lab.Pod{frontend, backend, outsider} {
		for _, port := range []uint16{80, 8080} {
			p.Echo(p.Address4, port)
			p.Echo(p.Address6, port)
		}
	}
	r.attach(frontend, "tenant-a")
	r.attach(backend, "tenant-a")
	r.attach(outsider, "tenant-b")
	return r, frontend, backend, outsider
}

func TestTenantExample(t *testing.T) {
	r, frontend, backend, outsider := tenants(t)
	r.open(frontend, backend, 80)
	r.open(outsider, backend, 80)

	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn))
	r.closed(frontend, backend, 80)
	r.closed(outsider, backend, 80)
	r.closed(outsider, frontend, 80)
	r.open(backend, outsider, 80)

	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn), pol1)
	r.open(frontend, backend, 80)
	r.closed(frontend, backend, 8080)
	r.closed(outsider, backend, 80)
	r.closed(backend, frontend, 80)

	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn))
	r.closed(frontend, backend, 80)

	r.write("tenant-a.yaml", namespace("tenant-a", ""))
	r.open(outsider, backend, 80)
}

func TestDenialsHaveReasons(t *testing.T) {
	r, frontend, backend, outsider := tenants(t)
	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn), pol1)
	r.closed(outsider, backend, 80)
	r.open(frontend, backend, 80)
	found := false
	err := r.client.Denials(context.Background(), false, func(d agentapi.Denial) error {
		found = found || d.Source == "tenant-b/outsider" && d.Destination == "tenant-a/backend" &&
			strings.Contains(d.Reason, "is isolated by namespace tenant-a") && strings.Contains(d.Reason, "TCP 80")
		return nil
	})
	if err != nil || !found {
		t.Errorf("no denial from tenant-b/outsider to tenant-a/backend names the isolation (error: %v)", err)
	}
}

// TestAgentDies: enforcement goes on without the agent, and the next one takes over what is in force.
func TestAgentDies(t *testing.T) {
	r, frontend, backend, outsider := tenants(t)
	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn), pol1)
	r.closed(outsider, backend, 80)
	r.open(frontend, backend, 80)
	r.kill()
	r.open(frontend, backend, 80)
	r.closed(outsider, backend, 80)
	r.start()
	r.open(frontend, backend, 80)
	r.closed(outsider, backend, 80)
	r.write("tenant-a.yaml", namespace("tenant-a", isolationOn))
	r.closed(frontend, backend, 80)
}
