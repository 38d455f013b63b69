package manifest

import (
	"encoding/binary"
	"hash/fnv"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Pods without an address get one of each family, as the pods of a dual-stack cluster have. The addresses are from these ranges.
var (
	inventedRange4 = netip.MustParsePrefix("10.244.0.0/16")
	inventedRange6 = netip.MustParsePrefix("fd00:10:244::/48")
)

// giveAddresses gives addresses to the pods that have none and should. Which ones depends on the pods' names alone, as long as no two
// names fall on the same address: so a pod keeps its addresses when others come and go, and comparing two worlds compares the same
// addresses. A pod in its node's network has those of the node.
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
			if n := of[p.Node]; n != nil {
				p.Addresses = n.Addresses
			}
		default:
			p.Addresses = invent(p.Namespace+"/"+p.Name, taken)
		}
	}
}

func take(taken map[netip.Addr]bool, addresses []netip.Addr) {
	for _, a := range addresses {
		taken[a] = true
	}
}

// invent returns an address of each family that nobody has. Both end in the same number. When the range for IPv4 is used up the pod gets one
// for IPv6 alone.
func invent(name string, taken map[netip.Addr]bool) []netip.Addr {
	h := fnv.New32a()
	h.Write([]byte(name))
	first := h.Sum32()
	for n := range uint32(1 << 16) {
		number := (first + n) & 0xffff
		if last := number & 0xff; last == 0 || last == 0xff {
			continue // a network's or broadcast address to whoever reads it
		}
		a4, a6 := nth4(number), nth6(number)
		if !taken[a4] && !taken[a6] {
			taken[a4], taken[a6] = true, true
			return []netip.Addr{a4, a6}
		}
	}
	for number := uint32(1 << 16); ; number++ {
		if a6 := nth6(number); !taken[a6] {
			taken[a6] = true
			return []netip.Addr{a6}
		}
	}
}

func nth4(number uint32) netip.Addr {
	a := inventedRange4.Addr().As4()
	binary.BigEndian.PutUint16(a[2:], uint16(number))
	return netip.AddrFrom4(a)
}

func nth6(number uint32) netip.Addr {
	a := inventedRange6.Addr().As16()
	binary.BigEndian.PutUint32(a[12:], number)
	return netip.AddrFrom16(a)
}
