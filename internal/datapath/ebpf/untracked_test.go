package ebpf

import (
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// everyWay accepts whatever has a flow: what is dropped in spite of it is dropped for want of one.
var everyWay = []datapath.VerdictKey{
	port(datapath.AnyGroup, datapath.TCP, 0), port(datapath.AnyGroup, datapath.UDP, 0), port(datapath.AnyGroup, datapath.OtherProtocols, 0),
}

// eachIsolation isolates one of a and b at a time, in one direction, with a profile that accepts everything.
func (b *testbed) eachIsolation(do func()) {
	b.Helper()
	for _, p := range []*lab.Pod{b.a, b.b} {
		for _, isolate := range []func(*lab.Pod, ...datapath.VerdictKey) datapath.RuleID{b.isolateIngress, b.isolateEgress} {
			isolate(p, everyWay...)
			do()
			b.isolate(p, 0, 0)
		}
	}
}

// eachWay takes the way from a to b and the way back.
func (b *testbed) eachWay(do func(from, to *lab.Pod)) {
	b.Helper()
	do(b.a, b.b)
	do(b.b, b.a)
}

// untrack ends connection tracking, and returns when the kernel has ended it.
func (b *testbed) untrack(f family) {
	b.Helper()
	b.keeper()
	number := uint16(1)
	lab.Eventually(b, "tracking to end", func() bool {
		number++
		client := netip.AddrPortFrom(f.of(b.c), number)
		b.wantPass(b.c, b.world, lab.UDPPacket(client, netip.AddrPortFrom(f.of(b.world), 9), []byte("x")))
		return !b.tracked(f, client)
	})
}

// tracked reports whether the node knows a connection that this client opened.
func (b *testbed) tracked(f family, client netip.AddrPort) bool {
	b.Helper()
	flows, err := b.node.Handle.ConntrackTableList(netlink.ConntrackTable, f.inet())
	if err != nil {
		b.Fatal(err)
	}
	for _, flow := range flows {
		if a, _ := netip.AddrFromSlice(flow.Forward.SrcIP); a.Unmap() == client.Addr() && flow.Forward.SrcPort == client.Port() {
			return true
		}
	}
	return false
}

// untrackedDrop is what the kernel must tell of a packet without connection tracking state.
func untrackedDrop(raw []byte) datapath.Event {
	s := lab.Look(raw)
	return datapath.Event{
		Source: s.Source.Addr(), Destination: s.Destination.Addr(), SourcePort: s.Source.Port(), DestinationPort: s.Destination.Port(),
		Protocol: s.Protocol, Reason: datapath.ReasonNoConntrack,
	}
}

// wantRaw sends a packet until it arrives or, when drop is set, until an event tells that it was dropped for want of a flow.
func (b *testbed) wantRaw(drop bool, from, to *lab.Pod, raw []byte) {
	b.Helper()
	b.forget()
	arrived := to.Tap(like(raw))
	defer arrived.Close()
	before := b.dropped()
	settled := func() bool { return arrived.Count() > 0 }
	if drop {
		settled = func() bool { return b.told(untrackedDrop(raw)) }
	}
	done := lab.Holds(5*time.Second, func() bool {
		from.Inject(raw)
		return lab.Holds(15*time.Millisecond, settled)
	})
	if !done || drop == (arrived.Count() > 0) || drop == (b.dropped() == before) {
		b.Errorf("%s to %s, to be dropped: %v; %d packets arrived, %d were dropped, events %+v",
			from.Name, to.Name, drop, arrived.Count(), b.dropped()-before, b.all())
	}
}

// TestUntrackedWithoutKeeper: when nobody tracks connections, an isolated pod exchanges nothing in either direction, whichever one it is isolated
// in; who is not isolated notices nothing.
func TestUntrackedWithoutKeeper(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		all := append(probes[:2:2], probes[3])
		each := func(drop bool) {
			b.eachIsolation(func() {
				b.eachWay(func(from, to *lab.Pod) {
					for _, p := range all {
						b.wantRaw(drop, from, to, p.packet(f.of(from), f.of(to), 80).Bytes())
					}
				})
			})
		}
		each(false)
		b.untrack(f)
		each(true)
		for _, p := range all {
			b.wantPass(b.a, b.b, p.packet(f.of(b.a), f.of(b.b), 80))
		}
		b.isolateIngress(b.a)
		b.world.Echo(f.of(b.world), 80)
		if err := b.c.Talk(f.of(b.world), 80, lab.Allowed); err != nil {
			b.Errorf("pods that are not isolated: %v", err)
		}
		b.startKeeper()
		b.isolate(b.a, 0, 0)
		each(false)
	})
}

// TestUntrackedNode: the node's own traffic with an isolated pod needs its state like any other.
func TestUntrackedNode(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.a, everyWay...)
		b.a.EchoUDP(f.of(b.a), 80)
		b.b.EchoUDP(f.of(b.b), 80)
		socket := b.node.UDP(f.node(b.node), 0)
		to := netip.AddrPortFrom(f.of(b.a), 80)
		if err := lab.Exchange(socket, to); err != nil {
			b.Error(err)
		}
		b.untrack(f)
		before := b.drops(datapath.ReasonNoConntrack)
		// A packet that is dropped at output is an error for its sender.
		if _, err := socket.WriteToUDPAddrPort([]byte("x"), to); !errors.Is(err, unix.EPERM) {
			b.Errorf("send to an isolated pod without tracking: got %v, want %v", err, unix.EPERM)
		}
		if n := b.drops(datapath.ReasonNoConntrack) - before; n != 1 {
			b.Errorf("%d packets dropped for want of a flow, want 1", n)
		}
		udp := probes[1].packet(f.of(b.a), f.node(b.node), 80)
		b.wantDrop(untrackedDrop(udp.Bytes()), b.a, udp)
		if err := lab.Exchange(socket, netip.AddrPortFrom(f.of(b.b), 80)); err != nil {
			b.Errorf("the node and a pod that is not isolated: %v", err)
		}
	})
}

// invalid returns packets that connection tracking wants nothing to do with.
func invalid(from, to netip.Addr) [][]byte {
	client, server := netip.AddrPortFrom(from, clientPort+1), netip.AddrPortFrom(to, 80)
	var list [][]byte
	// Segments that open nothing and belong to nothing.
	for _, flags := range []uint8{lab.SYN | lab.ACK, lab.RST, lab.RST | lab.ACK, lab.FIN | lab.ACK} {
		list = append(list, lab.TCPPacket(client, server, flags, 1, 1, nil).Bytes())
	}
	// Checksums that do not fit.
	for _, p := range []lab.Packet{lab.TCPPacket(client, server, lab.SYN, 1, 0, []byte("hedgerow")), lab.UDPPacket(client, server, []byte("hedgerow"))} {
		raw := p.Bytes()
		raw[len(raw)-1] ^= 1
		list = append(list, raw)
	}
	return list
}

// TestUntrackedInvalid sends what connection tracking calls invalid.
func TestUntrackedInvalid(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.eachIsolation(func() {
			b.eachWay(func(from, to *lab.Pod) {
				for _, raw := range invalid(f.of(from), f.of(to)) {
					b.wantRaw(true, from, to, raw)
				}
			})
			b.wantRaw(false, b.a, b.b, probes[0].packet(f.of(b.a), f.of(b.b), 80).Bytes())
		})
		b.eachWay(func(from, to *lab.Pod) {
			for _, raw := range invalid(f.of(from), f.of(to)) {
				b.wantRaw(false, from, to, raw)
			}
		})
	})
}

// TestUntrackedByRule: somebody's firewall exempts a port from tracking. The exemption is none from the policies.
func TestUntrackedByRule(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.NoTrack(f.of(b.a), 81)
		udp := probes[1]
		b.eachIsolation(func() {
			b.eachWay(func(from, to *lab.Pod) {
				b.wantRaw(true, from, to, udp.packet(f.of(from), f.of(to), 81).Bytes())
				b.wantRaw(false, from, to, udp.packet(f.of(from), f.of(to), 80).Bytes())
			})
		})
		b.eachWay(func(from, to *lab.Pod) { b.wantRaw(false, from, to, udp.packet(f.of(from), f.of(to), 81).Bytes()) })
	})
}

// tapTCP taps what arrives at a and b.
func (b *testbed) tapTCP() map[*lab.Pod]*lab.Tap {
	b.Helper()
	tcp := func(s lab.Seen) bool { return s.Protocol == datapath.TCP }
	return map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(tcp), b.b: b.b.Tap(tcp)}
}

// idle waits until nothing has arrived at the taps for a second.
func (b *testbed) idle(taps map[*lab.Pod]*lab.Tap) {
	b.Helper()
	start := time.Now()
	lab.Eventually(b, "a second without packets", func() bool {
		last := start
		for _, t := range taps {
			if t.Last().After(last) {
				last = t.Last()
			}
		}
		return time.Since(last) > time.Second
	})
}

// TestUntrackedGap: tracking is off for a second. Nothing gets through meanwhile; what an allowed connection sends then arrives afterwards.
func TestUntrackedGap(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.b.Echo(f.of(b.b), 80)
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80))
		b.isolateIngress(b.a)
		b.isolateEgress(b.b)
		rule := b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		tcp := probes[0]
		denied := tcp.packet(f.of(b.c), f.of(b.b), 80)
		b.wantDrop(tcp.event(f, f.of(b.c), f.of(b.b), 80, rule, false), b.c, denied)
		c, err := b.a.Dial(netip.Addr{}, f.of(b.b), 80, lab.Allowed)
		if err != nil {
			b.Fatal(err)
		}
		defer c.Close()
		if err := lab.Roundtrip(c, lab.Allowed); err != nil {
			b.Fatal(err)
		}

		b.untrack(f)
		taps := b.tapTCP()
		before := b.drops(datapath.ReasonNoConntrack)
		answered := make(chan error, 1)
		go func() { answered <- lab.Roundtrip(c, 2*lab.Allowed) }()
		b.idle(taps)
		lab.Eventually(b, "the client to send again", func() bool { return b.drops(datapath.ReasonNoConntrack) > before+1 })
		if n := taps[b.a].Count() + taps[b.b].Count(); n > 0 {
			b.Errorf("%d packets arrived without connection tracking", n)
		}
		b.wantDrop(untrackedDrop(denied.Bytes()), b.c, denied)

		b.startKeeper()
		if err := <-answered; err != nil {
			b.Errorf("a message sent in the gap: %v; events %+v", err, b.all())
		}
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			b.Errorf("a new connection: %v", err)
		}
		b.wantDrop(tcp.event(f, f.of(b.c), f.of(b.b), 80, rule, false), b.c, denied)
	})
}

// TestUntrackedGapUnderLoad lets the gap fall into the middle of a stream. Conntrack must be liberal about TCP's windows here: as it relearns them from
// the first packet it sees, an acknowledgement that got lost in the gap makes it call all later ones invalid, and then the stream stalls for good.
func TestUntrackedGapUnderLoad(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.node.Sysctl("netfilter.nf_conntrack_tcp_be_liberal", "1")
		b.b.Echo(f.of(b.b), 80)
		b.isolateIngress(b.a)
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		echoed := b.stream(b.a, f.of(b.b), 80)
		b.progress(echoed, "the stream to run")
		b.untrack(f)
		taps := b.tapTCP()
		b.idle(taps)
		if n := taps[b.a].Count() + taps[b.b].Count(); n > 0 {
			b.Errorf("%d packets arrived without connection tracking", n)
		}
		b.startKeeper()
		b.progress(echoed, "the stream to go on")
	})
}

// TestUntrackedGapRevivesNothing tightens while tracking is off: the stream must not go on when it is back.
func TestUntrackedGapRevivesNothing(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.b.Echo(f.of(b.b), 80)
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.progress(b.stream(b.a, f.of(b.b), 80), "the stream to run")
		b.untrack(f)
		b.isolateIngress(b.b, port(groupC, datapath.TCP, 80))
		b.cut("tracked again", b.startKeeper, b.tapTCP())
		lab.Eventually(b, "the stream to be denied by policy", func() bool { return b.drops(datapath.ReasonRule) > 0 })
		if err := b.c.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			b.Errorf("who is allowed now: %v", err)
		}
	})
}
