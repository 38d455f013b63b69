// Package controllers holds the two upstream components that insist on a process of their own: kube-controller-manager and
// kube-scheduler. It makes the argument lists they are started with and, in the child process, runs them. They talk to nobody but the
// API server and listen on nothing.
package controllers

import (
	"strings"

	"github.com/spf13/cobra"
	_ "k8s.io/component-base/logs/json/register"          // the log format "json"
	_ "k8s.io/component-base/metrics/prometheus/clientgo" // client metrics
	manager "k8s.io/kubernetes/cmd/kube-controller-manager/app"
	scheduler "k8s.io/kubernetes/cmd/kube-scheduler/app"
)

// Names of the components, which are also the hidden sub-commands that run them.
const (
	Manager   = "kube-controller-manager"
	Scheduler = "kube-scheduler"
)

// off lists controllers that have nothing to do here: nodes are made ready, given ranges and judged by standalone itself; there is
// no cloud and no volume.
var off = []string{
	"node-ipam-controller", "node-lifecycle-controller", "taint-eviction-controller", "device-taint-eviction-controller",
	"cloud-node-lifecycle-controller", "node-route-controller", "service-lb-controller", "ttl-controller",
	"persistentvolume-attach-detach-controller",
	"bootstrap-signer-controller", "token-cleaner-controller",
}

// Options are what both components need.
type Options struct {
	Kubeconfig string
	// ServiceAccountKeyFile and CAFile are for the controller manager: it gives out tokens and the authority's certificate.
	ServiceAccountKeyFile string
	CAFile                string
}

// ManagerArgs are the arguments of kube-controller-manager.
func ManagerArgs(o Options) []string {
	return append(commonArgs(o),
		"--controllers=*,-"+strings.Join(off, ",-"),
		"--service-account-private-key-file="+o.ServiceAccountKeyFile,
		"--root-ca-file="+o.CAFile,
		// A person who deletes a namespace looks at it.
		"--namespace-sync-period=10s",
		"--concurrent-namespace-syncs=20",
		"--kube-api-qps=200", "--kube-api-burst=400",
		"--enable-dynamic-provisioning=false",
	)
}

// SchedulerArgs are the arguments of kube-scheduler.
func SchedulerArgs(o Options) []string {
	return append(commonArgs(o), "--kube-api-qps=200", "--kube-api-burst=400")
}

func commonArgs(o Options) []string {
	return []string{
		"--kubeconfig=" + o.Kubeconfig,
		"--leader-elect=false",
		"--secure-port=0", // no port at all
	}
}

// Commands returns the hidden sub-commands. The component itself is made only when its command runs, because it registers
// flags and feature gates with the whole process.
func Commands() []*cobra.Command {
	return []*cobra.Command{
		hidden(Manager, manager.NewControllerManagerCommand),
		hidden(Scheduler, func() *cobra.Command { return scheduler.NewSchedulerCommand() }),
	}
}

func hidden(name string, component func() *cobra.Command) *cobra.Command {
	return &cobra.Command{
		Use: name, Hidden: true, Short: "Run " + name + " (started by up)",
		DisableFlagParsing: true,
		RunE: func(c *cobra.Command, args []string) error {
			inner := component()
			inner.SetArgs(args)
			return inner.ExecuteContext(c.Context())
		},
	}
}
