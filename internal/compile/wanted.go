package compile

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

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

// claim is somebody who has an address.
type claim struct {
	name  string
	pod   *podState // nil: not known
	local *wantedLocal
	// attached: the address is that of an attachment; here: of a pod of this node that is not attached.
	attached, here bool
}

// wishes is the new world as addresses.
type wishes struct {
	locals     []*wantedLocal
	claims     map[netip.Addr]claim
	disputed   map[netip.Addr][]string
	nodes      map[netip.Addr]bool
	networks   networks
	interfaces map[uint32]bool
	closed     map[string]string
	problems   []Problem
}

// wish gathers who has which address. Profiles and signatures come later.
func (c *Compiler) wish(w *World) *wishes {
	h := &wishes{
		claims:     make(map[netip.Addr]claim, len(w.Pods)+len(w.Attachments)),
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
	for _, pod := range w.Pods {
		if s := c.pods.byPod[pod]; !pod.HostNetwork && !pod.Terminated && !attached[s] {
			h.claimRemote(s, pod.Node != "" && pod.Node == w.Node)
		}
	}
	h.settleDisputes()
	h.closeDisputed(w)
	return h
}

// attach notes an attachment, its pod if that is known, and its addresses.
func (c *Compiler) attach(h *wishes, a *Attachment, attached map[*podState]bool) {
	h.interfaces[a.Interface] = true
	pod, why := c.attachedPod(a)
	claimed := claim{name: a.Namespace + "/" + a.Pod, pod: pod, attached: true}
	if pod != nil {
		attached[pod] = true
	}
	if why == "" {
		if local := c.localOf(a, pod); local != nil {
			claimed.local = local
			h.locals = append(h.locals, local)
		} else {
			why = fmt.Sprintf("this node has its limit of %d local pods", c.options.MaxLocalPods)
			h.problems = append(h.problems, Problem{Pods: []string{claimed.name}, Message: why + "; " + claimed.name + " stays closed"})
		}
	}
	if why != "" {
		h.closed[a.Key] = why
	}
	if pod != nil && pod.pod.Terminated {
		return
	}
	for _, address := range a.Addresses {
		h.claim(address.Unmap(), claimed)
	}
}

// attachedPod returns the pod of an attachment as far as the API object is known, and why the attachment must stay closed, if it
// must.
func (c *Compiler) attachedPod(a *Attachment) (*podState, string) {
	pod := c.pods.byName[podName{a.Namespace, a.Pod}]
	switch {
	case pod == nil:
		return nil, "the pod is not known yet"
	case a.UID != "" && pod.pod.UID != "" && a.UID != pod.pod.UID:
		return nil, "the pod that is known by this name has another UID"
	case pod.namespace == nil:
		return pod, "the pod's namespace is not known yet"
	case pod.pod.Terminated:
		return pod, "the pod has terminated"
	case pod.pod.HostNetwork:
		return pod, "the pod is in the node's network"
	}
	return pod, ""
}

// localOf returns the local pod of an attachment, with the index that it has already or a new one; nil when there is none left.
func (c *Compiler) localOf(a *Attachment, pod *podState) *wantedLocal {
	local := &wantedLocal{key: localKey{a.Key, a.Interface}, pod: pod}
	if local.index, local.kept = c.inForce[local.key]; local.kept {
		return local
	}
	n, ok := c.indices.take(func(n uint32) bool { return c.indexTaken(datapath.ProfileIndex(n)) })
	if !ok {
		return nil
	}
	local.index = datapath.ProfileIndex(n)
	c.planned[local.index] = true
	return local
}

func (c *Compiler) indexTaken(index datapath.ProfileIndex) bool {
	return c.installed.locals[index] != nil || c.planned[index]
}

func (h *wishes) claimRemote(s *podState, here bool) {
	for _, address := range s.pod.Addresses {
		h.claim(address.Unmap(), claim{name: s.pod.String(), pod: s, here: here})
	}
}

// claim notes who has an address. Pods of this node that are not attached are no rightful owners: they give way.
func (h *wishes) claim(a netip.Addr, by claim) {
	old, found := h.claims[a]
	switch {
	case h.nodes[a]:
		h.problems = append(h.problems, Problem{Address: a, Pods: []string{by.name},
			Message: fmt.Sprintf("%s claims %s, which is this node's own address; the claim is ignored", by.name, a)})
	case !found || old.here:
		h.claims[a] = by
	case by.here:
	case old.attached && by.attached && old.local == by.local && old.local != nil:
		// The same attachment lists the address twice.
	default:
		if len(h.disputed[a]) == 0 {
			h.disputed[a] = []string{old.name}
		}
		h.disputed[a] = append(h.disputed[a], by.name)
	}
}

// settleDisputes tells of addresses with two claims.
func (h *wishes) settleDisputes() {
	for _, a := range slices.SortedFunc(maps.Keys(h.disputed), netip.Addr.Compare) {
		names := h.disputed[a]
		slices.Sort(names)
		h.problems = append(h.problems, Problem{Address: a, Pods: names,
			Message: fmt.Sprintf("%s is claimed by %s; nothing passes there until only one of them is left", a, strings.Join(names, " and "))})
	}
}

// closeDisputed tells which attachments have a disputed address, and leaves out local pods without any address of their own.
func (h *wishes) closeDisputed(w *World) {
	rightful := map[*wantedLocal]bool{}
	for a, by := range h.claims {
		if by.local != nil && h.disputed[a] == nil {
			rightful[by.local] = true
		}
	}
	h.locals = slices.DeleteFunc(h.locals, func(l *wantedLocal) bool { return !rightful[l] })
	for i := range w.Attachments {
		for _, a := range w.Attachments[i].Addresses {
			if names := h.disputed[a.Unmap()]; names != nil {
				h.closed[w.Attachments[i].Key] = fmt.Sprintf("%s is claimed by %s", a, strings.Join(names, " and "))
			}
		}
	}
}

// address returns what the tables should say of an address. Signatures must have been computed.
func (h *wishes) address(a netip.Addr, r *reserved) wanted {
	by, claimed := h.claims[a]
	switch {
	case h.nodes[a]:
		return wanted{present: true, group: r.node}
	case h.disputed[a] != nil:
		return wanted{present: true, group: r.blocked}
	case claimed && by.local != nil:
		return wanted{present: true, signature: by.pod.signature, local: by.local}
	}
	absent := h.networks.group(a, r)
	switch {
	case absent == r.localUnknown || !claimed:
	case by.attached || by.here:
		return wanted{present: true, group: r.localUnknown}
	case by.pod.signature != nil:
		return wanted{present: true, signature: by.pod.signature}
	}
	return wanted{group: absent, signature: absent.signature}
}

// networks are the pod ranges, the longest prefix first.
type networks []network

type network struct {
	prefix netip.Prefix
	id     datapath.GroupID
}

// networksOf returns the cluster's pod ranges and this node's. Where both are the same range, it is this node's.
func networksOf(w *World) networks {
	table := map[netip.Prefix]datapath.GroupID{}
	for _, p := range w.ClusterCIDRs {
		table[p.Masked()] = datapath.UnknownGroup
	}
	for _, p := range w.LocalCIDRs {
		table[p.Masked()] = datapath.LocalUnknownGroup
	}
	return sortNetworks(table)
}

func sortNetworks(table map[netip.Prefix]datapath.GroupID) networks {
	var n networks
	for p, id := range table {
		n = append(n, network{p, id})
	}
	slices.SortFunc(n, func(a, b network) int { return cmp.Compare(b.prefix.Bits(), a.prefix.Bits()) })
	return n
}

// group is the group of an address that has no endpoint.
func (n networks) group(a netip.Addr, r *reserved) *group {
	for _, network := range n {
		if network.prefix.Contains(a) {
			if network.id == datapath.LocalUnknownGroup {
				return r.localUnknown
			}
			return r.unknown
		}
	}
	return r.world
}
