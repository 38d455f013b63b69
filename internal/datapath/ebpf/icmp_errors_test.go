package ebpf

import (
	"encoding/binary"
	"errors"
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// icmpError is an error message of both families.
type icmpError struct {
	name         string
	kind4, code4 uint8
	kind6, code6 uint8
	rest         uint32
}

var (
	portUnreachable = icmpError{"port unreachable", 3, 3, 1, 4, 0}
	packetTooBig    = icmpError{"packet too big", 3, 4, 2, 0, 1300}
	timeExceeded    = icmpError{"time exceeded", 11, 0, 3, 0, 0}
	icmpErrors      = []icmpError{portUnreachable, packetTooBig, timeExceeded, {"parameter problem", 12, 0, 4, 0, 0}}
)

func (e icmpError) kind(f family) uint8 { return f.pickKind(e.kind4, e.kind6) }

func (f family) pickKind(kind4, kind6 uint8) uint8 {
	if f.is6() {
		return kind6
	}
	return kind4
}

// packet is the error by hand. It quotes the packet that it is about.
func (e icmpError) packet(f family, from, to netip.Addr, about lab.Packet) lab.Packet {
	return lab.ICMPPacket(from, to, e.kind(f), f.pickKind(e.code4, e.code6), e.rest, about.Bytes())
}

// about matches errors of this kind that quote a packet to this port.
func (e icmpError) about(f family, to netip.AddrPort) func(lab.Seen) bool {
	return func(s lab.Seen) bool {
		return s.Protocol == f.icmp() && s.Type == e.kind(f) && lab.Look(s.Data).Destination == to
	}
}

// late matches errors that quote what was sent after the way was forbidden: its data begins with an octet of ones.
func late(s lab.Seen) bool {
	data := lab.Look(s.Data).Data
	return len(data) > 0 && data[0] == 0xff
}

// onlyUDP isolates a and b in both directions, but for UDP from a to b's port 80.
func (b *testbed) onlyUDP() {
	b.Helper()
	b.isolateIngress(b.a)
	b.isolateEgress(b.a, port(groupB, datapath.UDP, 80))
	b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	b.isolateEgress(b.b)
}

// allErrors takes the limits away that a kernel has for errors.
func allErrors(namespaces ...*lab.Netns) {
	for _, n := range namespaces {
		n.Sysctl("ipv4.icmp_ratelimit", "0")
		n.Sysctl("ipv6.icmp.ratelimit", "0")
	}
}

// revocations are the ends at which UDP from a to b's port 80 can be forbidden.
var revocations = []struct {
	name   string
	egress bool
	revoke func(b *testbed) datapath.RuleID
}{
	{"ingress of the server", false, func(b *testbed) datapath.RuleID { return b.isolateIngress(b.b) }},
	{"egress of the client", true, func(b *testbed) datapath.RuleID { return b.isolateEgress(b.a) }},
}

// revoked is what the kernel must tell of an error about UDP from a to b's port 80 that travels to a.
func revoked(f family, b *testbed, rule datapath.RuleID, egress bool) datapath.Event {
	return datapath.Event{
		Source: f.of(b.a), Destination: f.of(b.b), DestinationPort: 80, Protocol: datapath.UDP,
		Reason: datapath.ReasonRule, Rule: rule, Egress: egress, Reply: true,
	}
}

// TestEchoIsOtherProtocols: ports of TCP and UDP do not allow an echo, an entry for other protocols does.
func TestEchoIsOtherProtocols(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		echo := probes[3]
		for _, protocol := range []uint8{datapath.UDP, datapath.TCP, datapath.SCTP} {
			rule := w.isolate(b, protocol, 0)
			b.wantDrop(echo.event(f, f.of(b.a), f.of(b.b), 0, rule, w.egress), b.a, echo.packet(f.of(b.a), f.of(b.b), 0))
		}
		rule := w.isolate(b, datapath.OtherProtocols, 0)
		if err := b.a.Ping(f.of(b.b)); err != nil {
			b.Error(err)
		}
		udp := probes[1]
		b.wantDrop(udp.event(f, f.of(b.a), f.of(b.b), 80, rule, w.egress), b.a, udp.packet(f.of(b.a), f.of(b.b), 80))
	})
}

// connectUDP opens a connected socket, which hears of errors.
func (b *testbed) connectUDP(n *lab.Netns, from, to netip.AddrPort) *net.UDPConn {
	b.Helper()
	var c *net.UDPConn
	var err error
	n.Do(func() { c, err = net.DialUDP("udp", net.UDPAddrFromAddrPort(from), net.UDPAddrFromAddrPort(to)) })
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// TestPortUnreachable: a client hears that nobody listens, though the server's pod may send nothing by itself. After the way is forbidden, it does
// not hear of it any more.
func TestPortUnreachable(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				allErrors(b.b.Netns)
				b.onlyUDP()
				from, to := netip.AddrPortFrom(f.of(b.a), clientPort), netip.AddrPortFrom(f.of(b.b), 80)
				heard := b.a.Tap(portUnreachable.about(f, to))
				c := b.connectUDP(b.a.Netns, from, to)
				if _, err := c.Write([]byte("hedgerow")); err != nil {
					b.Fatal(err)
				}
				c.SetReadDeadline(time.Now().Add(lab.Allowed))
				if _, err := c.Read(make([]byte, 100)); !errors.Is(err, unix.ECONNREFUSED) {
					b.Errorf("nobody listens, and the client hears: %v", err)
				}
				if n := b.dropped(); n != 0 {
					b.Errorf("%d packets dropped: %+v", n, b.all())
				}
				about := probes[1].packet(from.Addr(), to.Addr(), 80)
				byHand := portUnreachable.packet(f, to.Addr(), from.Addr(), about)
				b.wantPass(b.b, b.a, byHand)
				lab.Eventually(b, "both errors in the tap", func() bool { return heard.Count() == 2 })

				rule := r.revoke(b)
				b.wantDrop(revoked(f, b, rule, r.egress), b.b, byHand)
				if n := heard.Count() - 2; n != 0 {
					b.Errorf("%d errors arrived about a connection that is not allowed any more", n)
				}
			})
		})
	}
}

// TestTimeExceeded: the node tells the client that a packet came too far, before the packet itself is judged.
func TestTimeExceeded(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				allErrors(b.node.Netns)
				b.onlyUDP()
				packet := probes[1].packet(f.of(b.a), f.of(b.b), 80)
				b.wantPass(b.a, b.b, packet)
				packet.HopLimit = 1
				heard := b.a.Tap(timeExceeded.about(f, netip.AddrPortFrom(f.of(b.b), 80)))
				b.a.Inject(packet.Bytes())
				lab.Eventually(b, "the client to hear of it", func() bool { return heard.Count() > 0 })
				if n := b.dropped(); n != 0 {
					b.Errorf("%d packets dropped: %+v", n, b.all())
				}
				rule := r.revoke(b)
				tooLate := b.a.Tap(late)
				packet.Payload[8] = 0xff
				b.wantDrop(revoked(f, b, rule, r.egress), b.a, packet)
				if n := tooLate.Count(); n != 0 {
					b.Errorf("%d errors arrived about a connection that is not allowed any more", n)
				}
			})
		})
	}
}

// narrow gives the link to a pod a smaller MTU on the node's side only, so that senders do not know.
func (b *testbed) narrow(p *lab.Pod) {
	b.Helper()
	l, err := b.node.Handle.LinkByName(p.HostName)
	if err == nil {
		err = b.node.Handle.LinkSetMTU(l, 1300)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// TestPathMTUDiscovery transfers more than fits into the link to the server. Without the node's errors the transfer stalls for ever.
func TestPathMTUDiscovery(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		allErrors(b.node.Netns)
		b.narrow(b.b)
		b.isolateIngress(b.a)
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80))
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.isolateEgress(b.b)
		const size = 200_000
		l, got := b.b.Listen(f.of(b.b), 80), make(chan error, 1)
		go func() {
			c, err := l.Accept()
			if err == nil {
				defer c.Close()
				_, err = io.CopyN(io.Discard, c, size)
			}
			got <- err
		}()
		heard := b.a.Tap(packetTooBig.about(f, netip.AddrPortFrom(f.of(b.b), 80)))
		c, err := b.a.Dial(netip.Addr{}, f.of(b.b), 80, lab.Allowed)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		c.SetDeadline(time.Now().Add(lab.Allowed))
		if _, err := c.Write(make([]byte, size)); err != nil {
			b.Fatal(err)
		}
		var end error
		lab.Eventually(b, "the transfer to complete", func() bool {
			select {
			case end = <-got:
				return true
			default:
				return false
			}
		})
		if end != nil {
			b.Error(end)
		}
		if heard.Count() == 0 {
			b.Error("the client was never told of the smaller link: this test tests nothing")
		}
		if n := b.dropped(); n != 0 {
			b.Errorf("%d packets dropped: %+v", n, b.all())
		}
		b.b.Echo(f.of(b.b), 81)
		if c, err := b.a.Dial(netip.Addr{}, f.of(b.b), 81, lab.Denied); err == nil {
			c.Close()
			b.Error("connected to a port that is not allowed")
		}
	})
}

// doNotFragment makes a socket send datagrams whole, whatever it has been told of the path.
func (b *testbed) doNotFragment(c *net.UDPConn, f family) {
	b.Helper()
	level, option := unix.IPPROTO_IP, unix.IP_MTU_DISCOVER
	if f.is6() {
		level, option = unix.IPPROTO_IPV6, unix.IPV6_MTU_DISCOVER
	}
	raw, err := c.SyscallConn()
	if err == nil {
		// IPV6_PMTUDISC_PROBE is the same number.
		err = errors.Join(raw.Control(func(fd uintptr) { err = unix.SetsockoptInt(int(fd), level, option, unix.IP_PMTUDISC_PROBE) }), err)
	}
	if err != nil {
		b.Fatal(err)
	}
}

// TestPacketTooBig: the node answers a datagram that does not fit before it judges it; after the way is forbidden, its answer does not pass.
func TestPacketTooBig(t *testing.T) {
	for _, r := range revocations {
		t.Run(r.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				allErrors(b.node.Netns)
				b.narrow(b.b)
				b.onlyUDP()
				b.b.EchoUDP(f.of(b.b), 80)
				to := netip.AddrPortFrom(f.of(b.b), 80)
				c := b.a.UDP(f.of(b.a), clientPort)
				if err := lab.Exchange(c, to); err != nil {
					b.Fatal(err)
				}
				b.doNotFragment(c, f)
				heard := b.a.Tap(packetTooBig.about(f, to))
				send := func(first byte) {
					b.Helper()
					if _, err := c.WriteToUDPAddrPort(append([]byte{first}, make([]byte, 1399)...), to); err != nil && !errors.Is(err, unix.EMSGSIZE) {
						b.Fatal(err)
					}
				}
				send(0)
				lab.Eventually(b, "the client to hear of the smaller link", func() bool { return heard.Count() > 0 })
				if n := b.dropped(); n != 0 {
					b.Errorf("%d packets dropped: %+v", n, b.all())
				}
				rule := r.revoke(b)
				tooLate := b.a.Tap(late)
				want := revoked(f, b, rule, r.egress)
				lab.Eventually(b, "the answer to be dropped", func() bool {
					send(0xff)
					return b.told(want)
				})
				if n := tooLate.Count(); n != 0 {
					b.Errorf("%d errors arrived about a connection that is not allowed any more", n)
				}
			})
		})
	}
}

// TestErrorOfNoConnection sends errors about packets that nobody has sent. Even a pod that accepts all protocols of the sender does not get them.
func TestErrorOfNoConnection(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		about := probes[1].packet(f.of(b.b), f.of(b.c), 4711)
		for _, e := range icmpErrors {
			packet := e.packet(f, f.of(b.c), f.of(b.b), about)
			b.isolate(b.b, 0, 0)
			b.wantPass(b.c, b.b, packet)
			b.isolateIngress(b.b, everythingFrom(groupC)...)
			b.wantPass(b.c, b.b, probes[3].packet(f.of(b.c), f.of(b.b), 0))
			b.wantDrop(datapath.Event{
				Source: f.of(b.c), Destination: f.of(b.b), Protocol: f.icmp(), Reason: datapath.ReasonNoConntrack,
			}, b.c, packet)
		}
	})
}

// forgeries are connections of the victim b with a, and the packet of b that an error can quote.
var forgeries = []struct {
	name    string
	isolate func(b *testbed) (ingress datapath.RuleID)
	quoted  func(b *testbed, f family) lab.Packet
}{
	{"victim is the client", func(b *testbed) datapath.RuleID {
		b.isolateEgress(b.b, port(groupA, datapath.UDP, 80))
		return b.isolateIngress(b.b)
	}, func(b *testbed, f family) lab.Packet { return probes[1].packet(f.of(b.b), f.of(b.a), 80) }},
	{"victim is the server", func(b *testbed) datapath.RuleID {
		b.isolateEgress(b.b)
		return b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	}, func(b *testbed, f family) lab.Packet {
		return lab.UDPPacket(netip.AddrPortFrom(f.of(b.b), 80), netip.AddrPortFrom(f.of(b.a), clientPort), []byte("hedgerow"))
	}},
}

// TestForgedError: pod c quotes what b has sent to a. The kernel relates this to the connection; c has no part in it. Redirects are no different.
func TestForgedError(t *testing.T) {
	for _, forgery := range forgeries {
		t.Run(forgery.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				rule, quoted := forgery.isolate(b), forgery.quoted(b, f)
				s := lab.Look(quoted.Bytes())
				b.openUDP(s.Source, s.Destination)
				for _, e := range icmpErrors {
					b.wantPass(b.a, b.b, e.packet(f, f.of(b.a), f.of(b.b), quoted))
					forged := e.packet(f, f.of(b.c), f.of(b.b), quoted)
					b.wantDrop(probes[3].event(f, f.of(b.c), f.of(b.b), 0, rule, false), b.c, forged)
				}
				for _, packet := range redirects(b, f, quoted) {
					want := probes[3].event(f, f.of(b.c), f.of(b.b), 0, rule, false)
					if f.is6() { // conntrack leaves them alone
						want.Reason, want.Rule = datapath.ReasonNoConntrack, 0
					}
					b.wantDrop(want, b.c, packet)
				}
				b.isolate(b.b, 0, 0)
				for _, packet := range append(redirects(b, f, quoted), portUnreachable.packet(f, f.of(b.c), f.of(b.b), quoted)) {
					b.wantPass(b.c, b.b, packet)
				}
			})
		})
	}
}

// openUDP makes the kernel track a connection of b's port with a's, with packets both ways. The client has clientPort.
func (b *testbed) openUDP(end, other netip.AddrPort) {
	b.Helper()
	there, back := lab.UDPPacket(end, other, []byte("hedgerow")), lab.UDPPacket(other, end, []byte("hedgerow"))
	if end.Port() == clientPort {
		b.wantPass(b.b, b.a, there)
		b.wantPass(b.a, b.b, back)
		return
	}
	b.wantPass(b.a, b.b, back)
	b.wantPass(b.b, b.a, there)
}

// redirects go from c to b and quote a packet of b's connection with a.
func redirects(b *testbed, f family, quoted lab.Packet) []lab.Packet {
	if f.is6() {
		// Target, destination, and the option that quotes.
		target, destination := f.of(b.c).As16(), f.of(b.a).As16()
		body := append(append(target[:], destination[:]...), 4, 8, 0, 0, 0, 0, 0, 0)
		packet := lab.ICMPPacket(f.of(b.c), f.of(b.b), 137, 0, 0, append(body, quoted.Bytes()...))
		packet.HopLimit = 255
		return []lab.Packet{packet}
	}
	var list []lab.Packet
	for code := range uint8(4) {
		list = append(list, lab.ICMPPacket(f.of(b.c), f.of(b.b), 5, code, binary.BigEndian.Uint32(b.c.Address4.AsSlice()), quoted.Bytes()))
	}
	return list
}
