package datapathtest

import (
	"errors"
	"math/rand"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

var (
	local   = netip.MustParseAddr("10.244.0.1")
	remote  = netip.MustParseAddr("10.244.1.1")
	unknown = netip.MustParseAddr("10.244.1.2")
	nobody  = netip.MustParseAddr("10.244.0.9")
	node    = netip.MustParseAddr("192.0.2.1")
	outside = netip.MustParseAddr("198.51.100.1")
	blocked = netip.MustParseAddr("10.244.1.9")
)

func anyPort(profile datapath.ProfileID, group datapath.GroupID, action datapath.Action) map[datapath.VerdictKey]datapath.Verdict {
	verdicts := map[datapath.VerdictKey]datapath.Verdict{}
	for _, protocol := range []uint8{datapath.TCP, datapath.UDP, datapath.SCTP, datapath.OtherProtocols} {
		verdicts[datapath.VerdictKey{Profile: profile, Group: group, Protocol: protocol}] = datapath.Verdict{Action: action, Rule: datapath.RuleID(group)}
	}
	return verdicts
}

// example has one local pod, whose ingress profile 1 denies everybody except group 16 at TCP 80 and everybody at TCP 90.
func example(t *testing.T) *Tables {
	t.Helper()
	tables := New()
	c := &datapath.Change{
		PutVerdicts: anyPort(1, datapath.AnyGroup, datapath.Deny),
		PutNetworks: map[netip.Prefix]datapath.GroupID{
			netip.MustParsePrefix("10.244.0.0/16"): datapath.UnknownGroup, netip.MustParsePrefix("10.244.0.0/24"): datapath.LocalUnknownGroup,
		},
		PutProfiles:   map[datapath.ProfileIndex]datapath.Profile{1: {Ingress: 1, Interface: 7}},
		PutInterfaces: []uint32{7},
		PutEndpoints: map[netip.Addr]datapath.Endpoint{
			local: {Group: 17, Index: 1}, remote: {Group: 16}, node: {Group: datapath.WorldGroup, Index: datapath.NodeIndex}, blocked: {Group: datapath.BlockedGroup},
		},
	}
	for k, v := range anyPort(1, 16, datapath.Deny) {
		c.PutVerdicts[k] = v
	}
	c.PutVerdicts[datapath.VerdictKey{Profile: 1, Group: 16, Protocol: datapath.TCP, Port: 80}] = datapath.Verdict{Action: datapath.Accept, Rule: 80}
	c.PutVerdicts[datapath.VerdictKey{Profile: 1, Protocol: datapath.TCP, Port: 90}] = datapath.Verdict{Action: datapath.Accept, Rule: 90}
	if err := tables.Apply(c); err != nil {
		t.Fatalf("apply: %v", err)
	}
	return tables
}

func TestJudge(t *testing.T) {
	tables := example(t)
	for _, test := range []struct {
		name     string
		from, to netip.Addr
		protocol uint8
		port     uint16
		want     bool
	}{
		{"group and port", remote, local, datapath.TCP, 80, true},
		{"group, any port", remote, local, datapath.TCP, 81, false},
		{"a group's own entries hide those of any group", remote, local, datapath.TCP, 90, false},
		{"any group and port", unknown, local, datapath.TCP, 90, true},
		{"any group, any port", unknown, local, datapath.TCP, 80, false},
		{"another protocol", remote, local, 1, 80, false},
		{"from outside", outside, local, datapath.TCP, 90, true},
		{"the node", node, local, datapath.TCP, 1, true},
		{"itself", local, local, datapath.TCP, 1, true},
		{"not isolated for egress", local, outside, datapath.TCP, 1, true},
		{"nobody's address", local, nobody, datapath.TCP, 80, false},
		{"from nobody's address", nobody, remote, datapath.TCP, 80, false},
		{"the node to nobody's address", node, nobody, datapath.TCP, 80, true},
		{"nobody's address to the node", nobody, node, datapath.TCP, 80, true},
		{"blocked", node, blocked, datapath.TCP, 80, false},
		{"from blocked", blocked, remote, datapath.TCP, 80, false},
	} {
		if got := tables.Judge(Flow{Source: test.from, Destination: test.to, Protocol: test.protocol, Port: test.port}); got.Accepts() != test.want {
			t.Errorf("%s: got %+v, want accepted %t", test.name, got, test.want)
		}
	}
	delete(tables.Verdicts, datapath.VerdictKey{Profile: 1, Protocol: datapath.UDP})
	if got := tables.Judge(Flow{Source: outside, Destination: local, Protocol: datapath.UDP, Port: 5}); got.Accepts() {
		t.Error("accepts without any entry")
	}
}

// TestRanges: the order is (group, port), (group, smallest block), (group, any port), and then the same for any group; blocks are looked at only
// where the profile says so.
func TestRanges(t *testing.T) {
	accept := func(rule datapath.RuleID) datapath.Verdict {
		return datapath.Verdict{Action: datapath.Accept, Rule: rule}
	}
	tables := example(t)
	blocks := &datapath.Change{
		PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{{Profile: 1, Group: 16, Protocol: datapath.TCP, Port: 1030}: accept(1)},
		PutRanges: map[datapath.RangeKey]datapath.Verdict{
			{Profile: 1, Group: 16, Protocol: datapath.TCP, Port: 1024, Bits: 6}:    accept(2),
			{Profile: 1, Group: 16, Protocol: datapath.TCP, Port: 1028, Bits: 14}:   accept(3),
			{Profile: 1, Protocol: datapath.TCP, Port: 1024, Bits: 6}:               accept(4),
			{Profile: 1, Protocol: datapath.UDP, Port: 0x8000, Bits: 1}:             accept(5),
			{Profile: 1, Group: 16, Protocol: datapath.SCTP, Port: 65535, Bits: 16}: accept(6),
		},
		PutProfiles: map[datapath.ProfileIndex]datapath.Profile{1: {Ingress: 1, IngressRanges: true, Interface: 7}},
	}
	if err := tables.Apply(blocks); err != nil {
		t.Fatal(err)
	}
	for _, test := range []struct {
		from     netip.Addr
		protocol uint8
		port     uint16
		want     datapath.RuleID
	}{
		{remote, datapath.TCP, 1030, 1}, {remote, datapath.TCP, 1029, 3}, {remote, datapath.TCP, 1031, 3}, {remote, datapath.TCP, 1032, 2},
		{remote, datapath.TCP, 2047, 2}, {remote, datapath.TCP, 2048, 16}, {remote, datapath.TCP, 1023, 16},
		{outside, datapath.TCP, 1030, 4}, {outside, datapath.TCP, 2048, 0}, {outside, datapath.UDP, 65535, 5}, {remote, datapath.UDP, 65535, 16},
		{remote, datapath.SCTP, 65535, 6}, {remote, datapath.SCTP, 65534, 16}, {remote, 1, 1030, 16},
	} {
		f := Flow{Source: test.from, Destination: local, Protocol: test.protocol, Port: test.port}
		if got := tables.Judge(f).Ingress.Rule; got != test.want {
			t.Errorf("%+v: rule %d, want %d", f, got, test.want)
		}
	}
	tables.Profiles[1] = datapath.Profile{Ingress: 1, Interface: 7}
	if got := tables.Judge(Flow{Source: remote, Destination: local, Protocol: datapath.TCP, Port: 1032}).Ingress.Rule; got != 16 {
		t.Errorf("without the profile's flag: rule %d, want 16", got)
	}
}

// TestNetworks: the longest prefix counts, in one table for both families, in which an IPv6 prefix may hold IPv4 addresses.
func TestNetworks(t *testing.T) {
	tables := New()
	prefix := netip.MustParsePrefix
	c := &datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{prefix("::/0"): 20, prefix("10.0.0.0/8"): 21, prefix("10.1.0.0/16"): 22, prefix("fd00::/8"): 23}}
	if err := tables.Apply(c); err != nil {
		t.Fatal(err)
	}
	for text, want := range map[string]datapath.GroupID{"10.1.2.3": 22, "10.2.2.3": 21, "192.0.2.1": 20, "2001:db8::1": 20, "fd00::1": 23} {
		if got := tables.endpoint(netip.MustParseAddr(text)).Group; got != want {
			t.Errorf("%s: group %d, want %d", text, got, want)
		}
	}
	writes, err := New().Writes(c, rand.New(rand.NewSource(1)))
	if err != nil {
		t.Fatal(err)
	}
	var order []string
	for _, w := range writes {
		order = append(order, strings.Fields(w.Name)[2])
	}
	if got, want := strings.Join(order, " "), "10.1.0.0/16 10.0.0.0/8 fd00::/8 ::/0"; got != want {
		t.Errorf("networks are written in the order %s, want %s", got, want)
	}
}

func TestJudgeStraddling(t *testing.T) {
	before, after := example(t), example(t)
	after.Profiles[1] = datapath.Profile{Interface: 7}
	f := Flow{Source: remote, Destination: local, Protocol: datapath.TCP, Port: 81}
	if JudgeStraddling(after, before, f).Accepts() || !JudgeStraddling(before, after, f).Accepts() {
		t.Error("the destination's words must come from the second tables")
	}
}

// TestRules applies changes that break the rules of datapath.Change.
func TestRules(t *testing.T) {
	for _, test := range []struct {
		name   string
		change datapath.Change
		want   string
	}{
		{"change a verdict", datapath.Change{PutVerdicts: anyPort(1, 16, datapath.Accept)}, "exists already"},
		{"refer to a profile without verdicts", datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{2: {Egress: 9}}}, "no any-port verdict"},
		{"change an interface in use", datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{1: {Ingress: 1, Interface: 8}}}, "interface changes"},
		{"refer to an index without a profile", datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{remote: {Index: 9}}}, "does not exist"},
		{"delete a profile in use", datapath.Change{DeleteProfiles: []datapath.ProfileIndex{1}}, "endpoints refer to it"},
		{"a block that begins nowhere", datapath.Change{PutRanges: map[datapath.RangeKey]datapath.Verdict{{Profile: 1, Protocol: datapath.TCP, Port: 1, Bits: 15}: {}}}, "no block of 15 bits"},
		{"a block of no bits", datapath.Change{PutRanges: map[datapath.RangeKey]datapath.Verdict{{Profile: 1, Protocol: datapath.TCP}: {}}}, "1 to 16 bits"},
		{"a range of ICMP", datapath.Change{PutRanges: map[datapath.RangeKey]datapath.Verdict{{Profile: 1, Bits: 16}: {}}}, "have no ports"},
		{"a network that is not masked", datapath.Change{PutNetworks: map[netip.Prefix]datapath.GroupID{netip.MustParsePrefix("10.0.0.1/8"): 16}}, "not masked"},
		{"a profile for the node", datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{datapath.NodeIndex: {}}}, "that of nodes"},
		{"a profile for other nodes", datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{datapath.OtherNodeIndex: {}}}, "that of nodes"},
		{"delete what is not there", datapath.Change{DeleteEndpoints: []netip.Addr{outside}}, "does not exist"},
	} {
		if err := example(t).Apply(&test.change); err == nil || !strings.Contains(err.Error(), test.want) {
			t.Errorf("%s: got %v, want an error with %q", test.name, err, test.want)
		}
	}
}

func TestFull(t *testing.T) {
	for name, limit := range map[string]func(*Tables){
		"verdicts":  func(t *Tables) { t.MaxVerdicts = len(t.Verdicts) + 3 },
		"endpoints": func(t *Tables) { t.MaxEndpoints = len(t.Endpoints) },
		"ranges":    func(t *Tables) { t.MaxRanges = 1 },
		"networks":  func(t *Tables) { t.MaxNetworks = len(t.Networks) },
	} {
		tables := example(t)
		limit(tables)
		before := tables.String()
		err := tables.Apply(&datapath.Change{
			PutVerdicts: anyPort(2, 0, datapath.Deny), PutEndpoints: map[netip.Addr]datapath.Endpoint{outside: {Group: 16}},
			PutRanges: map[datapath.RangeKey]datapath.Verdict{
				{Profile: 2, Protocol: datapath.TCP, Port: 2, Bits: 15}: {}, {Profile: 2, Protocol: datapath.TCP, Port: 4, Bits: 15}: {},
			},
			PutNetworks: map[netip.Prefix]datapath.GroupID{netip.MustParsePrefix("10.0.0.0/8"): 16},
		})
		if !errors.Is(err, datapath.ErrFull) {
			t.Errorf("%s: got %v, want ErrFull", name, err)
		}
		if diff := cmp.Diff(before, tables.String()); diff != "" {
			t.Errorf("%s: a refused change was applied in part (-before +after):\n%s", name, diff)
		}
	}
}

func TestWritesKeepTheOrderOfFields(t *testing.T) {
	c := &datapath.Change{
		PutVerdicts: anyPort(2, 0, datapath.Deny), PutProfiles: map[datapath.ProfileIndex]datapath.Profile{2: {Ingress: 2}, 3: {Ingress: 2}},
		PutEndpoints: map[netip.Addr]datapath.Endpoint{outside: {Index: 2}, unknown: {Index: 3}}, DeleteEndpoints: []netip.Addr{remote},
	}
	orders := map[string]bool{}
	for seed := range int64(20) {
		writes, err := example(t).Writes(c, rand.New(rand.NewSource(seed)))
		if err != nil {
			t.Fatal(err)
		}
		var kinds, names []string
		for _, w := range writes {
			kinds = append(kinds, strings.Join(strings.Fields(w.Name)[:2], " "))
			names = append(names, w.Name)
		}
		want := "put verdict,put verdict,put verdict,put verdict,put profile,put profile,put endpoint,put endpoint,delete endpoint"
		if got := strings.Join(kinds, ","); got != want {
			t.Errorf("order %s, want %s", got, want)
		}
		orders[strings.Join(names, ",")] = true
	}
	if len(orders) < 2 {
		t.Error("within a field the order is always the same")
	}
}

func TestString(t *testing.T) {
	want := `network 10.244.0.0/16 group unknown
network 10.244.0.0/24 group local-unknown
interface 7
endpoint 10.244.0.1 group 17 index 1
endpoint 10.244.1.1 group 16 index 0
endpoint 10.244.1.9 group blocked index 0
endpoint 192.0.2.1 group world index node
profile 1 ingress 1 egress 0 interface 7
verdict profile 1 group any other any: Deny rule 0
verdict profile 1 group any TCP any: Deny rule 0
verdict profile 1 group any TCP 90: Accept rule 90
verdict profile 1 group any UDP any: Deny rule 0
verdict profile 1 group any SCTP any: Deny rule 0
verdict profile 1 group 16 other any: Deny rule 16
verdict profile 1 group 16 TCP any: Deny rule 16
verdict profile 1 group 16 TCP 80: Accept rule 80
verdict profile 1 group 16 UDP any: Deny rule 16
verdict profile 1 group 16 SCTP any: Deny rule 16
`
	if diff := cmp.Diff(want, example(t).String()); diff != "" {
		t.Errorf("dump (-want +got):\n%s", diff)
	}
}
