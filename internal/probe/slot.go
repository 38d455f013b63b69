package probe

import (
	"fmt"
	"net/netip"

	"github.com/hedgerow-net/hedgerow/internal/compile"
	"github.com/hedgerow-net/hedgerow/policy"
)

// slot is a namespace behind a wire of a node, for one pod at a time. Slots are kept from world to world, because the kernel is slow to
// make and remove interfaces.
type slot struct {
	*space
	outer *port // the node's end of the pod's wire
	pod   podName
	uses  int // pods that it was given to
}

type podName struct{ namespace, name, uid string }

func nameOf(p *policy.Pod) podName { return podName{p.Namespace, p.Name, p.UID} }

func (n *node) newSlot() (*slot, error) {
	s := &slot{}
	var err error
	if s.space, err = newSpace(quiet...); err != nil {
		return nil, err
	}
	n.slots = append(n.slots, s)
	outer, inner, err := connect(n.space, fmt.Sprintf("pod%d", len(n.slots)), s.space, "eth0")
	if err != nil {
		return nil, err
	}
	s.outer = outer
	return s, inner.lead(everywhere)
}

// attach gives every pod a slot, each pod that had one the same, and returns the attachments.
func (n *node) attach(l *nodeLayout) ([]compile.Attachment, error) {
	slots, err := n.deal(l.pods)
	if err != nil {
		return nil, err
	}
	// First all are emptied that lose an address, so that none is at two places.
	for _, s := range n.slots {
		if s.pod == (podName{}) {
			if err := s.hold(nil); err != nil {
				return nil, err
			}
		}
	}
	var attachments []compile.Attachment
	for i, p := range l.pods {
		s := slots[i]
		if err := s.hold(p); err != nil {
			return nil, fmt.Errorf("attach %s: %w", p, err)
		}
		attachments = append(attachments, compile.Attachment{
			Key: fmt.Sprintf("%s (interface %d, use %d)", p, s.outer.index(), s.uses), Interface: uint32(s.outer.index()), Addresses: p.Addresses,
			Namespace: p.Namespace, Pod: p.Name, UID: p.UID,
		})
	}
	return attachments, nil
}

// deal finds a slot for each pod.
func (n *node) deal(pods []*policy.Pod) ([]*slot, error) {
	wanted := map[podName]bool{}
	for _, p := range pods {
		wanted[nameOf(p)] = true
	}
	held := map[podName]*slot{}
	var free []*slot
	for _, s := range n.slots {
		if wanted[s.pod] {
			held[s.pod] = s
			continue
		}
		s.pod = podName{}
		free = append(free, s)
	}
	slots := make([]*slot, len(pods))
	for i, p := range pods {
		s, err := held[nameOf(p)], error(nil)
		switch {
		case s != nil:
		case len(free) > 0:
			s, free = free[0], free[1:]
		default:
			s, err = n.newSlot()
		}
		if err != nil {
			return nil, err
		}
		if s.pod != nameOf(p) {
			s.pod = nameOf(p)
			s.uses++
		}
		slots[i] = s
	}
	return slots, nil
}

// hold gives the slot the pod's addresses; nil: none.
func (s *slot) hold(p *policy.Pod) error {
	var addresses []netip.Addr
	if p != nil {
		addresses = p.Addresses
	}
	if err := s.own.have(addresses); err != nil {
		return err
	}
	return s.outer.lead(singles(addresses))
}
