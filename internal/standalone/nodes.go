package standalone

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"strings"

	"golang.org/x/sync/errgroup"

	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
	"github.com/hedgerow-net/hedgerow/internal/standalone/privatens"
)

// startNetwork makes the namespaces and the bpffs, both bound inside this process's own mount namespace.
func (i *Instance) startNetwork() error {
	phase := i.options.Progress.Start(fmt.Sprintf("network ready, %s", count(i.options.Nodes, "node")))
	return phase.End(i.makeNetwork())
}

func (i *Instance) makeNetwork() error {
	bpf := i.dir.Run("bpf")
	if err := privatens.MountBPF(bpf); err != nil {
		return err
	}
	i.onStop("bpffs", func() error { return privatens.Unmount(bpf) })
	network, err := fabric.New(i.dir.Run("netns"), i.options.Nodes)
	if err != nil {
		return err
	}
	i.network = network
	i.onStop("network namespaces", network.Close)
	return nil
}

// startNodes makes the nodes known, then starts what each of them consists of, all at once.
func (i *Instance) startNodes(ctx context.Context) error {
	phase := i.options.Progress.Start("policy enforced on " + count(i.options.Nodes, "node"))
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return phase.End(i.runNodes(ctx))
}

func (i *Instance) runNodes(ctx context.Context) error {
	if err := i.allowAgents(ctx); err != nil {
		return err
	}
	if err := i.forgetNodes(ctx); err != nil {
		return err
	}
	images, err := i.makeImages()
	if err != nil {
		return err
	}
	var all errgroup.Group
	for _, plan := range i.network.Nodes {
		all.Go(func() error {
			n := &node{i: i, Plan: plan}
			if err := n.start(ctx, images); err != nil {
				return fmt.Errorf("start %s: %w", plan.Name, err)
			}
			return nil
		})
	}
	return all.Wait()
}

// startAgent starts the node's agent and returns when policy is enforced.
func (n *node) startAgent(ctx context.Context) error {
	dir := n.i.dir.Run(n.Name)
	if err := os.MkdirAll(n.i.dir.Run(n.Name, "agent"), 0o700); err != nil {
		return fmt.Errorf("make folder for the agent: %w", err)
	}
	kubeconfig := dir + "/agent.kubeconfig"
	name := "hedgerow-agent-" + n.Name
	if err := n.i.kubeconfig(kubeconfig, fabric.BridgeIPv4.Addr().String(), name, "hedgerow:agent:"+n.Name, agentsName); err != nil {
		return err
	}
	args := []string{
		"--node-name", n.Name, "--kubeconfig", kubeconfig,
		"--socket", n.i.AgentSocket(n.Name), "--state-dir", dir + "/agent", "--bpf-dir", n.i.dir.Run("bpf", n.Name),
		"--cluster-cidr", joined(fabric.PodCIDRs),
	}
	program := n.i.program(agentProgram)
	n.i.child(name, n.i.NodeNetns(n.Name), func() *exec.Cmd { return exec.Command(program, args...) })
	if err := n.awaitAgent(ctx); err != nil {
		return fmt.Errorf("%w (%s)", err, n.i.logHint(name))
	}
	return nil
}

func count(n int, what string) string {
	if n == 1 {
		return "1 " + what
	}
	return fmt.Sprintf("%d %ss", n, what)
}

func joined[T fmt.Stringer](list []T) string {
	var texts []string
	for _, e := range list {
		texts = append(texts, e.String())
	}
	return strings.Join(texts, ",")
}
