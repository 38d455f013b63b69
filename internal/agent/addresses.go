package agent

import (
	"context"
	"errors"
	"fmt"
	"net/netip"
	"slices"

	"github.com/vishvananda/netlink"
)

// watchAddresses sends the node's own addresses, and again whenever they change, until ctx ends.
func watchAddresses(ctx context.Context, out chan<- []netip.Addr) error {
	changes := make(chan netlink.AddrUpdate, 64)
	done := make(chan struct{})
	defer close(done)
	if err := netlink.AddrSubscribe(changes, done); err != nil {
		return fmt.Errorf("watch the node's addresses: %w", err)
	}
	for {
		addresses, err := nodeAddresses()
		if err != nil {
			return err
		}
		select {
		case out <- addresses:
		case <-ctx.Done():
			return nil
		}
		select {
		case _, ok := <-changes:
			if !ok {
				return errors.New("watch the node's addresses: the kernel closed the stream")
			}
		case <-ctx.Done():
			return nil
		}
	}
}

func nodeAddresses() ([]netip.Addr, error) {
	list, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	if err != nil {
		return nil, fmt.Errorf("list the node's addresses: %w", err)
	}
	addresses := make([]netip.Addr, 0, len(list))
	for _, a := range list {
		if addr, ok := netip.AddrFromSlice(a.IP); ok {
			addresses = append(addresses, addr.Unmap())
		}
	}
	slices.SortFunc(addresses, netip.Addr.Compare)
	return slices.Compact(addresses), nil
}
