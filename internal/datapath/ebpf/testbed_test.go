package ebpf

import (
	"context"
	"net/netip"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/conntrack"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// testbed is a node with four interfaces behind which live the pods a, b, c and the world beyond the cluster, and a datapath whose
// tables the test writes by hand.
type testbed struct {
	testing.TB
	node           *lab.Node
	a, b, c, world *lab.Pod
	dir            string
	d              *Datapath
	keeper         func() // ends connection tracking's keeper and takes its table away
	nextProfile    datapath.ProfileID
	nextRule       datapath.RuleID
	isolated       map[*lab.Pod]datapath.Profile

	mu     sync.Mutex
	events []datapath.Event
}

// Groups of the pods and the node.
const (
	groupA datapath.GroupID = datapath.FirstGroup + iota
	groupB
	groupC
	groupNode // of the node's own addresses: what makes them the node's is their index
)

// Addresses inside the cluster that no pod has.
var (
	localNobody4, localNobody6 = netip.MustParseAddr("10.244.1.99"), netip.MustParseAddr("fd00:10:244:1::99")
	farNobody4, farNobody6     = netip.MustParseAddr("10.244.7.99"), netip.MustParseAddr("fd00:10:244:7::99")
)

// newTestbed makes the network, fills the tables with pods that are not isolated, and attaches.
func newTestbed(t testing.TB) *testbed {
	t.Helper()
	b := newUnattached(t)
	b.attach(b.d)
	return b
}

func newUnattached(t testing.TB) *testbed {
	t.Helper()
	n := lab.NewNode(t)
	b := &testbed{
		TB: t, node: n, dir: lab.BPFFS(t),
		a:     n.AddPod("a", "10.244.1.2", "fd00:10:244:1::2"),
		b:     n.AddPod("b", "10.244.1.3", "fd00:10:244:1::3"),
		c:     n.AddPod("c", "10.244.1.4", "fd00:10:244:1::4"),
		world: n.AddPod("world", "198.51.100.7", "2001:db8::7"),
		// Ids differ from one another, so that no test passes because two of them are mixed up.
		nextProfile: 1000, nextRule: 5000, isolated: map[*lab.Pod]datapath.Profile{},
	}
	b.d = b.open()
	b.startKeeper()
	return b
}

// open makes another instance with the tables of pods that are not isolated.
func (b *testbed) open() *Datapath {
	b.Helper()
	d, err := Open(Options{Dir: b.dir})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	if err := d.Apply(b.basics()); err != nil {
		b.Fatal(err)
	}
	b.follow(d)
	return d
}

// follow collects the events of an instance until the test ends.
func (b *testbed) follow(d *Datapath) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan error, 1)
	go func() {
		done <- d.Events(ctx, func(e datapath.Event) {
			b.mu.Lock()
			defer b.mu.Unlock()
			b.events = append(b.events, e)
		})
	}()
	b.Cleanup(func() {
		cancel()
		// A test may have closed the instance before the ring was open.
		if err := <-done; err != nil && !strings.Contains(err.Error(), unix.EBADF.Error()) {
			b.Error(err)
		}
	})
}

func (b *testbed) attach(d *Datapath) {
	b.Helper()
	var err error
	b.node.Do(func() { err = d.Attach() })
	if err != nil {
		b.Fatal(err)
	}
}

func (b *testbed) startKeeper() {
	b.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var k *conntrack.Keeper
	var err error
	b.node.Do(func() { k, err = conntrack.Start(ctx, conntrack.Options{}) })
	if err != nil {
		cancel()
		b.Fatal(err)
	}
	end := sync.OnceFunc(func() {
		cancel()
		k.Wait()
		b.node.Do(func() { err = conntrack.Remove() })
		if err != nil {
			b.Error(err)
		}
	})
	b.keeper = end
	b.Cleanup(end)
}

func (b *testbed) pods() []*lab.Pod { return []*lab.Pod{b.a, b.b, b.c} }

func (b *testbed) index(p *lab.Pod) datapath.ProfileIndex {
	for i, q := range b.pods() {
		if p == q {
			return datapath.ProfileIndex(i + 1)
		}
	}
	b.Fatalf("%s is not a local pod", p.Name)
	return 0
}

func (b *testbed) group(p *lab.Pod) datapath.GroupID {
	return groupA + datapath.GroupID(b.index(p)) - 1
}

// basics are the tables without any policy.
func (b *testbed) basics() *datapath.Change {
	c := &datapath.Change{
		PutNetworks: map[netip.Prefix]datapath.GroupID{
			netip.MustParsePrefix("10.244.0.0/16"):      datapath.UnknownGroup,
			netip.MustParsePrefix("fd00:10:244::/48"):   datapath.UnknownGroup,
			netip.MustParsePrefix("10.244.1.0/24"):      datapath.LocalUnknownGroup,
			netip.MustParsePrefix("fd00:10:244:1::/64"): datapath.LocalUnknownGroup,
		},
		PutProfiles:  map[datapath.ProfileIndex]datapath.Profile{},
		PutEndpoints: map[netip.Addr]datapath.Endpoint{},
	}
	for _, a := range []netip.Addr{b.node.Address4, b.node.Address6} {
		c.PutEndpoints[a] = datapath.Endpoint{Group: groupNode, Index: datapath.NodeIndex}
	}
	for _, p := range b.pods() {
		c.PutProfiles[b.index(p)] = datapath.Profile{Interface: p.HostIndex, Ingress: b.isolated[p].Ingress, Egress: b.isolated[p].Egress}
		c.PutInterfaces = append(c.PutInterfaces, p.HostIndex)
		for _, a := range []netip.Addr{p.Address4, p.Address6} {
			c.PutEndpoints[a] = datapath.Endpoint{Group: b.group(p), Index: b.index(p)}
		}
	}
	return c
}

func (b *testbed) apply(c *datapath.Change) {
	b.Helper()
	if err := b.d.Apply(c); err != nil {
		b.Fatal(err)
	}
}

// profile writes a new profile that accepts what is listed and denies the rest with the rule it returns.
func (b *testbed) profile(accept ...datapath.VerdictKey) (datapath.ProfileID, datapath.RuleID) {
	b.Helper()
	b.nextProfile += 7
	b.nextRule += 3
	id, rule := b.nextProfile, b.nextRule
	c := verdictsOf(id, rule, accept)
	b.apply(c)
	return id, rule
}

// verdictsOf denies everything under a profile with a rule, but for what is accepted (by rule+1).
func verdictsOf(id datapath.ProfileID, rule datapath.RuleID, accept []datapath.VerdictKey) *datapath.Change {
	c := &datapath.Change{PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{}}
	for _, protocol := range []uint8{datapath.TCP, datapath.UDP, datapath.SCTP, datapath.OtherProtocols} {
		c.PutVerdicts[datapath.VerdictKey{Profile: id, Protocol: protocol}] = datapath.Verdict{Action: datapath.Deny, Rule: rule}
		for _, k := range accept {
			// A group with entries of its own has its any-port entries too.
			c.PutVerdicts[datapath.VerdictKey{Profile: id, Group: k.Group, Protocol: protocol}] = datapath.Verdict{Action: datapath.Deny, Rule: rule}
		}
	}
	for _, k := range accept {
		k.Profile = id
		c.PutVerdicts[k] = datapath.Verdict{Action: datapath.Accept, Rule: rule + 1}
	}
	return c
}

// isolate flips the word of a pod. Profile 0 opens a direction.
func (b *testbed) isolate(p *lab.Pod, ingress, egress datapath.ProfileID) {
	b.Helper()
	b.isolated[p] = datapath.Profile{Interface: p.HostIndex, Ingress: ingress, Egress: egress}
	b.apply(&datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{b.index(p): b.isolated[p]}})
}

// isolateIngress gives a pod an ingress profile that accepts only what is listed, and returns the rule that denies the rest.
func (b *testbed) isolateIngress(p *lab.Pod, accept ...datapath.VerdictKey) datapath.RuleID {
	b.Helper()
	id, rule := b.profile(accept...)
	b.isolate(p, id, b.isolated[p].Egress)
	return rule
}

// isolateEgress is isolateIngress for the other direction.
func (b *testbed) isolateEgress(p *lab.Pod, accept ...datapath.VerdictKey) datapath.RuleID {
	b.Helper()
	id, rule := b.profile(accept...)
	b.isolate(p, b.isolated[p].Ingress, id)
	return rule
}

// port makes a key for profile.
func port(group datapath.GroupID, protocol uint8, number uint16) datapath.VerdictKey {
	return datapath.VerdictKey{Group: group, Protocol: protocol, Port: number}
}

// drops returns how many packets were dropped for a reason.
func (b *testbed) drops(r datapath.Reason) uint64 {
	b.Helper()
	drops, err := b.d.Drops()
	if err != nil {
		b.Fatal(err)
	}
	return drops[r].Packets
}

// dropped returns how many packets were dropped for any reason.
func (b *testbed) dropped() uint64 {
	b.Helper()
	drops, err := b.d.Drops()
	if err != nil {
		b.Fatal(err)
	}
	var n uint64
	for _, c := range drops {
		n += c.Packets
	}
	return n
}

// told reports whether an event like this one was seen. Zero ports match any.
func (b *testbed) told(want datapath.Event) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	for _, e := range b.events {
		if want.SourcePort == 0 {
			e.SourcePort = 0
		}
		if want.DestinationPort == 0 {
			e.DestinationPort = 0
		}
		if e == want {
			return true
		}
	}
	return false
}

func (b *testbed) forget() {
	b.mu.Lock()
	defer b.mu.Unlock()
	b.events = nil
}

// wantDrop sends a packet by hand until an event like want tells of it. Each must be dropped for that reason, and none may arrive at the pod
// that it is meant for.
func (b *testbed) wantDrop(want datapath.Event, from *lab.Pod, packet lab.Packet) {
	b.Helper()
	b.forget()
	raw := packet.Bytes()
	for _, to := range append(b.pods(), b.world) {
		if packet.Destination == to.Address4 || packet.Destination == to.Address6 {
			arrived := to.Tap(like(raw))
			defer func() {
				if n := arrived.Count(); n != 0 {
					b.Errorf("%d packets %s -> %s protocol %d arrived", n, packet.Source, packet.Destination, packet.Protocol)
				}
				arrived.Close()
			}()
		}
	}
	for start := time.Now(); !b.told(want); {
		before := b.drops(want.Reason)
		from.Inject(raw)
		if !lab.Holds(2*time.Second, func() bool { return b.drops(want.Reason) > before }) {
			b.Fatalf("%s -> %s protocol %d: not dropped as %q; events %+v", packet.Source, packet.Destination, packet.Protocol, want.Reason, b.all())
		}
		if time.Since(start) > 5*time.Second {
			b.Fatalf("no event like %+v; got %+v", want, b.all())
		}
		// The kernel tells of one drop of a kind per CPU and 10 ms.
		lab.Holds(15*time.Millisecond, func() bool { return b.told(want) })
	}
}

// all returns the different events seen, the first few.
func (b *testbed) all() []datapath.Event {
	b.mu.Lock()
	defer b.mu.Unlock()
	var list []datapath.Event
	for _, e := range b.events {
		if !slices.Contains(list, e) && len(list) < 5 {
			list = append(list, e)
		}
	}
	return list
}

// wantPass sends one packet by hand and waits until exactly this one arrives.
func (b *testbed) wantPass(from, to *lab.Pod, packet lab.Packet) {
	b.Helper()
	raw := packet.Bytes()
	arrived := to.Tap(like(raw))
	defer arrived.Close()
	from.Inject(raw)
	if !lab.Holds(5*time.Second, func() bool { return arrived.Count() > 0 }) {
		drops, _ := b.d.Drops()
		b.Fatalf("%s -> %s protocol %d did not arrive; drops %v, events %+v", packet.Source, packet.Destination, packet.Protocol, drops, b.all())
	}
}

// wantEcho sends an echo request by hand and waits for the answer of the other end's kernel.
func (b *testbed) wantEcho(from *lab.Pod, source, destination netip.Addr) {
	b.Helper()
	answered := from.Tap(func(s lab.Seen) bool {
		return s.Source.Addr() == destination && s.Destination.Addr() == source && s.Type == lab.EchoReply(source)
	})
	defer answered.Close()
	from.Inject(lab.EchoPacket(source, destination, 7).Bytes())
	if !lab.Holds(5*time.Second, func() bool { return answered.Count() > 0 }) {
		b.Fatalf("no echo from %s to %s; events %+v", destination, source, b.all())
	}
}

// like matches a packet that was forwarded: the same addresses, protocol, ports and type.
func like(raw []byte) func(lab.Seen) bool {
	want := lab.Look(raw)
	return func(s lab.Seen) bool {
		return s.Source == want.Source && s.Destination == want.Destination && s.Protocol == want.Protocol && s.Type == want.Type
	}
}

// family is one of the two address families of a test.
type family struct {
	name string
	of   func(*lab.Pod) netip.Addr
}

var families = []family{
	{"IPv4", func(p *lab.Pod) netip.Addr { return p.Address4 }},
	{"IPv6", func(p *lab.Pod) netip.Addr { return p.Address6 }},
}

func (f family) is6() bool { return f.name == "IPv6" }

// pick returns the address of the family.
func (f family) pick(a4, a6 netip.Addr) netip.Addr {
	if f.is6() {
		return a6
	}
	return a4
}

func (f family) node(n *lab.Node) netip.Addr { return f.pick(n.Address4, n.Address6) }

// inet is the family's number.
func (f family) inet() netlink.InetFamily {
	if f.is6() {
		return unix.AF_INET6
	}
	return unix.AF_INET
}

// icmp is the number of the family's control protocol.
func (f family) icmp() uint8 {
	if f.is6() {
		return unix.IPPROTO_ICMPV6
	}
	return unix.IPPROTO_ICMP
}

// deleteFlows deletes every tracked connection of the family in the node.
func (b *testbed) deleteFlows(f family) uint {
	b.Helper()
	n, err := b.node.Handle.ConntrackDeleteFilters(netlink.ConntrackTable, f.inet(), everything{})
	if err != nil {
		b.Fatal(err)
	}
	return n
}

type everything struct{}

func (everything) MatchConntrackFlow(*netlink.ConntrackFlow) bool { return true }

// bothFamilies runs a test once for each family on a testbed of its own.
func bothFamilies(t *testing.T, f func(b *testbed, f family)) {
	t.Helper()
	t.Parallel()
	for _, fam := range families {
		t.Run(fam.name, func(t *testing.T) {
			t.Parallel()
			f(newTestbed(t), fam)
		})
	}
}
