package ebpf

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// spoofed is what the kernel must tell of a UDP packet that carries another's address.
func spoofed(from, to netip.Addr, number uint16) datapath.Event {
	return datapath.Event{
		Source: from, Destination: to, SourcePort: clientPort, DestinationPort: number, Protocol: datapath.UDP, Reason: datapath.ReasonSpoofed,
	}
}

// TestSpoofedSourceIsDropped sends from pod c with addresses of others, to pods and to the node, with and without isolation: whoever an address
// may talk to, a pod has only its own.
func TestSpoofedSourceIsDropped(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp := probes[1]
		sources := []netip.Addr{
			f.of(b.a), f.of(b.b), f.node(b.node), f.of(b.world), f.pick(localNobody4, localNobody6), f.pick(farNobody4, farNobody6),
		}
		check := func() {
			t.Helper()
			for _, source := range sources {
				for _, to := range []netip.Addr{f.of(b.b), f.node(b.node), f.of(b.world)} {
					if source == f.node(b.node) && (!f.is6() || to == source) {
						continue // a martian for the kernel's own routing, before any hook
					}
					b.wantDrop(spoofed(source, to, 80), b.c, udp.packet(source, to, 80))
				}
			}
			b.wantPass(b.c, b.a, udp.packet(f.of(b.c), f.of(b.a), 80))
		}
		check()
		b.isolateIngress(b.b, port(groupA, datapath.UDP, 80), port(datapath.WorldGroup, datapath.UDP, 80))
		check()
		b.wantPass(b.a, b.b, udp.packet(f.of(b.a), f.of(b.b), 80))
	})
}

// TestForeignInterfaceWithPodAddress sends with a local pod's address from an interface that is no pod's.
func TestForeignInterfaceWithPodAddress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		udp := probes[1]
		b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
		for _, to := range []netip.Addr{f.of(b.b), f.of(b.c), f.node(b.node), f.of(b.a)} {
			b.wantDrop(spoofed(f.of(b.a), to, 80), b.world, udp.packet(f.of(b.a), to, 80))
		}
		b.wantPass(b.world, b.c, udp.packet(f.of(b.world), f.of(b.c), 80))
	})
}

// TestForeignInterfaceWithNodeAddress: only the node itself reaches every pod, and what is nobody's. A kernel refuses such IPv4 packets by itself, unless it
// is told to accept them; IPv6 ones it does not.
func TestForeignInterfaceWithNodeAddress(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Sysctl("ipv4.conf.all.accept_local", "1")
		udp, node, nobody := probes[1], f.node(b.node), f.pick(localNobody4, localNobody6)
		rule := b.isolateIngress(b.b)
		b.wantDrop(udp.event(f, node, f.of(b.b), 80, rule, false), b.world, udp.packet(node, f.of(b.b), 80))
		b.node.RouteTo(b.c, nobody)
		b.wantDrop(closedEvent(node, nobody, datapath.ReasonUnknownLocal), b.world, udp.packet(node, nobody, 80))
		// A pod may not even try.
		b.wantDrop(spoofed(node, f.of(b.b), 80), b.c, udp.packet(node, f.of(b.b), 80))
		b.wantPass(b.world, b.a, udp.packet(node, f.of(b.a), 80))
	})
}

// TestMappedAddresses sends IPv6 packets with IPv4 addresses inside (::ffff:a.b.c.d), which the tables could take for IPv4.
func TestMappedAddresses(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	mapped := func(a netip.Addr) netip.Addr { return netip.AddrFrom16(a.As16()) }
	for _, pair := range [][2]netip.Addr{
		{mapped(b.a.Address4), b.b.Address6}, {mapped(b.c.Address4), b.b.Address6}, {b.c.Address6, mapped(b.b.Address4)},
	} {
		packet := lab.UDPPacket(netip.AddrPortFrom(pair[0], clientPort), netip.AddrPortFrom(pair[1], 80), []byte("hedgerow"))
		packet.Version = 6
		arrived := b.b.Tap(func(s lab.Seen) bool { return s.Protocol == unix.IPPROTO_UDP })
		if !pair[1].Is4In6() {
			want := datapath.Event{Source: pair[0].Unmap(), Destination: pair[1], Reason: datapath.ReasonMalformed}
			b.wantDrop(want, b.c, packet)
			continue
		}
		// Routing finds no way to such a destination, or it is dropped; the packet after it shows that it is through.
		b.c.Inject(packet.Bytes())
		b.wantPass(b.c, b.world, probes[1].packet(b.c.Address6, b.world.Address6, 9))
		if n := arrived.Count(); n != 0 {
			t.Errorf("%v: %d packets arrived", pair, n)
		}
	}
	b.wantPass(b.a, b.b, probes[1].packet(b.a.Address6, b.b.Address6, 80))
}

// TestSourceRoute: an IPv4 packet can name a router as its destination and, in an option, the pod it wants. Where the node accepts that, the forward hook
// sees the router's address.
func TestSourceRoute(t *testing.T) {
	t.Parallel()
	b := newUnattached(t)
	for _, name := range []string{"all", b.c.HostName} {
		b.node.Sysctl("ipv4.conf."+name+".accept_source_route", "1")
	}
	for _, option := range []byte{131, 137} { // loose, strict
		packet := probes[1].packet(b.c.Address4, b.node.Address4, 80)
		last := b.b.Address4.As4()
		packet.Options = append([]byte{1, option, 7, 4}, last[:]...)
		packet.Options = append(packet.Options, 0, 0, 0, 0)
		arrived := b.b.Tap(func(s lab.Seen) bool { return s.Protocol == unix.IPPROTO_UDP })
		b.d.Close()
		b.c.Inject(packet.Bytes())
		lab.Eventually(t, "the packet to arrive while nothing is enforced", func() bool { return arrived.Count() == 1 })

		b.d = b.open()
		b.attach(b.d)
		b.isolateIngress(b.b)
		b.wantDrop(datapath.Event{
			Source: b.c.Address4, Destination: b.node.Address4, Protocol: datapath.UDP, Reason: datapath.ReasonMalformed,
		}, b.c, packet)
		if n := arrived.Count(); n != 1 {
			t.Errorf("%d source-routed packets reached an isolated pod", n-1)
		}
		if err := Remove(b.dir); err != nil {
			t.Fatal(err)
		}
	}
}

// TestHarmlessOptions: other IPv4 options pass.
func TestHarmlessOptions(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	rule := b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	for _, options := range [][]byte{{1, 1, 1, 0}, {7, 7, 4, 0, 0, 0, 0, 0}} { // padding; record route
		packet := probes[1].packet(b.a.Address4, b.b.Address4, 80)
		packet.Options = options
		b.wantPass(b.a, b.b, packet)
		denied := probes[1].packet(b.c.Address4, b.b.Address4, 80)
		denied.Options = options
		b.wantDrop(probes[1].event(families[0], b.c.Address4, b.b.Address4, 80, rule, false), b.c, denied)
	}
}
