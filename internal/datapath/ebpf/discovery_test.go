package ebpf

import (
	"net/netip"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// forgetNeighbours makes the namespace look for its IPv6 neighbours anew.
func forgetNeighbours(t *testing.T, n *lab.Netns) {
	t.Helper()
	list, err := n.Handle.NeighList(0, unix.AF_INET6)
	if err != nil {
		t.Fatal(err)
	}
	for i := range list {
		if list[i].State&(netlink.NUD_NOARP|netlink.NUD_PERMANENT) == 0 {
			// Gone by itself meanwhile is just as good.
			_ = n.Handle.NeighDel(&list[i])
		}
	}
}

// TestNeighbourDiscovery isolates both ends in both directions: they must still find their way to the next hop.
func TestNeighbourDiscovery(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.isolateEgress(b.a, port(groupB, datapath.TCP, 80))
	b.isolateIngress(b.a)
	b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
	b.isolateEgress(b.b)
	b.b.Echo(b.b.Address6, 80)
	for range 3 {
		for _, n := range []*lab.Netns{b.node.Netns, b.a.Netns, b.b.Netns} {
			forgetNeighbours(t, n)
		}
		if err := b.a.Talk(b.b.Address6, 80, lab.Allowed); err != nil {
			t.Fatal(err)
		}
	}
	// A pod and its node find each other, and a pod reports which multicast groups it listens to.
	forgetNeighbours(t, b.node.Netns)
	if err := b.node.Ping(b.b.Address6); err != nil {
		t.Error(err)
	}
	if n := b.dropped(); n != 0 {
		t.Errorf("%d packets dropped: %+v", n, b.all())
	}
}

// discoveryTypes are the ICMPv6 types that conntrack leaves alone.
var discoveryTypes = []uint8{130, 131, 132, 133, 134, 135, 136, 137, 143}

// TestDiscoveryIsNoWayIn: between pods, a message that only looks like discovery is judged like any other.
func TestDiscoveryIsNoWayIn(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, kind := range discoveryTypes {
		packet := lab.ICMPPacket(b.c.Address6, b.b.Address6, kind, 0, 0, make([]byte, 16))
		b.isolate(b.b, 0, 0)
		b.wantPass(b.c, b.b, packet)
		b.isolateIngress(b.b)
		b.wantDrop(datapath.Event{
			Source: b.c.Address6, Destination: b.b.Address6, Protocol: unix.IPPROTO_ICMPV6, Reason: datapath.ReasonNoConntrack,
		}, b.c, packet)
	}
}

// TestDiscoveryIsNoDisguise: only IPv6 has it, and only with the sender's own addresses.
func TestDiscoveryIsNoDisguise(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.isolateEgress(b.a)
	for _, kind := range discoveryTypes {
		// The number of ICMPv6 in an IPv4 packet to the node; conntrack finds it invalid.
		packet := lab.Packet{
			Source: b.a.Address4, Destination: b.node.Address4, Protocol: unix.IPPROTO_ICMPV6, Payload: append([]byte{kind}, make([]byte, 23)...),
		}
		b.wantDrop(datapath.Event{
			Source: b.a.Address4, Destination: b.node.Address4, Protocol: unix.IPPROTO_ICMPV6, Reason: datapath.ReasonNoConntrack,
		}, b.a, packet)
		for _, source := range []netip.Addr{b.b.Address6, farNobody6, b.world.Address6} {
			b.wantDrop(datapath.Event{
				Source: source, Destination: b.node.Address6, Protocol: unix.IPPROTO_ICMPV6, Reason: datapath.ReasonSpoofed,
			}, b.a, lab.ICMPPacket(source, b.node.Address6, kind, 0, 0, make([]byte, 16)))
		}
	}
	// A link-local source serves discovery alone.
	linkLocal := netip.MustParseAddr("fe80::1234")
	b.wantDrop(datapath.Event{
		Source: linkLocal, Destination: b.node.Address6, Protocol: unix.IPPROTO_ICMPV6, Reason: datapath.ReasonSpoofed,
	}, b.a, lab.EchoPacket(linkLocal, b.node.Address6, 1))
}
