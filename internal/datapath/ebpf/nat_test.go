package ebpf

import (
	"errors"
	"net"
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// The virtual address of a Service in the NAT tests.
var virtual4, virtual6 = netip.MustParseAddr("10.96.0.10"), netip.MustParseAddr("fd00:10:96::10")

// serve lets pod b answer on TCP and UDP port 8080, and the node translate port 80 of the virtual address to it.
func (b *testbed) serve(f family) netip.Addr {
	b.Helper()
	virtual := f.pick(virtual4, virtual6)
	b.b.Echo(f.of(b.b), 8080)
	b.b.EchoUDP(f.of(b.b), 8080)
	for _, protocol := range []uint8{datapath.TCP, datapath.UDP} {
		b.node.Service(protocol, netip.AddrPortFrom(virtual, 80), netip.AddrPortFrom(f.of(b.b), 8080))
	}
	return virtual
}

// TestAnswersThroughService: a node reaches its pods through a Service too. The answers carry the virtual address when they get to the node's sockets.
func TestAnswersThroughService(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		b.isolateIngress(b.b)
		b.isolateEgress(b.b)
		for range 2 {
			if err := b.node.Talk(virtual, 80, lab.Allowed); err != nil {
				t.Error(err)
			}
			if err := lab.Exchange(b.node.UDP(f.node(b.node), 0), netip.AddrPortFrom(virtual, 80)); err != nil {
				t.Error(err)
			}
		}
		// So do errors: nobody answers on port 9090.
		b.node.Service(datapath.UDP, netip.AddrPortFrom(virtual, 81), netip.AddrPortFrom(f.of(b.b), 9090))
		if err := refused(b.node.Netns, netip.AddrPortFrom(virtual, 81)); err != nil {
			t.Error(err)
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped: %+v", n, b.all())
		}
	})
}

// refused makes sure that a datagram is answered by "connection refused".
func refused(n *lab.Netns, to netip.AddrPort) error {
	var c net.Conn
	var err error
	n.Do(func() { c, err = net.Dial("udp", to.String()) })
	if err != nil {
		return err
	}
	defer c.Close()
	if !lab.Holds(lab.Allowed, func() bool {
		_, err = c.Write([]byte("x"))
		return errors.Is(err, unix.ECONNREFUSED)
	}) {
		return errors.New("no error came back from " + to.String())
	}
	return nil
}

// TestServiceOfNode: a Service in front of something on the node itself.
func TestServiceOfNode(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := f.pick(virtual4, virtual6)
		b.node.Echo(f.node(b.node), 6443)
		b.node.Service(datapath.TCP, netip.AddrPortFrom(virtual, 443), netip.AddrPortFrom(f.node(b.node), 6443))
		b.isolateEgress(b.a, port(groupNode, datapath.TCP, 6443))
		b.isolateIngress(b.a)
		rule := b.isolateEgress(b.c, port(groupNode, datapath.TCP, 443))
		if err := b.a.Talk(virtual, 443, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.c), f.node(b.node), 6443, rule, true), b.c, tcp.packet(f.of(b.c), virtual, 443))
	})
}

// TestSourceTranslatedAtInput: the node's sockets see another source, the spoof check and the policies the pod's.
func TestSourceTranslatedAtInput(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Echo(f.node(b.node), 80)
		b.node.Echo(f.node(b.node), 81)
		b.node.SourceNAT(f.of(b.a), f.pick(virtual4, virtual6))
		rule := b.isolateEgress(b.a, port(groupNode, datapath.TCP, 80))
		if err := b.a.Talk(f.node(b.node), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.a), f.node(b.node), 81, rule, true), b.a, tcp.packet(f.of(b.a), f.node(b.node), 81))
	})
}

// TestReset: a reset that the node's firewall sends in a server's name is a reply.
func TestReset(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateEgress(b.a, port(datapath.WorldGroup, datapath.TCP, 80))
		b.isolateIngress(b.a)
		b.node.Refuse(f.of(b.world))
		if _, err := b.a.Dial(netip.Addr{}, f.of(b.world), 80, lab.Allowed); !errors.Is(err, unix.ECONNREFUSED) {
			t.Errorf("got %v, want %v", err, unix.ECONNREFUSED)
		}
	})
}
