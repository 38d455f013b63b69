package compile

import "net/netip"

// remote is the addresses of other nodes, and of pods that are not attached to this one, as they are wanted. It is kept as long as nothing
// that it was made from changes.
type remote struct {
	addresses  []placed
	index      map[netip.Addr]bool
	signatures map[*signature]bool

	// What it was made from.
	elsewhere *elsewhere
	networks  *networks
	nodes     *nodeSignatures
	signed    uint64
}

type placed struct {
	address netip.Addr
	want    wanted
}

func (r *remote) has(a netip.Addr) bool { return r.index[a] }

// remote returns the addresses elsewhere. Signatures must have been computed.
func (c *Compiler) remote(h *wishes) *remote {
	if r := c.lastRemote; r != nil && r.elsewhere == h.elsewhere && r.networks == h.networks && r.nodes == h.nodeSignatures && r.signed == c.pods.signed {
		return r
	}
	r := &remote{
		addresses: make([]placed, 0, len(h.elsewhere.claims)), index: make(map[netip.Addr]bool, len(h.elsewhere.claims)),
		signatures: map[*signature]bool{},
		elsewhere:  h.elsewhere, networks: h.networks, nodes: h.nodeSignatures, signed: c.pods.signed,
	}
	for a, by := range h.elsewhere.claims {
		if _, node := h.nodeSignatures.elsewhere[a]; !node {
			r.add(a, c.wantedElsewhere(h, a, by))
		}
	}
	for a, means := range h.nodeSignatures.elsewhere {
		r.add(a, c.wantedNode(h.networks.at(a), means))
	}
	c.lastRemote = r
	return r
}

func (r *remote) add(a netip.Addr, want wanted) {
	r.addresses, r.index[a] = append(r.addresses, placed{a, want}), true
	if want.signature != nil {
		r.signatures[want.signature] = true
	}
}

// wantedElsewhere is about the claims of pods elsewhere alone.
func (c *Compiler) wantedElsewhere(h *wishes, a netip.Addr, by claim) wanted {
	if h.elsewhere.disputed[a] != nil {
		return wanted{present: true, closed: c.reserved.blocked}
	}
	return h.undisputed(c, a, by)
}

// wantedNode is about an address of another node. It needs no endpoint when its network says the same. In this node's own pod range nothing but
// its pods and itself has an address.
func (c *Compiler) wantedNode(r *region, means *signature) wanted {
	means = c.signatures.both(means, r.within)
	if r.closed || means == r.means {
		return c.absent(r)
	}
	return wanted{present: true, signature: means}
}
