package compile

import (
	"maps"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// nodes remembers the world's nodes.
type nodes struct {
	byNode  map[*policy.Node]uint64 // the update that saw it last
	update  uint64
	version uint64 // changes when a node object comes or goes
	signed  *nodeSignatures
	named   *nodeNames
}

// nodeSignatures says what the addresses of nodes are, as far as not by networks.
type nodeSignatures struct {
	own       *signature                // of this node's addresses
	elsewhere map[netip.Addr]*signature // of the other nodes

	// What it was made from.
	version uint64
	uses    map[selectorID]bool
	node    string
}

func newNodes() *nodes { return &nodes{byNode: map[*policy.Node]uint64{}} }

func (n *nodes) absorb(w *World) {
	n.update++
	for _, node := range w.Nodes {
		if _, known := n.byNode[node]; !known {
			n.version++
		}
		n.byNode[node] = n.update
	}
	if len(n.byNode) == len(w.Nodes) {
		return
	}
	n.version++
	maps.DeleteFunc(n.byNode, func(_ *policy.Node, seen uint64) bool { return seen != n.update })
}

// nodeNames says which addresses are those of nodes.
type nodeNames struct {
	own       []netip.Addr
	elsewhere map[netip.Addr]*policy.Node

	// What it was made from.
	version uint64
	node    string
}

// addresses returns the addresses of nodes. Where two nodes claim one address, it is that of the first by name.
func (n *nodes) addresses(node string) *nodeNames {
	if n.named != nil && n.named.version == n.version && n.named.node == node {
		return n.named
	}
	made := &nodeNames{elsewhere: map[netip.Addr]*policy.Node{}, version: n.version, node: node}
	for one := range n.byNode {
		for _, a := range one.Addresses {
			a = a.Unmap()
			if one.Name == node {
				made.own = append(made.own, a)
			} else if old := made.elsewhere[a]; old == nil || one.Name < old.Name {
				made.elsewhere[a] = one
			}
		}
	}
	n.named = made
	return made
}

// signNodes matches the nodes with the selectors in use. It does nothing if neither has changed.
func (c *Compiler) signNodes(w *World, u *uses) *nodeSignatures {
	if s := c.nodes.signed; s != nil && s.version == c.nodes.version && s.node == w.Node && maps.Equal(s.uses, u.nodes) {
		return s
	}
	s := &nodeSignatures{
		own: c.signatures.world, elsewhere: map[netip.Addr]*signature{},
		version: c.nodes.version, uses: u.nodes, node: w.Node,
	}
	matched := map[*policy.Node]*signature{}
	for node := range c.nodes.byNode {
		matched[node] = c.signatures.of(worldKind, c.selectNode(node, u))
		if node.Name == w.Node {
			s.own = matched[node]
		}
	}
	for a, node := range c.nodes.addresses(w.Node).elsewhere {
		s.elsewhere[a] = matched[node]
	}
	c.nodes.signed = s
	return s
}

// selectNode returns the selectors in use that match the node, sorted.
func (c *Compiler) selectNode(node *policy.Node, u *uses) []selectorID {
	var ids []selectorID
	for id := range u.nodes {
		if c.selectors.byID[id].nodes.Matches(node.Labels) {
			ids = append(ids, id)
		}
	}
	slices.Sort(ids)
	return ids
}
