// Command hedgerow-agent enforces network policy on one node. It watches the API server (or a folder of manifests), keeps the kernel's
// tables, and answers the CNI plugin on a unix socket.
package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"os/signal"

	"github.com/spf13/cobra"
	"golang.org/x/sys/unix"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hedgerow-net/hedgerow/internal/agent"
	"github.com/hedgerow-net/hedgerow/internal/cluster"
	"github.com/hedgerow-net/hedgerow/internal/datapath/conntrack"
	"github.com/hedgerow-net/hedgerow/internal/datapath/ebpf"
)

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, unix.SIGTERM)
	defer stop()
	if err := command().ExecuteContext(ctx); err != nil {
		fmt.Fprintf(os.Stderr, "hedgerow-agent: %v\n", err)
		os.Exit(1)
	}
}

// flags are the command line of the agent.
type flags struct {
	nodeName, kubeconfig, manifests string
	socket, stateDir, bpfDir        string
	clusterCIDRs, podCIDRs          []string
	logLevel                        slog.Level
	maxEndpoints, maxVerdicts       uint32
	maxRanges, maxNetworks          uint32
}

func command() *cobra.Command {
	f := &flags{}
	c := &cobra.Command{
		Use:   "hedgerow-agent --node-name NODE --cluster-cidr CIDR,…",
		Short: "Enforce network policy on this node",
		Long: `Enforce network policy on this node, in the network namespace it is started in.

What is in force stays in force when the agent ends, however it ends; the next agent takes over without a gap. "hedgerow-agent remove" ends enforcement.`,
		Example: `  # in a cluster, with a service account
  hedgerow-agent --node-name $(hostname) --cluster-cidr 10.244.0.0/16

  # without a cluster: pods, namespaces and policies from files
  hedgerow-agent --node-name n1 --manifests ./manifests --cluster-cidr 10.244.0.0/16 --pod-cidr 10.244.1.0/24`,
		Args: cobra.NoArgs, SilenceUsage: true, SilenceErrors: true,
		RunE: func(c *cobra.Command, _ []string) error { return f.run(c.Context()) },
	}
	s := c.Flags()
	s.StringVar(&f.nodeName, "node-name", "", "name of this node's Node object (required)")
	s.StringVar(&f.kubeconfig, "kubeconfig", "", "kubeconfig file; without it the service account of the pod")
	s.StringVar(&f.manifests, "manifests", "", "read objects from this folder in place of the API server")
	s.StringVar(&f.socket, "socket", "/run/hedgerow/agent.sock", "unix socket for the CNI plugin and tools")
	s.StringVar(&f.stateDir, "state-dir", "/run/hedgerow/agent", "folder for state that outlives the agent, but not a reboot")
	s.StringSliceVar(&f.clusterCIDRs, "cluster-cidr", nil, "pod ranges of the whole cluster (required)")
	s.StringSliceVar(&f.podCIDRs, "pod-cidr", nil, "pod ranges of this node; default: spec.podCIDRs of the Node")
	s.TextVar(&f.logLevel, "log-level", slog.LevelInfo, "debug, info, warn or error")
	s.Uint32Var(&f.maxEndpoints, "max-endpoints", 0, "limit of the endpoints table, in entries (default 262144)")
	s.Uint32Var(&f.maxVerdicts, "max-verdicts", 0, "limit of the verdict table, in entries (default 1048576)")
	s.Uint32Var(&f.maxRanges, "max-ranges", 0, "limit of the table of port ranges, in blocks of ports (default 65536)")
	s.Uint32Var(&f.maxNetworks, "max-networks", 0, "limit of the networks table, in entries (default 65536)")
	c.PersistentFlags().StringVar(&f.bpfDir, "bpf-dir", "/sys/fs/bpf/hedgerow", "folder in the host's bpffs where enforcement is pinned")
	c.AddCommand(&cobra.Command{
		Use: "remove", Short: "End enforcement on this node and remove what keeps it", Args: cobra.NoArgs,
		RunE: func(*cobra.Command, []string) error { return remove(f.bpfDir) },
	})
	return c
}

func (f *flags) run(ctx context.Context) error {
	if f.nodeName == "" || len(f.clusterCIDRs) == 0 {
		return fmt.Errorf("--node-name and --cluster-cidr are required: see hedgerow-agent --help")
	}
	clusterCIDRs, err := prefixes("--cluster-cidr", f.clusterCIDRs)
	if err != nil {
		return err
	}
	podCIDRs, err := prefixes("--pod-cidr", f.podCIDRs)
	if err != nil {
		return err
	}
	if err := ebpf.CheckKernel(); err != nil {
		return err
	}
	log := slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: f.logLevel}))
	source, recorder, err := f.source(log)
	if err != nil {
		return err
	}
	if recorder != nil {
		defer recorder.Close()
	}
	dp, err := ebpf.Open(ebpf.Options{
		Dir: f.bpfDir, Logger: log,
		Sizes: ebpf.Sizes{Endpoints: f.maxEndpoints, Verdicts: f.maxVerdicts, Ranges: f.maxRanges, Networks: f.maxNetworks},
	})
	if err != nil {
		return err
	}
	defer dp.Close()
	ctx, stop := context.WithCancel(ctx)
	keeper, err := conntrack.Start(ctx, conntrack.Options{Logger: log})
	if err != nil {
		stop()
		return err
	}
	defer keeper.Wait()
	defer stop()
	o := agent.Options{
		NodeName: f.nodeName, Source: source, Datapath: dp, Socket: f.socket, StateDir: f.stateDir,
		ClusterCIDRs: clusterCIDRs, PodCIDRs: podCIDRs, Logger: log, Restorations: keeper.Restored, CheckBridges: ebpf.CheckBridges,
		MaxVerdicts: int(f.maxVerdicts / 2), MaxRanges: int(f.maxRanges / 2), MaxNetworks: int(f.maxNetworks / 2),
	}
	if recorder != nil {
		o.Recorder = recorder
	}
	a, err := agent.New(o)
	if err != nil {
		return err
	}
	return a.Run(ctx)
}

// source is the folder of manifests, or the API server with a recorder of Events.
func (f *flags) source(log *slog.Logger) (cluster.Source, *agent.EventRecorder, error) {
	if f.manifests != "" {
		return &cluster.Files{Folder: f.manifests, Logger: log}, nil, nil
	}
	config, err := f.config()
	if err != nil {
		return nil, nil, err
	}
	source, err := cluster.NewInformers(config, f.nodeName, log)
	if err != nil {
		return nil, nil, err
	}
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return nil, nil, fmt.Errorf("make API client: %w", err)
	}
	return source, agent.NewEventRecorder(client, f.nodeName), nil
}

func (f *flags) config() (*rest.Config, error) {
	var config *rest.Config
	var err error
	if f.kubeconfig != "" {
		config, err = clientcmd.BuildConfigFromFlags("", f.kubeconfig)
	} else {
		config, err = rest.InClusterConfig()
	}
	if err != nil {
		return nil, fmt.Errorf("find the API server: %w (name a --kubeconfig, or --manifests for none)", err)
	}
	config.UserAgent = "hedgerow-agent"
	return config, nil
}

func prefixes(flag string, texts []string) ([]netip.Prefix, error) {
	var list []netip.Prefix
	for _, text := range texts {
		p, err := netip.ParsePrefix(text)
		if err != nil {
			return nil, fmt.Errorf("%s: %w (example: 10.244.0.0/16)", flag, err)
		}
		list = append(list, p.Masked())
	}
	return list, nil
}

// remove takes away the program and the table that keeps connection tracking on.
func remove(bpfDir string) error { return errors.Join(ebpf.Remove(bpfDir), conntrack.Remove()) }
