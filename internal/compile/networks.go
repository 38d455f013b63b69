package compile

import (
	"cmp"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

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
