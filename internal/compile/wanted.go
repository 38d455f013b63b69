package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/policy"
)

// wanted is what the tables should say of one address.
type wanted struct {
	present   bool       // it has an endpoint of its own; otherwise its network speaks for it
	signature *signature // nil for closed addresses
	closed    *group     // the reserved group of those
	local     *wantedLocal
	node      bool // the address is this node's own
	otherNode bool // it is another node's
}

func (w *wanted) index() datapath.ProfileIndex {
	switch {
	case w.node:
		return datapath.NodeIndex
	case w.otherNode:
		return datapath.OtherNodeIndex
	case w.local == nil:
		return 0
	}
	return w.local.index
}

// wantedLocal is a local pod of the new world.
type wantedLocal struct {
	key             localKey
	index           datapath.ProfileIndex
	kept            bool // the index is in force already
	pod             *podState
	selecting       [2][]*clause
	ingress, egress *profile
}

// wishes is the new world as addresses.
type wishes struct {
	locals     []*wantedLocal
	here       map[netip.Addr]claim // of attachments
	elsewhere  *elsewhere
	disputed   map[netip.Addr][]string // names of claimants; every address that has several
	nodes      map[netip.Addr]bool     // this node's own addresses
	otherNodes map[netip.Addr]*policy.Node
	interfaces map[uint32]bool
	closed     map[string]string
	problems   []Problem

	// Known when profiles are.
	uses           *uses
	networks       *networks
	nodeSignatures *nodeSignatures
	remote         *remote
}

// wish gathers who has which address. Profiles and signatures come later.
func (c *Compiler) wish(w *World) *wishes {
	h := &wishes{
		here:       map[netip.Addr]claim{},
		disputed:   map[netip.Addr][]string{},
		nodes:      map[netip.Addr]bool{},
		interfaces: map[uint32]bool{},
		closed:     map[string]string{},
	}
	for _, a := range w.NodeAddresses {
		h.nodes[a.Unmap()] = true
	}
	named := c.nodes.addresses(w.Node)
	for _, a := range named.own {
		h.nodes[a] = true
	}
	h.otherNodes = named.elsewhere
	attached := map[*podState]bool{}
	for i := range w.Attachments {
		c.attach(h, &w.Attachments[i], attached)
	}
	h.elsewhere = c.claimElsewhere(w, attached)
	h.dispute()
	h.closeDisputed(w)
	return h
}

// addresses calls f for every address that is this node's or an attachment's.
func (h *wishes) addresses(c *Compiler, f func(netip.Addr, wanted)) {
	for a := range h.nodes {
		f(a, wanted{present: true, node: true, signature: c.signatures.both(h.nodeSignatures.own, h.networks.at(a).within)})
	}
	for a, by := range h.here {
		if !h.nodes[a] {
			f(a, h.wanted(c, a, by))
		}
	}
}

// claimed reports whether the address is this node's, an attachment's or a remote one.
func (h *wishes) claimed(a netip.Addr) bool {
	_, here := h.here[a]
	return here || h.nodes[a] || h.remote.has(a)
}

// wanted returns what the tables should say of an address that a pod claims. Signatures must have been computed.
func (h *wishes) wanted(c *Compiler, a netip.Addr, by claim) wanted {
	if h.disputed[a] != nil {
		return wanted{present: true, closed: c.reserved.blocked}
	}
	return h.undisputed(c, a, by)
}

func (h *wishes) undisputed(c *Compiler, a netip.Addr, by claim) wanted {
	region := h.networks.at(a)
	switch {
	case by.local != nil:
		return wanted{present: true, signature: c.signatures.both(by.pod.signature, region.within), local: by.local}
	case region.closed:
	case by.attached || by.here:
		return wanted{present: true, closed: c.reserved.localUnknown}
	case by.pod.signature != nil:
		return wanted{present: true, signature: c.signatures.both(by.pod.signature, region.within)}
	}
	return c.absent(region)
}

// absent is what the tables should say of an address that nobody has.
func (c *Compiler) absent(r *region) wanted {
	if r.closed {
		return wanted{closed: c.reserved.localUnknown}
	}
	return wanted{signature: r.means}
}
