package ebpf

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestReplyThatWasRerouted: where a node accepts IPv6 segment routing, a packet that comes to it as a reply of a connection goes on to whom its routing
// header names. It is no reply there.
func TestReplyThatWasRerouted(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	for _, name := range []string{"all", "default", b.c.HostName} {
		b.node.Sysctl("ipv6.conf."+name+".seg6_enabled", "1")
	}
	rule := b.isolateIngress(b.b)
	// A datagram from the node lets the pod answer it.
	const number = 5000
	answered := b.c.Tap(func(s lab.Seen) bool { return s.Protocol == datapath.UDP })
	socket := b.node.UDP(b.node.Address6, number)
	if _, err := socket.WriteToUDPAddrPort([]byte("hello"), netip.AddrPortFrom(b.c.Address6, clientPort)); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "the node's datagram", func() bool { return answered.Count() == 1 })

	last, first := b.b.Address6.As16(), b.node.Address6.As16()
	segments := append(append([]byte{4, 4, 1, 1, 0, 0, 0}, last[:]...), first[:]...)
	reply := lab.UDPPacket(netip.AddrPortFrom(b.c.Address6, clientPort), netip.AddrPortFrom(b.node.Address6, number), []byte("hello"))
	reply.Extensions = []lab.Extension{{Type: unix.IPPROTO_ROUTING, Body: segments}}
	arrived := b.b.Tap(func(s lab.Seen) bool { return s.Source.Addr() == b.c.Address6 && s.Protocol == unix.IPPROTO_ROUTING })
	want := datapath.Event{
		Source: b.c.Address6, Destination: b.b.Address6, SourcePort: clientPort, DestinationPort: number, Protocol: datapath.UDP,
		Reason: datapath.ReasonRule, Rule: rule,
	}
	b.wantDrop(want, b.c, reply)
	if n := arrived.Count(); n != 0 {
		t.Errorf("%d packets reached an isolated pod as replies to somebody else", n)
	}
	// Without isolation it goes where it is told to: the test's packets are good.
	b.isolate(b.b, 0, 0)
	b.c.Inject(reply.Bytes())
	lab.Eventually(t, "the packet to arrive at a pod that is not isolated", func() bool { return arrived.Count() > 0 })
}
