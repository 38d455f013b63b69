package cni

import (
	"context"
	"errors"
	"fmt"

	"github.com/containernetworking/cni/pkg/types"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// Error codes. Those below 100 are the specification's.
const (
	codeVersion     = types.ErrIncompatibleCNIVersion
	codeUnsupported = types.ErrUnsupportedField
	codeEnvironment = types.ErrInvalidEnvironmentVariables
	codeIO          = types.ErrIOFailure
	codeDecode      = types.ErrDecodingFailure
	codeConfig      = types.ErrInvalidNetworkConfig
	codeNetns       = types.ErrInvalidNetNS
	codeTryAgain    = types.ErrTryAgainLater
	// codeNotAvailable: STATUS says that ADD cannot be served.
	codeNotAvailable uint = 50
	// codeInterface: the pod's interface could not be made, or removed.
	codeInterface uint = 100
	// codeAddresses: no address could be reserved, or released.
	codeAddresses uint = 101
	// codeAgent: the agent refused.
	codeAgent uint = 102
	// codeNode: the node is not set up for pods.
	codeNode uint = 103
	// codeDiffers: CHECK found something that is not as ADD left it.
	codeDiffers uint = 104
)

// fail makes an error of the plugin: what happened, and what to do about it.
func fail(code uint, what error, do string) *types.Error {
	return types.NewError(code, what.Error(), do)
}

// advise adds what to do to errors that skel found before or after it called the plugin.
func advise(e *types.Error) *types.Error {
	do := map[uint]string{
		codeVersion:     "set cniVersion in the network configuration to one of 0.4.0, 1.0.0, 1.1.0",
		codeEnvironment: "the container runtime sets these variables; to try the plugin by hand, use cnitool",
		codeDecode:      "correct the network configuration (usually in /etc/cni/net.d)",
		codeConfig:      "correct the network configuration (usually in /etc/cni/net.d)",
		codeNetns:       "CNI_NETNS must be the path of the pod's network namespace, not the node's",
	}[e.Code]
	if do == "" {
		return e
	}
	return withDetail(e, do)
}

// askAgent is where the agent says what is wrong. SOCKET is "socket" of the network configuration.
const askAgent = "see the agent's log, and its problems by `curl --unix-socket SOCKET http://localhost" + agentapi.StatusPath + "`"

// agentError says why the agent did not do what it was asked.
func agentError(doing string, err error) error {
	what := fmt.Errorf("%s: %w", doing, err)
	var refused *agentapi.Error
	switch {
	case errors.As(err, &refused) && refused.Code == "not-ready":
		return fail(codeTryAgain, what, "the agent is starting or has lost its API server: "+askAgent)
	case errors.As(err, &refused):
		return fail(codeAgent, what, askAgent)
	case errors.Is(err, context.DeadlineExceeded):
		return fail(codeTryAgain, what, "the agent took too long to put the policy in force: "+askAgent)
	}
	return fail(codeTryAgain, what, "start hedgerow-agent on this node, or correct \"socket\" in the network configuration; the runtime will try again")
}

// interfaceError gives errors of podnet their code.
func interfaceError(err error) error {
	switch {
	case errors.Is(err, podnet.ErrNetns):
		return fail(codeNetns, err, "CNI_NETNS must be the path of the pod's network namespace")
	case errors.Is(err, podnet.ErrForwarding):
		return fail(codeNode, err, "write it to a file in /etc/sysctl.d too, so that it holds after a reboot")
	case errors.Is(err, podnet.ErrMissing):
		return fail(codeDiffers, err, "delete the pod, so that it is made anew")
	}
	return fail(codeInterface, err, "the runtime needs root and CAP_NET_ADMIN in both network namespaces; see the kernel's log")
}

// withDetail adds to the details of an error of the plugin.
func withDetail(e *types.Error, detail string) *types.Error {
	if e.Details != "" {
		detail = e.Details + "; " + detail
	}
	return types.NewError(e.Code, e.Msg, detail)
}

// withDetails adds to the details of an error that holds one of the plugin's.
func withDetails(err error, details []string) error {
	var e *types.Error
	if !errors.As(err, &e) {
		return err
	}
	for _, d := range details {
		e = withDetail(e, d)
	}
	return e
}
