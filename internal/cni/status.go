package cni

import (
	"context"
	"fmt"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// status says whether ADD can be served: the agent is ready and the node forwards.
func (c *command) status() error {
	if err := podnet.CheckForwarding(c.families()); err != nil {
		return fail(codeNotAvailable, err, "pods cannot reach each other until then")
	}
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	s, err := c.agent.Status(ctx)
	if err != nil {
		return fail(codeNotAvailable, err, "start hedgerow-agent on this node, or correct \"socket\" in the network configuration")
	}
	if !s.Ready {
		why := strings.Join(s.Problems, "; ")
		if why == "" {
			why = "it is still starting"
		}
		return fail(codeNotAvailable, fmt.Errorf("the agent of node %s is not ready: %s", s.Node, why),
			"wait for it; "+askAgent)
	}
	return nil
}
