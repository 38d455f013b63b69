package cni

import (
	"context"
	"errors"
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// gc takes away everything of this network that belongs to no valid attachment: what the agent knows, then interfaces, then
// addresses, as DEL does. It goes on after an error, keeps the addresses that may still be open, and reports the first.
func (c *command) gc() error {
	g := &collection{command: c, valid: map[podnet.Owner]bool{}}
	for _, a := range c.conf.ValidAttachments {
		g.valid[podnet.Owner{Container: a.ContainerID, Interface: a.IfName}] = true
	}
	if err := g.look(); err != nil {
		return err
	}
	return errors.Join(g.detachAll(), g.removeAll(), g.releaseAll())
}

// collection is what GC found.
type collection struct {
	*command
	valid    map[podnet.Owner]bool
	reserved []podnet.Reservation  // of no valid attachment
	attached []agentapi.Attachment // the same
	hosts    []string              // names of host sides, the same
	open     map[podnet.Owner]bool // those that the agent did not close
}

// look finds what is to go.
func (g *collection) look() error {
	reserved, err := g.pool.Reservations()
	if err != nil {
		return fail(codeAddresses, err, "see whether ipam.dataDir can be read and written")
	}
	for _, r := range reserved {
		if !g.valid[r.Owner] {
			g.reserved = append(g.reserved, r)
		}
	}
	hosts, err := podnet.Hosts(g.conf.Name)
	if err != nil {
		return interfaceError(err)
	}
	keep := map[string]bool{}
	for o := range g.valid {
		keep[podnet.HostName(o)] = true
	}
	g.hosts = slices.DeleteFunc(hosts, func(name string) bool { return keep[name] })
	return g.lookAttached()
}

func (g *collection) lookAttached() error {
	ctx, cancel := context.WithTimeout(context.Background(), askTimeout)
	defer cancel()
	list, err := g.agent.Attachments(ctx)
	if err != nil {
		return agentError("ask the agent for its attachments", err)
	}
	for _, a := range list {
		if !g.valid[ownerOf(&a)] && g.ours(&a) {
			g.attached = append(g.attached, a)
		}
	}
	return nil
}

// ours reports whether an attachment is one of this network: the agent knows those of all networks on the node.
func (g *collection) ours(a *agentapi.Attachment) bool {
	return slices.Contains(g.hosts, a.HostInterface) || slices.ContainsFunc(a.Addresses, g.pool.Contains)
}

func ownerOf(a *agentapi.Attachment) podnet.Owner {
	return podnet.Owner{Container: a.ContainerID, Interface: a.PodInterface}
}

func (g *collection) detachAll() error {
	g.open = map[podnet.Owner]bool{}
	var first error
	for _, a := range g.attached {
		err := g.detach(a.ContainerID, a.PodInterface)
		if err == nil {
			continue
		}
		g.open[ownerOf(&a)] = true
		if first == nil {
			first = agentError(fmt.Sprintf("have the agent close the addresses of %s", a.Key()), err)
		}
	}
	return first
}

func (g *collection) removeAll() error {
	keep := map[string]bool{}
	for o := range g.open {
		keep[podnet.HostName(o)] = true
	}
	for _, name := range g.hosts {
		if keep[name] {
			continue
		}
		if err := podnet.RemoveHost(name); err != nil {
			return interfaceError(err)
		}
	}
	return nil
}

func (g *collection) releaseAll() error {
	for _, r := range g.reserved {
		if g.open[r.Owner] {
			continue
		}
		if err := g.pool.Discard(r); err != nil {
			return fail(codeAddresses, fmt.Errorf("release address %s: %w", r.Address, err), "see whether ipam.dataDir can be written")
		}
	}
	return nil
}
