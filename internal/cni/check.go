package cni

import (
	"context"
	"fmt"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// check compares the result of ADD with the kernel, the address store and the agent.
func (c *command) check() error {
	want, err := c.loadPrevious()
	if err != nil {
		return err
	}
	if err := podnet.CheckForwarding(want.addresses); err != nil {
		return interfaceError(err)
	}
	pair, err := podnet.Check(&podnet.Pod{
		Owner:     c.owner(),
		Netns:     c.args.Netns,
		Network:   c.conf.Name,
		Addresses: want.addresses,
	})
	if err != nil {
		return interfaceError(err)
	}
	if want.podMAC != "" && pair.PodMAC.String() != want.podMAC {
		return differs("interface %s has hardware address %s, not %s", c.args.IfName, pair.PodMAC, want.podMAC)
	}
	if err := c.checkReserved(want.addresses); err != nil {
		return err
	}
	return c.checkAttached(want, pair)
}

func (c *command) checkReserved(want []netip.Addr) error {
	held, err := c.pool.Held(c.owner())
	if err != nil {
		return fail(codeAddresses, err, "see whether ipam.dataDir can be read and written")
	}
	for _, a := range want {
		if !slices.Contains(held, a) {
			return differs("address %s is not reserved for the pod in the address store", a)
		}
	}
	return nil
}

func (c *command) checkAttached(want *previous, pair *podnet.Pair) error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	have, err := c.known(ctx)
	if err != nil {
		return agentError("ask the agent about the pod", err)
	}
	if have == nil {
		return differs("the agent does not know the pod")
	}
	if have.HostIndex != pair.HostIndex {
		return differs("the agent has host interface %d for the pod, not %d", have.HostIndex, pair.HostIndex)
	}
	if !sameAddresses(have, want.addresses) {
		return differs("the agent has addresses %v for the pod, not %v", have.Addresses, want.addresses)
	}
	return nil
}

func sameAddresses(have *agentapi.Attachment, want []netip.Addr) bool {
	a, b := slices.Clone(have.Addresses), slices.Clone(want)
	slices.SortFunc(a, netip.Addr.Compare)
	slices.SortFunc(b, netip.Addr.Compare)
	return slices.Equal(a, b)
}

func differs(format string, args ...any) error {
	return fail(codeDiffers, fmt.Errorf(format, args...), "delete the pod, so that it is made anew")
}
