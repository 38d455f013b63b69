package probe

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// Strangers are addresses that no pod and no node of a world has.
type Strangers struct {
	// Outside are hosts outside the cluster. Those that somebody of the world has after all are his.
	Outside []netip.Addr
	// InPodRange are addresses in the cluster's pod ranges of which no pod is known, such as those of pods that are over.
	InPodRange []netip.Addr
}

// layout says which address of a world lives where.
type layout struct {
	nodes []*nodeLayout // those with pods of their own, by name
	// outside are the addresses of everything else: strangers and nodes without pods.
	outside []netip.Addr
	// inPodRange are all addresses in the cluster's pod ranges, as far as they are known: those of pods, and strangers.
	inPodRange []netip.Addr
}

// nodeLayout is one node and its pods. The name is empty for the node of the pods that name none.
type nodeLayout struct {
	name      string
	addresses []netip.Addr
	pods      []*policy.Pod
}

// layOut finds a place for every address of the world, and for strangers. The error names two who claim one address.
func layOut(w *analysis.World, strangers Strangers) (*layout, error) {
	l := &layout{inPodRange: slices.Clone(strangers.InPodRange)}
	owners := map[netip.Addr]string{}
	byName := map[string]*nodeLayout{}
	for _, p := range w.Pods {
		if p.HostNetwork || p.Terminated || len(p.Addresses) == 0 {
			continue
		}
		l.inPodRange = append(l.inPodRange, p.Addresses...)
		for _, a := range p.Addresses {
			if other, taken := owners[a]; taken {
				return nil, fmt.Errorf("lay out nodes: %s is the address of both %s and %s, and nothing passes there until one of them gives it up", a, other, p)
			}
			owners[a] = p.String()
		}
		if byName[p.Node] == nil {
			byName[p.Node] = &nodeLayout{name: p.Node}
		}
		byName[p.Node].pods = append(byName[p.Node].pods, p)
	}
	l.placeNodes(w, byName, owners)
	for _, name := range slices.Sorted(maps.Keys(byName)) {
		l.nodes = append(l.nodes, byName[name])
	}
	l.stay(l.inPodRange, owners)
	l.stay(strangers.Outside, owners)
	return l, nil
}

// placeNodes gives their addresses to the nodes: those of the node and those of the pods in its network. Nodes without pods of their own are
// strangers to the others.
func (l *layout) placeNodes(w *analysis.World, byName map[string]*nodeLayout, owners map[netip.Addr]string) {
	place := func(node string, addresses []netip.Addr) {
		n := byName[node]
		if n == nil || node == "" {
			l.stay(addresses, owners)
			return
		}
		for _, a := range addresses {
			if owners[a] == "" {
				owners[a] = "node " + node
				n.addresses = append(n.addresses, a)
			}
		}
	}
	for _, n := range w.Nodes {
		place(n.Name, n.Addresses)
	}
	for _, p := range w.Pods {
		if p.HostNetwork {
			place(p.Node, p.Addresses)
		}
	}
}

// stay leaves addresses that nobody has outside.
func (l *layout) stay(addresses []netip.Addr, owners map[netip.Addr]string) {
	for _, a := range addresses {
		if owners[a] == "" {
			owners[a] = "outside"
			l.outside = append(l.outside, a)
		}
	}
}
