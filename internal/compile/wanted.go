package compile

import (
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// wanted is what the tables should say of one address.
type wanted struct {
	present   bool       // it has an endpoint of its own
	signature *signature // nil for closed addresses and the node's
	group     *group     // for those, and for absent ones, the reserved group
	local     *wantedLocal
}

// wantedLocal is a local pod of the new world.
type wantedLocal struct {
	key             localKey
	index           datapath.ProfileIndex
	kept            bool // the index is in force already
	pod             *podState
	ingress, egress *profile
}

// wishes is the new world as addresses.
type wishes struct {
	locals     []*wantedLocal
	here       map[netip.Addr]claim // of attachments
	elsewhere  *elsewhere
	disputed   map[netip.Addr][]string // names of claimants; every address that has several
	nodes      map[netip.Addr]bool
	networks   networks
	interfaces map[uint32]bool
	closed     map[string]string
	problems   []Problem
}

// wish gathers who has which address. Profiles and signatures come later.
func (c *Compiler) wish(w *World) *wishes {
	h := &wishes{
		here:       map[netip.Addr]claim{},
		disputed:   map[netip.Addr][]string{},
		nodes:      map[netip.Addr]bool{},
		networks:   networksOf(w),
		interfaces: map[uint32]bool{},
		closed:     map[string]string{},
	}
	for _, a := range w.NodeAddresses {
		h.nodes[a.Unmap()] = true
	}
	attached := map[*podState]bool{}
	for i := range w.Attachments {
		c.attach(h, &w.Attachments[i], attached)
	}
	h.elsewhere = c.claimElsewhere(w, attached)
	h.dispute()
	h.closeDisputed(w)
	return h
}

// addresses calls f for every address that somebody has or that is the node's.
func (h *wishes) addresses(f func(netip.Addr, wanted), r *reserved) {
	for a := range h.nodes {
		f(a, wanted{present: true, group: r.node})
	}
	for a, by := range h.here {
		if !h.nodes[a] {
			f(a, h.wanted(a, by, r))
		}
	}
	for a, by := range h.elsewhere.claims {
		if _, attached := h.here[a]; !attached && !h.nodes[a] {
			f(a, h.wanted(a, by, r))
		}
	}
}

// claimed reports whether somebody has the address or it is the node's.
func (h *wishes) claimed(a netip.Addr) bool {
	_, here := h.here[a]
	_, elsewhere := h.elsewhere.claims[a]
	return here || elsewhere || h.nodes[a]
}

// wanted returns what the tables should say of an address that is claimed. Signatures must have been computed.
func (h *wishes) wanted(a netip.Addr, by claim, r *reserved) wanted {
	if h.disputed[a] != nil {
		return wanted{present: true, group: r.blocked}
	}
	if by.local != nil {
		return wanted{present: true, signature: by.pod.signature, local: by.local}
	}
	absent := h.networks.group(a, r)
	switch {
	case absent == r.localUnknown:
	case by.attached || by.here:
		return wanted{present: true, group: r.localUnknown}
	case by.pod.signature != nil:
		return wanted{present: true, signature: by.pod.signature}
	}
	return wanted{group: absent, signature: absent.signature}
}

// unclaimed is what the tables should say of an address that nobody has.
func (h *wishes) unclaimed(a netip.Addr, r *reserved) wanted {
	absent := h.networks.group(a, r)
	return wanted{group: absent, signature: absent.signature}
}
