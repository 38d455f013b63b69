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
	} {
		tables := example(t)
		limit(tables)
		before := tables.String()
		err := tables.Apply(&datapath.Change{PutVerdicts: anyPort(2, 0, datapath.Deny), PutEndpoints: map[netip.Addr]datapath.Endpoint{outside: {Group: 16}}})
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
