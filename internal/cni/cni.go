// Package cni is the CNI plugin: it turns the commands of a container runtime (ADD, DEL, CHECK, STATUS, GC, VERSION of CNI
// 0.4.0, 1.0.0 and 1.1.0) into addresses and interfaces (package podnet) and attachments at the agent's socket. In come the
// environment and the network configuration on standard input; out go one result or one error on standard output, and the exit
// code. A pod's address is never in use without the agent: ADD ends only when the agent has the pod's policy in the
// kernel, and an address is given back only after the agent has closed it. The package asks the API server nothing.
package cni

import (
	"encoding/json"
	"fmt"
	"io"
	"os"
	"strings"
	"time"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// about is what somebody reads who runs the plugin by hand.
const about = `hedgerow-cni gives a pod its network interface, and returns when the pod's network policy is enforced.
It is a CNI plugin: the container runtime runs it, with CNI_COMMAND set. Put it into /opt/cni/bin, and a network
configuration like this one, with this node's pod ranges, into /etc/cni/net.d/10-hedgerow.conflist:

  {"cniVersion": "1.1.0", "name": "hedgerow", "plugins": [{
    "type": "hedgerow-cni",
    "socket": "/run/hedgerow/agent.sock",
    "mtu": 1500,
    "ipam": {"type": "host-local",
             "ranges": [[{"subnet": "10.244.1.0/24"}], [{"subnet": "fd00:10:244:1::/64"}]]}}]}
`

// versions are those of the CNI specification that the plugin speaks.
var versions = version.PluginSupports("0.4.0", "1.0.0", "1.1.0")

// How long the plugin waits for the agent. Below what runtimes allow a pod sandbox, so that the reason is told.
const (
	attachTimeout = 60 * time.Second
	detachTimeout = 30 * time.Second
	askTimeout    = 5 * time.Second
)

// Main runs the plugin as its process's whole work and returns the exit code.
func Main() int {
	if askedForHelp(os.Args[1:]) {
		fmt.Print(about)
		return 0
	}
	p := &plugin{stdout: os.Stdout, attachTimeout: attachTimeout, detachTimeout: detachTimeout}
	err := skel.PluginMainFuncsWithError(p.funcs(), versions, strings.TrimSuffix(about, "\n"))
	if err == nil {
		return 0
	}
	if !p.asked || err.Details == "" {
		err = advise(err)
	}
	p.printError(err)
	return 1
}

func askedForHelp(args []string) bool {
	return len(args) > 0 && (args[0] == "--help" || args[0] == "-h" || args[0] == "help")
}

// plugin runs one command.
type plugin struct {
	stdout        io.Writer
	attachTimeout time.Duration
	detachTimeout time.Duration
	asked         bool   // skel found nothing wrong and called the plugin
	cniVersion    string // of the configuration, once the plugin was asked
}

func (p *plugin) funcs() skel.CNIFuncs {
	return skel.CNIFuncs{
		Add:    p.run((*command).add),
		Del:    p.run((*command).del),
		Check:  p.run((*command).check),
		GC:     p.run((*command).gc),
		Status: p.run((*command).status),
	}
}

// command is one command with everything it needs.
type command struct {
	*plugin
	args  *skel.CmdArgs
	conf  *config
	pool  *podnet.Pool
	agent *agentapi.Client
}

func (p *plugin) run(f func(*command) error) func(*skel.CmdArgs) error {
	return func(args *skel.CmdArgs) error {
		p.asked = true
		p.cniVersion, _ = (&version.ConfigDecoder{}).Decode(args.StdinData) // skel has decoded it before
		conf, err := loadConfig(args)
		if err != nil {
			return err
		}
		return f(&command{
			plugin: p,
			args:   args,
			conf:   conf,
			pool:   podnet.NewPool(conf.ipam),
			agent:  agentapi.NewClient(conf.Socket),
		})
	}
}

// owner is the interface that the command is about.
func (c *command) owner() podnet.Owner {
	return podnet.Owner{Container: c.args.ContainerID, Interface: c.args.IfName}
}

// printError writes the error as the specification wants it, with the version that skel leaves out.
func (p *plugin) printError(err *types.Error) {
	e := struct {
		CNIVersion string `json:"cniVersion"`
		*types.Error
	}{p.cniVersion, err}
	if e.CNIVersion == "" {
		e.CNIVersion = version.Current()
	}
	enc := json.NewEncoder(p.stdout)
	enc.SetIndent("", "    ")
	if err := enc.Encode(e); err != nil {
		fmt.Fprintln(os.Stderr, "hedgerow-cni: write the error:", err)
	}
}
