package ebpf

import (
	"net/netip"
	"testing"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

const clientPort = 40000

// probe is one kind of packet that opens a flow.
type probe struct {
	name     string
	protocol func(family) uint8
	packet   func(from, to netip.Addr, port uint16) lab.Packet
	ports    bool
}

var probes = []probe{
	{"TCP", func(family) uint8 { return datapath.TCP }, func(from, to netip.Addr, port uint16) lab.Packet {
		return lab.TCPPacket(netip.AddrPortFrom(from, clientPort), netip.AddrPortFrom(to, port), lab.SYN, 1, 0, nil)
	}, true},
	{"UDP", func(family) uint8 { return datapath.UDP }, func(from, to netip.Addr, port uint16) lab.Packet {
		return lab.UDPPacket(netip.AddrPortFrom(from, clientPort), netip.AddrPortFrom(to, port), []byte("hedgerow"))
	}, true},
	{"SCTP", func(family) uint8 { return datapath.SCTP }, sctpInit, true},
	{"ICMP", family.icmp, func(from, to netip.Addr, _ uint16) lab.Packet { return lab.EchoPacket(from, to, clientPort) }, false},
	{"IPIP", func(family) uint8 { return unix.IPPROTO_IPIP }, func(from, to netip.Addr, _ uint16) lab.Packet {
		return lab.Packet{Source: from, Destination: to, Protocol: unix.IPPROTO_IPIP, Payload: make([]byte, 40)}
	}, false},
}

// sctpInit returns the packet that opens an association.
func sctpInit(from, to netip.Addr, port uint16) lab.Packet {
	value := []byte{0, 0, 0, 9, 0, 1, 0, 0, 0, 1, 0, 1, 0, 0, 0, 1}
	return lab.SCTPPacket(netip.AddrPortFrom(from, clientPort), netip.AddrPortFrom(to, port), 0, 1, value)
}

// event is what the kernel must tell when this probe is dropped by a rule.
func (p probe) event(f family, from, to netip.Addr, port uint16, rule datapath.RuleID, egress bool) datapath.Event {
	e := datapath.Event{Source: from, Destination: to, Protocol: p.protocol(f), Reason: datapath.ReasonRule, Rule: rule, Egress: egress}
	if p.ports {
		e.SourcePort, e.DestinationPort = clientPort, port
	}
	return e
}

func TestOpenByDefault(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		for _, p := range probes {
			b.wantPass(b.a, b.b, p.packet(f.of(b.a), f.of(b.b), 80))
			b.wantPass(b.a, b.world, p.packet(f.of(b.a), f.of(b.world), 80))
			b.wantPass(b.world, b.a, p.packet(f.of(b.world), f.of(b.a), 80))
		}
		b.b.Echo(f.of(b.b), 80)
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped without any policy: %+v", n, b.all())
		}
	})
}

func TestIngressIsolation(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		rule := b.isolateIngress(b.b)
		for _, p := range probes {
			for _, from := range []*lab.Pod{b.a, b.world} {
				b.wantDrop(p.event(f, f.of(from), f.of(b.b), 80, rule, false), from, p.packet(f.of(from), f.of(b.b), 80))
			}
			b.wantPass(b.a, b.c, p.packet(f.of(b.a), f.of(b.c), 80))
			b.wantPass(b.b, b.a, p.packet(f.of(b.b), f.of(b.a), 80))
		}
	})
}

func TestEgressIsolation(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		rule := b.isolateEgress(b.a)
		for _, p := range probes {
			for _, to := range []*lab.Pod{b.b, b.world} {
				b.wantDrop(p.event(f, f.of(b.a), f.of(to), 80, rule, true), b.a, p.packet(f.of(b.a), f.of(to), 80))
			}
			b.wantPass(b.c, b.b, p.packet(f.of(b.c), f.of(b.b), 80))
			b.wantPass(b.c, b.a, p.packet(f.of(b.c), f.of(b.a), 80))
		}
	})
}

// TestOneWayIn opens one port of one protocol to one group: nothing else gets in.
func TestOneWayIn(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		rule := b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		tcp, udp, icmp := probes[0], probes[1], probes[3]
		b.b.Echo(f.of(b.b), 80)
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Fatal(err)
		}
		from, to := f.of(b.a), f.of(b.b)
		b.wantDrop(tcp.event(f, from, to, 81, rule, false), b.a, tcp.packet(from, to, 81))
		b.wantDrop(udp.event(f, from, to, 80, rule, false), b.a, udp.packet(from, to, 80))
		b.wantDrop(icmp.event(f, from, to, 0, rule, false), b.a, icmp.packet(from, to, 0))
		b.wantDrop(tcp.event(f, f.of(b.c), to, 80, rule, false), b.c, tcp.packet(f.of(b.c), to, 80))
		if _, err := b.c.Dial(netip.Addr{}, to, 80, lab.Denied); err == nil {
			t.Error("c connected to a port that is open for a alone")
		}
	})
}

// TestOneWayOut is the same for egress.
func TestOneWayOut(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		rule := b.isolateEgress(b.a, port(groupB, datapath.TCP, 80))
		tcp, udp := probes[0], probes[1]
		b.b.Echo(f.of(b.b), 80)
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Fatal(err)
		}
		from := f.of(b.a)
		b.wantDrop(tcp.event(f, from, f.of(b.b), 81, rule, true), b.a, tcp.packet(from, f.of(b.b), 81))
		b.wantDrop(udp.event(f, from, f.of(b.b), 80, rule, true), b.a, udp.packet(from, f.of(b.b), 80))
		b.wantDrop(tcp.event(f, from, f.of(b.c), 80, rule, true), b.a, tcp.packet(from, f.of(b.c), 80))
		b.wantDrop(tcp.event(f, from, f.of(b.world), 80, rule, true), b.a, tcp.packet(from, f.of(b.world), 80))
	})
}

// TestBothEndsMustAccept isolates the client's egress and the server's ingress.
func TestBothEndsMustAccept(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		tcp, to := probes[0], f.of(b.b)
		egress := b.isolateEgress(b.a)
		ingress := b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.wantDrop(tcp.event(f, f.of(b.a), to, 80, egress, true), b.a, tcp.packet(f.of(b.a), to, 80))
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80), port(groupB, datapath.TCP, 81))
		b.b.Echo(to, 80)
		if err := b.a.Talk(to, 80, lab.Allowed); err != nil {
			t.Fatal(err)
		}
		b.wantDrop(tcp.event(f, f.of(b.a), to, 81, ingress, false), b.a, tcp.packet(f.of(b.a), to, 81))
	})
}

// TestRepliesPass isolates both pods in both directions but for one way: the replies have no rule of their own.
func TestRepliesPass(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		accept := []datapath.VerdictKey{port(groupB, datapath.TCP, 80), port(groupB, datapath.UDP, 80), port(groupB, datapath.OtherProtocols, 0)}
		b.isolateEgress(b.a, accept...)
		b.isolateIngress(b.a)
		for i := range accept {
			accept[i].Group = groupA
		}
		b.isolateIngress(b.b, accept...)
		rule := b.isolateEgress(b.b)

		b.b.Echo(f.of(b.b), 80)
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
		b.wantEcho(b.a, f.of(b.a), f.of(b.b))
		b.b.EchoUDP(f.of(b.b), 80)
		if err := lab.Exchange(b.a.UDP(f.of(b.a), 0), netip.AddrPortFrom(f.of(b.b), 80)); err != nil {
			t.Error(err)
		}
		if n := b.dropped(); n != 0 {
			t.Errorf("%d packets dropped: %+v", n, b.all())
		}
		tcp := probes[0]
		b.wantDrop(tcp.event(f, f.of(b.b), f.of(b.a), 80, rule, true), b.b, tcp.packet(f.of(b.b), f.of(b.a), 80))
	})
}

// TestFallbackOrder gives every place where the kernel looks a verdict of its own and takes the places away from the front. What is left in front says
// the opposite of all others.
func TestFallbackOrder(t *testing.T) {
	places := []func(e *entries, v datapath.Verdict){}
	for _, group := range []datapath.GroupID{groupA, datapath.AnyGroup} {
		places = append(places, func(e *entries, v datapath.Verdict) { e.verdicts[port(group, datapath.UDP, 80)] = v })
		for _, bits := range []uint8{16, 12, 1} {
			block := datapath.RangeKey{Group: group, Protocol: datapath.UDP, Port: 80 &^ (1<<(16-bits) - 1), Bits: bits}
			places = append(places, func(e *entries, v datapath.Verdict) { e.ranges[block] = v })
		}
		places = append(places, func(e *entries, v datapath.Verdict) { e.verdicts[port(group, datapath.UDP, 0)] = v })
	}
	bothFamilies(t, func(b *testbed, f family) {
		ingress, udp := waysIn[0], probes[1]
		for from := range places {
			for _, action := range []datapath.Action{datapath.Accept, datapath.Deny} {
				e := newEntries(0)
				for i := from; i < len(places); i++ {
					v := datapath.Verdict{Action: action, Rule: datapath.RuleID(100 + i)}
					if i > from {
						v.Action = 1 - action
					}
					places[i](e, v)
				}
				ingress.govern(b, e)
				b.wantVerdict(f, ingress, udp, 80, datapath.Verdict{Action: action, Rule: datapath.RuleID(100 + from)})
			}
		}
	})
}

// TestNoVerdictIsADrop references a profile without a single entry.
func TestNoVerdictIsADrop(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolate(b.b, 77, 0)
		for _, p := range probes {
			want := p.event(f, f.of(b.a), f.of(b.b), 80, 0, false)
			want.Reason = datapath.ReasonNoVerdict
			b.wantDrop(want, b.a, p.packet(f.of(b.a), f.of(b.b), 80))
		}
	})
}
