package standalone

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"runtime"
	"time"

	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/api/resource"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	core "k8s.io/client-go/applyconfigurations/core/v1"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
	"github.com/hedgerow-net/hedgerow/internal/standalone/pods"
)

// nodeLabel marks Nodes that standalone made, so that a run with fewer nodes removes those that are no more.
const nodeLabel = "standalone.hedgerow.dev/node"

// maxPods is how many pods a node says it can run: what its IPv4 pod range has room for.
const maxPods = "250"

// Times of a node's state: how often the agent is asked, and how old the heartbeat in the API may get.
const (
	checkEvery     = 2 * time.Second
	heartbeatEvery = 30 * time.Second
)

// node is one node of an instance.
type node struct {
	i *Instance
	fabric.Plan

	ready bool // as last written to the API
	since metav1.Time
	beat  time.Time
}

// start makes the node known, starts its agent and its pods, and keeps its Ready condition true to the agent.
func (n *node) start(ctx context.Context, images *pods.Images) error {
	if err := n.register(ctx); err != nil {
		return err
	}
	if err := n.startAgent(ctx); err != nil {
		return err
	}
	if err := n.startPods(images); err != nil {
		return err
	}
	if err := n.report(ctx, true, ""); err != nil {
		return err
	}
	n.i.background("heartbeat of "+n.Name, n.beatForever)
	return nil
}

// register writes the Node object.
func (n *node) register(ctx context.Context) error {
	labels := map[string]string{
		nodeLabel: "true", corev1.LabelHostname: n.Name, corev1.LabelOSStable: runtime.GOOS, corev1.LabelArchStable: runtime.GOARCH,
	}
	var ranges []string
	for _, p := range n.PodCIDRs {
		ranges = append(ranges, p.String())
	}
	object := core.Node(n.Name).WithLabels(labels).WithSpec(core.NodeSpec().WithPodCIDR(ranges[0]).WithPodCIDRs(ranges...))
	if _, err := n.i.client.CoreV1().Nodes().Apply(ctx, object, applied); err != nil {
		return fmt.Errorf("write Node: %w", err)
	}
	return nil
}

// forgetNodes removes Nodes of an earlier run with more nodes.
func (i *Instance) forgetNodes(ctx context.Context) error {
	now := map[string]bool{}
	for _, name := range i.NodeNames() {
		now[name] = true
	}
	list, err := i.client.CoreV1().Nodes().List(ctx, metav1.ListOptions{LabelSelector: nodeLabel})
	if err != nil {
		return fmt.Errorf("list Nodes: %w", err)
	}
	for _, old := range list.Items {
		if now[old.Name] {
			continue
		}
		if err := i.client.CoreV1().Nodes().Delete(ctx, old.Name, metav1.DeleteOptions{}); err != nil && !apierrors.IsNotFound(err) {
			return fmt.Errorf("remove Node %s, which is no more: %w", old.Name, err)
		}
	}
	return nil
}

// awaitAgent returns when the agent enforces policy.
func (n *node) awaitAgent(ctx context.Context) error {
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		ready, why := n.agentReady(ctx)
		if ready {
			return nil
		}
		select {
		case <-tick.C:
		case err := <-n.i.failed:
			return err
		case <-ctx.Done():
			return fmt.Errorf("agent is not ready: %s", why)
		}
	}
}

// agentReady asks the agent whether policy is enforced, and if not, why.
func (n *node) agentReady(ctx context.Context) (bool, string) {
	ctx, cancel := context.WithTimeout(ctx, agentTime)
	defer cancel()
	status, err := agentapi.NewClient(n.i.AgentSocket(n.Name)).Status(ctx)
	switch {
	case err != nil:
		return false, err.Error()
	case !status.Ready && len(status.Problems) > 0:
		return false, status.Problems[0]
	case !status.Ready:
		return false, "it has not seen the whole cluster yet"
	}
	return true, ""
}

func (n *node) beatForever(ctx context.Context) error {
	tick := time.NewTicker(checkEvery)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return nil
		case <-tick.C:
		}
		ready, why := n.agentReady(ctx)
		if ready == n.ready && time.Since(n.beat) < heartbeatEvery || ctx.Err() != nil {
			continue
		}
		if err := n.report(ctx, ready, why); err != nil && ctx.Err() == nil {
			n.i.log.Warn("cannot write heartbeat", "node", n.Name, "error", err)
		}
	}
}

// report writes the node's status.
func (n *node) report(ctx context.Context, ready bool, why string) error {
	status, err := n.status(ready, why)
	if err != nil {
		return err
	}
	// A merge replaces lists whole. Server-side apply cannot: it takes two addresses of one type for duplicates.
	patch, err := json.Marshal(map[string]any{"status": status})
	if err != nil {
		return fmt.Errorf("encode Node status: %w", err)
	}
	_, err = n.i.client.CoreV1().Nodes().Patch(ctx, n.Name, types.MergePatchType, patch, metav1.PatchOptions{FieldManager: fieldManager}, "status")
	if err != nil {
		return fmt.Errorf("write Node status: %w", err)
	}
	n.ready, n.since, n.beat = ready, status.Conditions[0].LastTransitionTime, time.Now()
	return nil
}

func (n *node) status(ready bool, why string) (*corev1.NodeStatus, error) {
	capacity, err := machineCapacity()
	if err != nil {
		return nil, err
	}
	info, err := machineInfo()
	if err != nil {
		return nil, err
	}
	addresses := []corev1.NodeAddress{{Type: corev1.NodeHostName, Address: n.Name}}
	for _, a := range n.Addresses {
		addresses = append(addresses, corev1.NodeAddress{Type: corev1.NodeInternalIP, Address: a.Addr().String()})
	}
	return &corev1.NodeStatus{
		Capacity: capacity, Allocatable: capacity, Addresses: addresses, NodeInfo: *info,
		Conditions: []corev1.NodeCondition{n.condition(ready, why)},
	}, nil
}

func (n *node) condition(ready bool, why string) corev1.NodeCondition {
	now := metav1.Now()
	c := corev1.NodeCondition{
		Type: corev1.NodeReady, Status: corev1.ConditionTrue, Reason: "AgentReady", Message: "policy is enforced and pods run",
		LastHeartbeatTime: now, LastTransitionTime: n.since,
	}
	if !ready {
		c.Status, c.Reason, c.Message = corev1.ConditionFalse, "AgentNotReady", why
	}
	if ready != n.ready || n.since.IsZero() {
		c.LastTransitionTime = now
	}
	return c
}

// machineCapacity is the machine's: nodes share it, and nothing divides it between them.
func machineCapacity() (corev1.ResourceList, error) {
	var s unix.Sysinfo_t
	if err := unix.Sysinfo(&s); err != nil {
		return nil, fmt.Errorf("ask for the machine's memory: %w", err)
	}
	memory := int64(s.Totalram) * int64(s.Unit)
	return corev1.ResourceList{
		corev1.ResourceCPU:    *resource.NewQuantity(int64(runtime.NumCPU()), resource.DecimalSI),
		corev1.ResourceMemory: *resource.NewQuantity(memory, resource.BinarySI),
		corev1.ResourcePods:   resource.MustParse(maxPods),
	}, nil
}

func machineInfo() (*corev1.NodeSystemInfo, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return nil, fmt.Errorf("ask for the kernel's version: %w", err)
	}
	return &corev1.NodeSystemInfo{
		OSImage: "hedgerow-standalone", ContainerRuntimeVersion: "hedgerow://built-in",
		KernelVersion: unix.ByteSliceToString(u.Release[:]), KubeletVersion: apiserver.KubernetesVersion(),
		OperatingSystem: runtime.GOOS, Architecture: runtime.GOARCH,
	}, nil
}

func (i *Instance) program(name string) string { return filepath.Join(i.options.BinDir, name) }
