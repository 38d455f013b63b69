package cni

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
)

const (
	defaultSocket = "/run/hedgerow/agent.sock"
	// The least MTU that a pod with an IPv6 address can have (RFC 8200, section 5), and one with IPv4 alone (RFC 791).
	leastMTU6 = 1280
	leastMTU4 = 68
	mostMTU   = 65535
)

// config is the network configuration.
type config struct {
	types.PluginConf
	Socket string `json:"socket"`
	MTU    int    `json:"mtu"`

	// ipam is the host-local part, with the addresses that the runtime asks for.
	ipam *allocator.IPAMConfig
}

// podArgs are the CNI_ARGS that say who the pod is. The field names are the variables'.
type podArgs struct {
	types.CommonArgs
	K8S_POD_NAMESPACE types.UnmarshallableString
	K8S_POD_NAME      types.UnmarshallableString
	K8S_POD_UID       types.UnmarshallableString
}

// loadConfig reads and checks the configuration. It touches nothing.
func loadConfig(args *skel.CmdArgs) (*config, error) {
	c := &config{Socket: defaultSocket}
	if err := json.Unmarshal(args.StdinData, c); err != nil {
		return nil, configError(err)
	}
	if t := c.IPAM.Type; t != "host-local" {
		return nil, configError(fmt.Errorf("ipam.type is %q: it must be \"host-local\", which is built in", t))
	}
	if err := types.LoadArgs(lenient(args.Args), &podArgs{}); err != nil {
		return nil, argsError(err)
	}
	ipam, _, err := allocator.LoadIPAMConfig(args.StdinData, lenient(args.Args))
	if err != nil {
		return nil, configError(fmt.Errorf("ipam: %w", err))
	}
	if len(ipam.Routes) > 0 || ipam.ResolvConf != "" {
		return nil, fail(codeUnsupported, errors.New("ipam.routes and ipam.resolvConf are not supported"),
			"take them out: a pod has one default route, and its DNS comes from the runtime")
	}
	c.ipam = ipam
	return c, c.checkMTU()
}

func (c *config) checkMTU() error {
	least := leastMTU4
	for _, r := range c.ipam.Ranges {
		if r[0].Subnet.IP.To4() == nil {
			least = leastMTU6
		}
	}
	if c.MTU != 0 && (c.MTU < least || c.MTU > mostMTU) {
		return configError(fmt.Errorf("mtu is %d: it must lie between %d and %d, or be left out", c.MTU, least, mostMTU))
	}
	return nil
}

func configError(err error) error {
	code := codeConfig
	var syntax *json.SyntaxError
	if errors.As(err, &syntax) {
		code = codeDecode
	}
	return fail(code, fmt.Errorf("network configuration: %w", err),
		"correct the network configuration (usually in /etc/cni/net.d); `hedgerow-cni --help` shows an example")
}

// loadPodArgs returns who the pod is.
func loadPodArgs(args *skel.CmdArgs) (*podArgs, error) {
	a := &podArgs{}
	if err := types.LoadArgs(lenient(args.Args), a); err != nil {
		return nil, argsError(err)
	}
	if a.K8S_POD_NAMESPACE == "" || a.K8S_POD_NAME == "" {
		return nil, fail(codeEnvironment, errors.New("CNI_ARGS does not hold K8S_POD_NAMESPACE and K8S_POD_NAME"),
			"the container runtime sets them: only pods of a Kubernetes cluster have a network policy")
	}
	return a, nil
}

func argsError(err error) error {
	return fail(codeEnvironment, fmt.Errorf("CNI_ARGS: %w", err), "the container runtime sets it: KEY=VALUE;KEY=VALUE")
}

// lenient lets every reader of CNI_ARGS pass over what others put there.
func lenient(args string) string {
	if args == "" {
		return ""
	}
	return args + ";IgnoreUnknown=1"
}
