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

// TestServiceOfPod: policies see the pod and the port that really answer, not the Service's.
func TestServiceOfPod(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		rule := b.isolateIngress(b.b, port(groupA, datapath.TCP, 8080), port(groupA, datapath.UDP, 8080))
		b.isolateEgress(b.b)
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 8080), port(groupB, datapath.UDP, 8080))
		b.isolateIngress(b.a)
		if err := b.a.Talk(virtual, 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		if err := lab.Exchange(b.a.UDP(f.of(b.a), 0), netip.AddrPortFrom(virtual, 80)); err != nil {
			t.Error(err)
		}
		for _, p := range probes[:2] {
			b.wantDrop(p.event(f, f.of(b.c), f.of(b.b), 8080, rule, false), b.c, p.packet(f.of(b.c), virtual, 80))
		}
		if _, err := b.c.Dial(netip.Addr{}, virtual, 80, lab.Denied); err == nil {
			t.Error("c connected through the Service")
		}
		// The Service's own port is no way in either.
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		if _, err := b.a.Dial(netip.Addr{}, virtual, 80, lab.Denied); err == nil {
			t.Error("a connected through the Service though only port 80 of the pod is open")
		}
	})
}

// TestServiceCut tightens under a stream through a Service and makes the kernel forget it.
func TestServiceCut(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 8080))
		echoed := b.stream(b.a, virtual, 80)
		b.progress(echoed, "the stream to run")
		tcp := func(s lab.Seen) bool { return s.Protocol == datapath.TCP }
		taps := map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(tcp), b.b: b.b.Tap(tcp)}
		b.cut("tightened", func() { b.isolateIngress(b.b) }, taps)
		// Without its entry the client's packets are for the virtual address, which nobody translates in mid-stream; the server's come back as its own.
		b.cut("forgotten", func() { b.deleteFlows(f) }, taps)
	})
}

// TestServiceOfItself: a pod behind a Service reaches itself through it, however isolated it is.
func TestServiceOfItself(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		virtual := b.serve(f)
		b.isolateIngress(b.b)
		b.isolateEgress(b.b)
		if err := b.b.Talk(virtual, 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		if err := lab.Exchange(b.b.UDP(f.of(b.b), 0), netip.AddrPortFrom(virtual, 80)); err != nil {
			t.Error(err)
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped: %+v", n, b.all())
		}
		// Nobody else gets in by claiming to be the pod.
		for _, from := range []*lab.Pod{b.c, b.world} {
			b.wantDrop(spoofed(f.of(b.b), f.of(b.b), 80), from, probes[1].packet(f.of(b.b), f.of(b.b), 80))
		}
	})
}

// TestServiceFromNode: a node reaches its pods through a Service too. The answers carry the virtual address when they get to the node's sockets.
func TestServiceFromNode(t *testing.T) {
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
		b.isolateEgress(b.a, port(datapath.NodeGroup, datapath.TCP, 6443))
		b.isolateIngress(b.a)
		rule := b.isolateEgress(b.c, port(datapath.NodeGroup, datapath.TCP, 443))
		if err := b.a.Talk(virtual, 443, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.c), f.node(b.node), 6443, rule, true), b.c, tcp.packet(f.of(b.c), virtual, 443))
	})
}

// TestMasquerade: the address that the world sees is nobody's business here.
func TestMasquerade(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.world.Echo(f.of(b.world), 80)
		b.world.Echo(f.of(b.world), 81)
		b.node.Masquerade(f.of(b.a), f.of(b.world))
		rule := b.isolateEgress(b.a, port(datapath.WorldGroup, datapath.TCP, 80))
		b.isolateIngress(b.a)
		if err := b.a.Talk(f.of(b.world), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.a), f.of(b.world), 81, rule, true), b.a, tcp.packet(f.of(b.a), f.of(b.world), 81))

		// A client that a Service hides from its backend is still itself to the policies.
		b.b.Echo(f.of(b.b), 80)
		b.node.Masquerade(f.of(b.c), f.of(b.b))
		b.isolateIngress(b.b, port(groupC, datapath.TCP, 80))
		if err := b.c.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
	})
}

// TestSourceTranslatedAtInput: the node's sockets see another source, the spoof check and the policies the pod's.
func TestSourceTranslatedAtInput(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Echo(f.node(b.node), 80)
		b.node.Echo(f.node(b.node), 81)
		b.node.SourceNAT(f.of(b.a), f.pick(virtual4, virtual6))
		rule := b.isolateEgress(b.a, port(datapath.NodeGroup, datapath.TCP, 80))
		if err := b.a.Talk(f.node(b.node), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.a), f.node(b.node), 81, rule, true), b.a, tcp.packet(f.of(b.a), f.node(b.node), 81))
	})
}
