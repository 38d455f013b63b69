package manifest

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// ranges are where addresses are invented: one of each family, as in a dual-stack cluster.
type ranges struct{ ipv4, ipv6 netip.Prefix }

// Pods without an address, and nodes that are known only by pods in their network. The range of nodes is one that nobody uses (RFC 2544), so that no ipBlock
// but one about everything is about them.
var (
	podRanges  = ranges{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/48")}
	nodeRanges = ranges{netip.MustParsePrefix("198.18.0.0/16"), netip.MustParsePrefix("fd00:198:18::/48")}
)

// giveAddresses gives addresses to the pods that have none and should. Which ones depends on the pods' names alone, as long as no two
// names fall on the same address: so a pod keeps its addresses when others come and go, and comparing two worlds compares the same
// addresses. A pod in its node's network has those of the node; of a node that is not written, or has no address, they are invented too.
func giveAddresses(nodes []*policy.Node, pods []*policy.Pod) {
	taken, of := map[netip.Addr]bool{}, map[string]*policy.Node{}
	for _, n := range nodes {
		of[n.Name] = n
		take(taken, n.Addresses)
	}
	for _, p := range pods {
		take(taken, p.Addresses)
	}
	for _, p := range slices.SortedFunc(slices.Values(pods), comparePods) {
		switch {
		case len(p.Addresses) > 0 || p.Terminated:
		case p.HostNetwork:
			p.Addresses = addressesOf(p, of, taken)
		default:
			p.Addresses = podRanges.invent(p.Namespace+"/"+p.Name, taken)
		}
	}
}

// addressesOf returns the addresses of a pod in its node's network. A pod that names no node is on one of its own.
func addressesOf(p *policy.Pod, nodes map[string]*policy.Node, taken map[netip.Addr]bool) []netip.Addr {
	name := p.Node
	if name == "" {
		name = "node of " + p.Namespace + "/" + p.Name
	}
	n := nodes[name]
	if n == nil {
		n = &policy.Node{Name: name}
		nodes[name] = n
	}
	if len(n.Addresses) > 0 {
		return n.Addresses
	}
	n.Addresses = nodeRanges.invent(name, taken)
	return n.Addresses
}

func take(taken map[netip.Addr]bool, addresses []netip.Addr) {
	for _, a := range addresses {
		taken[a] = true
	}
}

// invent returns an address of each family that nobody has. Both end in the same number. When the range for IPv4 is used up the pod gets one
// for IPv6 alone.
func (r ranges) invent(name string, taken map[netip.Addr]bool) []netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	first := h.Sum32()
	for n := range uint32(1 << 16) {
		number := (first + n) & 0xffff
		if last := number & 0xff; last == 0 || last == 0xff {
			continue // a network's or broadcast address to whoever reads it
		}
		a4, a6 := r.nth4(number), r.nth6(number)
		if !taken[a4] && !taken[a6] {
			taken[a4], taken[a6] = true, true
			return []netip.Addr{a4, a6}
		}
	}
	for number := uint32(1 << 16); ; number++ {
		if a6 := r.nth6(number); !taken[a6] {
			taken[a6] = true
			return []netip.Addr{a6}
		}
	}
}

func (r ranges) nth4(number uint32) netip.Addr {
	a := r.ipv4.Addr().As4()
	binary.BigEndian.PutUint16(a[2:], uint16(number))
	return netip.AddrFrom4(a)
}

func (r ranges) nth6(number uint32) netip.Addr {
	a := r.ipv6.Addr().As16()
	binary.BigEndian.PutUint32(a[12:], number)
	return netip.AddrFrom16(a)
}
