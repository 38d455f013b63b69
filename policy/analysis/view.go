package analysis

import (
	"fmt"
	"net/netip"
	"slices"
	"strconv"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// view is one world with everything in it that tells ends apart.
type view struct {
	world      *World
	set        *policy.Set
	namespaces map[string]*policy.Namespace
	nodes      map[string]*policy.Node

	// What the policies in effect mention, each once.
	pods     []*policy.PodSelector
	labels   []*policy.Selector // of nodes
	networks []*policy.Network
	names    map[string]bool // of ports

	selected map[string]string   // namespace and labels → which of pods match
	sides    map[sideKey]*side   // see side
	seen     map[string]struct{} // keys of what was already mentioned
}

func newView(w *World) *view {
	v := &view{
		world: w, set: w.Set(),
		namespaces: map[string]*policy.Namespace{}, nodes: map[string]*policy.Node{},
		names: map[string]bool{}, selected: map[string]string{}, sides: map[sideKey]*side{}, seen: map[string]struct{}{},
	}
	for _, ns := range w.Namespaces {
		v.namespaces[ns.Name] = ns
		if ns.Isolation != nil {
			v.mention(ns.Isolation)
		}
	}
	for _, n := range w.Nodes {
		v.nodes[n.Name] = n
	}
	for _, p := range w.Policies {
		if p.InEffect(v.namespaces[p.Ref.Namespace]) {
			v.mention(p)
		}
	}
	v.seen = nil
	return v
}

// first reports whether the key is new.
func (v *view) first(kind, key string) bool {
	_, found := v.seen[kind+key]
	v.seen[kind+key] = struct{}{}
	return !found
}

func (v *view) mention(p *policy.Policy) {
	v.mentionPods(&p.Subject)
	for _, d := range policy.Directions {
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			for _, peer := range rule.Peers {
				v.mentionPeer(peer)
			}
			for _, port := range rule.Ports {
				if port.Name != "" {
					v.names[port.Name] = true
				}
			}
		}
	}
}

func (v *view) mentionPods(s *policy.PodSelector) {
	if v.first("pods ", s.Key()) {
		v.pods = append(v.pods, s)
	}
}

func (v *view) mentionPeer(peer policy.Peer) {
	switch {
	case peer.Network != nil:
		if v.first("network ", peer.Network.String()) {
			v.networks = append(v.networks, peer.Network)
		}
	case peer.Nodes != nil:
		if v.first("nodes ", peer.Nodes.String()) {
			v.labels = append(v.labels, peer.Nodes)
		}
	case peer.Pods != nil:
		v.mentionPods(peer.Pods)
	}
}

// endpoints returns the pods and the addresses of nodes. A pod that is over, or whose namespace is not in the world, is nobody.
func (v *view) endpoints() []*endpoint {
	var list []*endpoint
	for _, pod := range v.world.Pods {
		if pod.Terminated || v.namespaces[pod.Namespace] == nil {
			continue
		}
		e := &endpoint{kind: Pods, key: "pod " + pod.String(), pod: pod, addresses: firstAddresses(pod.Addresses)}
		if pod.HostNetwork {
			e.kind, e.node = Nodes, v.nodeOf(pod)
			if e.node != nil && !e.addresses[IPv4].IsValid() && !e.addresses[IPv6].IsValid() {
				e.addresses = firstAddresses(e.node.Addresses)
			}
		}
		list = append(list, e)
	}
	for _, node := range v.world.Nodes {
		list = append(list, nodeEndpoints(node)...)
	}
	return list
}

// nodeOf returns the node that a pod in the network of its node is, as policy.Evaluate finds it: by name, or else by address.
func (v *view) nodeOf(pod *policy.Pod) *policy.Node {
	if n := v.nodes[pod.Node]; n != nil || len(pod.Addresses) == 0 {
		return n
	}
	for _, n := range v.world.Nodes {
		if slices.Contains(n.Addresses, pod.Addresses[0]) {
			return n
		}
	}
	return nil
}

// nodeEndpoints returns one endpoint for every address, those of the two families paired in their order.
func nodeEndpoints(node *policy.Node) []*endpoint {
	var list []*endpoint
	rest := slices.Clone(node.Addresses)
	for i := 0; i == 0 || len(rest) > 0; i++ {
		e := &endpoint{kind: Nodes, key: fmt.Sprintf("node %s %d", node.Name, i), node: node, addresses: firstAddresses(rest)}
		rest = slices.DeleteFunc(rest, func(a netip.Addr) bool { return slices.Contains(e.addresses[:], a) })
		list = append(list, e)
	}
	return list
}

func firstAddresses(addresses []netip.Addr) [2]netip.Addr {
	var found [2]netip.Addr
	for _, a := range addresses {
		f := familyOf(a)
		if !found[f].IsValid() {
			found[f] = a
		}
	}
	return found
}

func familyOf(a netip.Addr) Family {
	if a.Is4() {
		return IPv4
	}
	return IPv6
}

// signature returns what the policies of this world can know of the endpoint: equal signatures, equal decisions.
func (v *view) signature(e *endpoint) string {
	var b strings.Builder
	fmt.Fprintf(&b, "%d", e.kind)
	for _, f := range Families {
		fmt.Fprintf(&b, " %t ", e.hasFamily(f))
		v.writeNetworks(&b, e.addresses[f])
	}
	switch {
	case e.kind == Pods:
		b.WriteString(v.selectedBy(e.pod))
		v.writePorts(&b, e.pod)
	case e.kind == Nodes && e.node != nil:
		for _, s := range v.labels {
			writeBit(&b, s.Matches(e.node.Labels))
		}
	}
	return b.String()
}

func (v *view) writeNetworks(b *strings.Builder, a netip.Addr) {
	for _, n := range v.networks {
		writeBit(b, a.IsValid() && n.Contains(a))
	}
}

// writePorts writes the numbers of the named ports that policies use.
func (v *view) writePorts(b *strings.Builder, pod *policy.Pod) {
	if len(v.names) == 0 {
		return
	}
	var ports []string
	for _, p := range pod.Ports {
		if v.names[p.Name] {
			ports = append(ports, fmt.Sprintf(" %s/%d/%d", p.Name, p.Protocol, p.Number))
		}
	}
	slices.Sort(ports)
	for _, p := range slices.Compact(ports) {
		b.WriteString(p)
	}
}

// selectedBy returns which selectors match. Pods of a workload mostly have the same labels, so it is remembered by them.
func (v *view) selectedBy(pod *policy.Pod) string {
	key := labelsKey(pod)
	if bits, found := v.selected[key]; found {
		return bits
	}
	var b strings.Builder
	for _, s := range v.pods {
		writeBit(&b, s.Matches(v.namespaces[pod.Namespace], pod))
	}
	v.selected[key] = b.String()
	return b.String()
}

func labelsKey(pod *policy.Pod) string {
	texts := make([]string, 0, len(pod.Labels)+1)
	for key, value := range pod.Labels {
		texts = append(texts, strconv.Quote(key)+strconv.Quote(value))
	}
	slices.Sort(texts)
	return pod.Namespace + " " + strings.Join(texts, " ")
}

func writeBit(b *strings.Builder, bit bool) {
	if bit {
		b.WriteByte('1')
		return
	}
	b.WriteByte('0')
}
