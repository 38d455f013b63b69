package datapathtest

import (
	"cmp"
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// String returns the tables as text, one entry a line, sorted.
func (t *Tables) String() string {
	var b strings.Builder
	for _, p := range slices.SortedFunc(maps.Keys(t.Networks), comparePrefixes) {
		fmt.Fprintf(&b, "network %s group %s\n", p, groupName(t.Networks[p]))
	}
	for _, i := range slices.Sorted(maps.Keys(t.Interfaces)) {
		fmt.Fprintf(&b, "interface %d\n", i)
	}
	for _, a := range slices.SortedFunc(maps.Keys(t.Endpoints), netip.Addr.Compare) {
		e := t.Endpoints[a]
		fmt.Fprintf(&b, "endpoint %s group %s index %s\n", a, groupName(e.Group), indexName(e.Index))
	}
	for _, i := range slices.Sorted(maps.Keys(t.Profiles)) {
		p := t.Profiles[i]
		fmt.Fprintf(&b, "profile %d ingress %d%s egress %d%s interface %d\n", i, p.Ingress, ranges(p.IngressRanges), p.Egress, ranges(p.EgressRanges), p.Interface)
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.Verdicts), compareKeys) {
		v := t.Verdicts[k]
		fmt.Fprintf(&b, "verdict profile %d group %s %s %s: %s rule %d\n", k.Profile, groupName(k.Group), protocolName(k.Protocol), portName(k.Port), v.Action, v.Rule)
	}
	for _, k := range slices.SortedFunc(maps.Keys(t.Ranges), compareRanges) {
		v := t.Ranges[k]
		fmt.Fprintf(&b, "range profile %d group %s %s %d-%d: %s rule %d\n", k.Profile, groupName(k.Group), protocolName(k.Protocol),
			k.Port, k.Port|(1<<(16-k.Bits)-1), v.Action, v.Rule)
	}
	return b.String()
}

func ranges(has bool) string {
	if has {
		return " with ranges"
	}
	return ""
}

func indexName(i datapath.ProfileIndex) string {
	switch i {
	case datapath.NodeIndex:
		return "node"
	case datapath.OtherNodeIndex:
		return "other node"
	}
	return fmt.Sprint(i)
}

func compareRanges(a, b datapath.RangeKey) int {
	return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Protocol, b.Protocol),
		cmp.Compare(a.Port, b.Port), cmp.Compare(a.Bits, b.Bits))
}

func comparePrefixes(a, b netip.Prefix) int {
	return cmp.Or(a.Addr().Compare(b.Addr()), cmp.Compare(a.Bits(), b.Bits()))
}

func compareKeys(a, b datapath.VerdictKey) int {
	return cmp.Or(cmp.Compare(a.Profile, b.Profile), cmp.Compare(a.Group, b.Group), cmp.Compare(a.Protocol, b.Protocol), cmp.Compare(a.Port, b.Port))
}

func groupName(g datapath.GroupID) string {
	names := [...]string{"any", "unknown", "world", "3", "local-unknown", "blocked"}
	if int(g) < len(names) {
		return names[g]
	}
	return fmt.Sprint(uint32(g))
}

func protocolName(p uint8) string {
	switch p {
	case datapath.TCP:
		return "TCP"
	case datapath.UDP:
		return "UDP"
	case datapath.SCTP:
		return "SCTP"
	}
	return "other"
}

func portName(p uint16) string {
	if p == 0 {
		return "any"
	}
	return fmt.Sprint(p)
}
