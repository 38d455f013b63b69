package cni

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// del takes away what ADD made, in the order that keeps an address from being reused while it is open: the agent closes it, the
// interface goes, and only then is it given back. Each step succeeds where there is nothing left to do, so DEL can be
// repeated, and needs neither the pod's namespace nor its interface.
//
// When the agent cannot be reached, nothing says that the address is closed, so DEL fails and the runtime tries again;
// the kernel goes on enforcing meanwhile. Only when neither interface nor address is left, which means that an earlier DEL came
// to its end or that ADD never made anything, is there nothing for the agent to close, and DEL succeeds without it.
func (c *command) del() error {
	if err := c.detach(c.args.ContainerID, c.args.IfName); err != nil {
		left, lookErr := c.anythingLeft()
		if lookErr != nil {
			return lookErr
		}
		if left {
			return agentError("have the agent close the pod's addresses", err)
		}
		return nil
	}
	if err := podnet.Remove(c.owner()); err != nil {
		return interfaceError(err)
	}
	if err := c.pool.Release(c.owner()); err != nil {
		return fail(codeAddresses, fmt.Errorf("release the pod's addresses: %w", err), "see whether ipam.dataDir can be written")
	}
	return nil
}

// anythingLeft reports whether an interface or an address of the owner is there.
func (c *command) anythingLeft() (bool, error) {
	held, err := c.pool.Held(c.owner())
	if err != nil {
		return false, fail(codeAddresses, err, "see whether ipam.dataDir can be read and written")
	}
	exists, err := podnet.Exists(c.owner())
	if err != nil {
		return false, interfaceError(err)
	}
	return exists || len(held) > 0, nil
}
