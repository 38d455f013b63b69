package compile

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"
)

// claim is somebody who has an address.
type claim struct {
	name  string
	pod   *podState // nil: not known
	local *wantedLocal
	// attached: the address is that of an attachment; here: of a pod of this node that is not attached.
	attached, here bool
}

// elsewhere is the addresses of pods that are not attached to this node. It is kept as long as those pods are the same.
type elsewhere struct {
	claims   map[netip.Addr]claim
	disputed map[netip.Addr][]string

	// What it was made from.
	pods     uint64
	attached map[*podState]bool
	node     string
}

// claimElsewhere collects the addresses of the world's living pods, without those that are attached.
func (c *Compiler) claimElsewhere(w *World, attached map[*podState]bool) *elsewhere {
	if e := c.elsewhere; e != nil && e.pods == c.pods.version && e.node == w.Node && maps.Equal(e.attached, attached) {
		return e
	}
	e := &elsewhere{
		claims: make(map[netip.Addr]claim, len(w.Pods)), disputed: map[netip.Addr][]string{},
		pods: c.pods.version, attached: attached, node: w.Node,
	}
	for _, pod := range w.Pods {
		s := c.pods.byPod[pod]
		if pod.HostNetwork || pod.Terminated || attached[s] {
			continue
		}
		for _, address := range pod.Addresses {
			e.claim(address.Unmap(), claim{name: pod.String(), pod: s, here: pod.Node != "" && pod.Node == w.Node})
		}
	}
	c.elsewhere = e
	return e
}

// claim notes who has an address. Pods of this node that are not attached are no rightful owners: they give way.
func (e *elsewhere) claim(a netip.Addr, by claim) {
	old, found := e.claims[a]
	switch {
	case !found || old.here:
		e.claims[a] = by
	case by.here || old.pod == by.pod:
	default:
		if len(e.disputed[a]) == 0 {
			e.disputed[a] = []string{old.name}
		}
		e.disputed[a] = append(e.disputed[a], by.name)
	}
}

// claimHere notes that an attachment has an address.
func (h *wishes) claimHere(a netip.Addr, by claim) {
	old, found := h.here[a]
	switch {
	case !found:
		h.here[a] = by
	case old.local == by.local && old.local != nil:
		// The same attachment lists the address twice.
	default:
		if len(h.disputed[a]) == 0 {
			h.disputed[a] = []string{old.name}
		}
		h.disputed[a] = append(h.disputed[a], by.name)
	}
}

// dispute finds the addresses with more than one rightful claim and tells of them.
func (h *wishes) dispute() {
	for a, names := range h.elsewhere.disputed {
		_, here := h.here[a]
		if h.otherNodes[a] == nil || here {
			h.disputed[a] = append(h.disputed[a], names...)
		}
	}
	for a, by := range h.here {
		other, found := h.elsewhere.claims[a]
		if !found || other.here {
			continue
		}
		if len(h.disputed[a]) == 0 {
			h.disputed[a] = []string{other.name}
		} else if h.elsewhere.disputed[a] == nil {
			h.disputed[a] = append(h.disputed[a], other.name)
			continue
		}
		h.disputed[a] = append(h.disputed[a], by.name)
	}
	for _, a := range slices.SortedFunc(maps.Keys(h.disputed), netip.Addr.Compare) {
		slices.Sort(h.disputed[a])
		names := slices.Compact(h.disputed[a])
		h.disputed[a] = names
		h.problems = append(h.problems, Problem{Address: a, Pods: names,
			Message: fmt.Sprintf("%s is claimed by %s; nothing passes there until only one of them is left", a, strings.Join(names, " and "))})
	}
	h.claimNodes()
}

// claimNodes tells of pods that claim an address of a node.
func (h *wishes) claimNodes() {
	for _, a := range slices.SortedFunc(maps.Keys(h.nodes), netip.Addr.Compare) {
		by, found := h.here[a]
		if !found {
			by, found = h.elsewhere.claims[a]
		}
		if found {
			h.problems = append(h.problems, Problem{Address: a, Pods: []string{by.name},
				Message: fmt.Sprintf("%s claims %s, which is this node's own address; the claim is ignored", by.name, a)})
		}
	}
	for _, a := range slices.SortedFunc(maps.Keys(h.otherNodes), netip.Addr.Compare) {
		if h.nodes[a] {
			continue
		}
		if by, found := h.here[a]; found {
			h.problems = append(h.problems, Problem{Address: a, Pods: []string{by.name},
				Message: fmt.Sprintf("%s has %s, which the node %s claims; the node's claim is ignored", by.name, a, h.otherNodes[a].Name)})
		} else if by, found := h.elsewhere.claims[a]; found {
			h.problems = append(h.problems, Problem{Address: a, Pods: []string{by.name},
				Message: fmt.Sprintf("%s claims %s, which is an address of the node %s; the claim is ignored", by.name, a, h.otherNodes[a].Name)})
		}
	}
}

// closeDisputed tells which attachments have a disputed address, and leaves out local pods without any address of their own.
func (h *wishes) closeDisputed(w *World) {
	rightful := map[*wantedLocal]bool{}
	for a, by := range h.here {
		if by.local != nil && h.disputed[a] == nil && !h.nodes[a] {
			rightful[by.local] = true
		}
	}
	h.locals = slices.DeleteFunc(h.locals, func(l *wantedLocal) bool { return !rightful[l] })
	if len(h.disputed) == 0 {
		return
	}
	for i := range w.Attachments {
		for _, a := range w.Attachments[i].Addresses {
			if names := h.disputed[a.Unmap()]; names != nil {
				h.closed[w.Attachments[i].Key] = fmt.Sprintf("%s is claimed by %s", a, strings.Join(names, " and "))
			}
		}
	}
}
