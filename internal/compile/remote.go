package compile

import "net/netip"

// remote is the addresses of other nodes, and of pods that are not attached to this one, as they are wanted. It is kept as long as these are the
// same; when only signatures of pods change, it is brought up to date.
type remote struct {
	addresses  []placed
	signatures map[*signature]bool

	// What it was made from.
	elsewhere *elsewhere
	networks  *networks
	nodes     *nodeSignatures
	signed    uint64
}

// placed is what is wanted at an address.
type placed struct {
	address netip.Addr
	want    wanted
	by      *podState // whose claim that is; nil for nodes
	means   *signature
	// from is the endpoint that was there in the version of the installed endpoints.
	from    endpoint
	present bool
	version uint64
}

func (r *remote) has(a netip.Addr) bool {
	_, pod := r.elsewhere.claims[a]
	return pod || r.nodes.elsewhere[a] != nil
}

// remote returns the addresses elsewhere. Signatures must have been computed.
func (c *Compiler) remote(h *wishes) *remote {
	r := c.lastRemote
	switch {
	case r == nil || r.elsewhere != h.elsewhere || r.networks != h.networks || r.nodes != h.nodeSignatures:
		r = c.newRemote(h)
	case r.signed == c.pods.signed:
		return r
	default:
		for i := range r.addresses {
			if p := &r.addresses[i]; p.by != nil && p.by.signature != p.means {
				p.want, p.means = c.wantedElsewhere(h, p.address, h.elsewhere.claims[p.address]), p.by.signature
			}
		}
	}
	r.signed = c.pods.signed
	r.collect()
	c.lastRemote = r
	return r
}

func (c *Compiler) newRemote(h *wishes) *remote {
	r := &remote{
		addresses: make([]placed, 0, len(h.elsewhere.claims)+len(h.nodeSignatures.elsewhere)),
		elsewhere: h.elsewhere, networks: h.networks, nodes: h.nodeSignatures,
	}
	for a, by := range h.elsewhere.claims {
		if h.nodeSignatures.elsewhere[a] == nil {
			r.addresses = append(r.addresses, placed{address: a, want: c.wantedElsewhere(h, a, by), by: by.pod, means: by.pod.signature})
		}
	}
	for a, means := range h.nodeSignatures.elsewhere {
		r.addresses = append(r.addresses, placed{address: a, want: c.wantedNode(h.networks.at(a), means)})
	}
	return r
}

// collect gathers the signatures.
func (r *remote) collect() {
	r.signatures = map[*signature]bool{}
	var last *signature
	for i := range r.addresses {
		if s := r.addresses[i].want.signature; s != last && s != nil {
			r.signatures[s], last = true, s
		}
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
	return wanted{present: true, signature: means, otherNode: true}
}
