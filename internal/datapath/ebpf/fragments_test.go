package ebpf

import (
	"fmt"
	"net/netip"
	"slices"
	"testing"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// between matches every packet from one address to another, whatever is inside.
func between(source, destination netip.Addr) func(lab.Seen) bool {
	return func(s lab.Seen) bool { return s.Source.Addr() == source && s.Destination.Addr() == destination }
}

// wayIn isolates one end of the way from a to b, so that b's ports that are listed are all that a reaches there.
type wayIn struct {
	name    string
	egress  bool
	isolate func(b *testbed, protocol uint8, number uint16) datapath.RuleID
}

var waysIn = []wayIn{
	{"ingress", false, func(b *testbed, protocol uint8, number uint16) datapath.RuleID {
		return b.isolateIngress(b.b, port(groupA, protocol, number))
	}},
	{"egress", true, func(b *testbed, protocol uint8, number uint16) datapath.RuleID {
		return b.isolateEgress(b.a, port(groupB, protocol, number))
	}},
}

// eachWay runs a test for both families and both ends that can be isolated.
func eachWay(t *testing.T, f func(b *testbed, f family, w wayIn)) {
	t.Helper()
	for _, w := range waysIn {
		t.Run(w.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, fam family) { f(b, fam, w) })
		})
	}
}

// wantArrival sends packets by hand and waits until at least one comes out that goes from and to the same addresses as the first.
func (b *testbed) wantArrival(from, to *lab.Pod, raw ...[]byte) {
	b.Helper()
	s := lab.Look(raw[0])
	arrived := to.Tap(between(s.Source.Addr(), s.Destination.Addr()))
	defer arrived.Close()
	from.Inject(raw...)
	if !lab.Holds(5*time.Second, func() bool { return arrived.Count() > 0 }) {
		drops, _ := b.d.Drops()
		b.Fatalf("nothing of % x arrived; drops %v, events %+v", raw[0], drops, b.all())
	}
	// Pieces that are still on their way must not be taken for what is sent next.
	lab.Holds(5*time.Millisecond, func() bool { return arrived.Count() >= len(raw) })
}

// wantNoArrival sends packets by hand until an event like want tells that they were dropped. Nothing between their addresses may arrive.
func (b *testbed) wantNoArrival(want datapath.Event, from, to *lab.Pod, raw ...[]byte) {
	b.Helper()
	s := lab.Look(raw[0])
	arrived := to.Tap(between(s.Source.Addr(), s.Destination.Addr()))
	defer arrived.Close()
	b.forget()
	for start := time.Now(); !b.told(want); {
		before := b.dropped()
		from.Inject(raw...)
		if !lab.Holds(2*time.Second, func() bool { return b.dropped() > before }) || time.Since(start) > 5*time.Second {
			b.Fatalf("no event like %+v; got %+v", want, b.all())
		}
		// The kernel tells of one drop of a kind per CPU and 10 ms.
		lab.Holds(15*time.Millisecond, func() bool { return b.told(want) })
	}
	if n := arrived.Count(); n != 0 {
		b.Errorf("%d packets arrived of what must be dropped: %+v", n, want)
	}
}

// TestFragmentedDatagram sends datagrams that need three fragments. Only the first carries the ports.
func TestFragmentedDatagram(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		w.isolate(b, datapath.UDP, 80)
		to := f.of(b.b)
		b.b.EchoUDP(to, 80)
		b.b.EchoUDP(to, 81)
		client, message := b.a.UDP(f.of(b.a), 0), make([]byte, 4000)
		arrived := b.b.Tap(between(f.of(b.a), to))
		accepted := func() {
			b.Helper()
			before := arrived.Count()
			if err := lab.ExchangeBytes(client, netip.AddrPortFrom(to, 80), message); err != nil {
				b.Fatal(err)
			}
			lab.Eventually(b, "all fragments in the tap", func() bool { return arrived.Count() >= before+3 })
		}
		accepted()
		if n := b.dropped(); n != 0 {
			b.Errorf("%d packets of an accepted port dropped: %+v", n, b.all())
		}
		before := arrived.Count()
		for range 10 {
			drops := b.drops(datapath.ReasonRule)
			if _, err := client.WriteToUDPAddrPort(message, netip.AddrPortFrom(to, 81)); err != nil {
				b.Fatal(err)
			}
			lab.Eventually(b, "the datagram to be dropped", func() bool { return b.drops(datapath.ReasonRule) > drops })
		}
		if n := arrived.Count() - before; n != 0 {
			b.Errorf("%d fragments arrived of datagrams that are denied", n)
		}
		accepted()
	})
}

// TestFragmentsByHand cuts transport headers to pieces of eight octets and sends these forwards and backwards.
func TestFragmentsByHand(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		from, to, id := f.of(b.a), f.of(b.b), uint16(100)
		for _, p := range probes[:3] {
			rule := w.isolate(b, p.protocol(f), 80)
			for _, size := range []int{8, 16} {
				for _, backwards := range []bool{false, true} {
					id++
					pieces := func(number uint16) [][]byte {
						list := p.packet(from, to, number).Fragments(id, size)
						if backwards {
							slices.Reverse(list)
						}
						return list
					}
					if f.is6() && p.protocol(f) == datapath.TCP {
						// The first fragment must hold the whole header (RFC 8200, 4.5); Linux does not reassemble such and forwards it as it is.
						want := p.event(f, from, to, 80, 0, false)
						want.Reason = datapath.ReasonNoConntrack
						b.wantNoArrival(want, b.a, b.b, pieces(80)...)
						continue
					}
					b.wantArrival(b.a, b.b, pieces(80)...)
					b.wantNoArrival(p.event(f, from, to, 81, rule, w.egress), b.a, b.b, pieces(81)...)
				}
			}
		}
	})
}

// Extension headers that mean nothing to whom they pass.
var (
	hopByHop           = lab.Padding(unix.IPPROTO_HOPOPTS)
	destinationOptions = lab.Padding(unix.IPPROTO_DSTOPTS)
	longOptions        = lab.Extension{Type: unix.IPPROTO_DSTOPTS, Body: append([]byte{2, 1, 20}, make([]byte, 20)...)}
	// An authentication header counts its length in words of four octets.
	authentication = lab.Extension{Type: unix.IPPROTO_AH, Body: append([]byte{4, 0, 0, 0, 0, 1, 0, 0, 0, 0, 1}, make([]byte, 12)...)}
	atomicFragment = lab.Extension{Type: unix.IPPROTO_FRAGMENT, Body: []byte{0, 0, 0, 0, 0, 0, 9}}
	// No segments are left: the destination is the last.
	routing = lab.Extension{Type: unix.IPPROTO_ROUTING, Body: append([]byte{2, 0, 0, 0, 0, 0, 0}, make([]byte, 16)...)}
)

var extensionHeaders = []struct {
	name string
	list []lab.Extension
}{
	{"hop-by-hop", []lab.Extension{hopByHop}},
	{"destination options", []lab.Extension{destinationOptions}},
	{"long destination options", []lab.Extension{longOptions}},
	{"both", []lab.Extension{hopByHop, destinationOptions}},
	{"routing", []lab.Extension{routing}},
	{"atomic fragment", []lab.Extension{atomicFragment}},
	{"authentication", []lab.Extension{authentication}},
	{"one of each", []lab.Extension{hopByHop, destinationOptions, routing, atomicFragment, authentication, longOptions}},
	{"eight", slices.Repeat([]lab.Extension{destinationOptions}, 8)},
}

// TestExtensionHeaders: what is behind IPv6 extension headers is judged by its own protocol and port.
func TestExtensionHeaders(t *testing.T) {
	t.Parallel()
	for _, e := range extensionHeaders {
		t.Run(e.name, func(t *testing.T) {
			t.Parallel()
			b, f := newTestbed(t), families[1]
			from, to := f.of(b.a), f.of(b.b)
			for _, w := range waysIn {
				for _, p := range probes[:4] {
					raw := func(number uint16) []byte {
						packet := p.packet(from, to, number)
						packet.Extensions = e.list
						return packet.Bytes()
					}
					b.isolate(b.a, 0, 0)
					b.isolate(b.b, 0, 0)
					b.wantArrival(b.a, b.b, raw(81))
					protocol, number := p.protocol(f), uint16(80)
					if !p.ports {
						protocol, number = datapath.OtherProtocols, 0
					}
					w.isolate(b, protocol, number)
					b.wantArrival(b.a, b.b, raw(80))
					rule := w.isolate(b, 255, 80)
					b.wantNoArrival(p.event(f, from, to, 81, rule, w.egress), b.a, b.b, raw(81))
				}
			}
		})
	}
}

// TestLongestIPv4Header fills the header with options; the ports lie behind 60 octets.
func TestLongestIPv4Header(t *testing.T) {
	t.Parallel()
	b, f, p := newTestbed(t), families[0], probes[1]
	rule := b.isolateIngress(b.b, port(groupA, datapath.UDP, 80))
	raw := func(number uint16) []byte {
		packet := p.packet(f.of(b.a), f.of(b.b), number)
		packet.Options = slices.Repeat([]byte{1}, 40)
		return packet.Bytes()
	}
	b.wantArrival(b.a, b.b, raw(80))
	b.wantNoArrival(p.event(f, f.of(b.a), f.of(b.b), 81, rule, false), b.a, b.b, raw(81))
}

// oddity is a packet that no policy can judge.
type oddity struct {
	name string
	raw  func(from, to netip.Addr) []byte
	// open: a pod that is not isolated gets it. Others the kernel's own forwarding may or may not drop.
	open bool
	only family // zero: both
}

// short is a packet with the first octets of a transport header.
func short(protocol func(family) uint8, name string, octets int) oddity {
	return oddity{name: fmt.Sprintf("%s of %d octets", name, octets), open: true, raw: func(from, to netip.Addr) []byte {
		fam := families[0]
		if from.Is6() {
			fam = families[1]
		}
		payload := []byte{0x9c, 0x40, 0, 80, 0, 0, 0, 0, 0, 0, 0, 0, 5 << 4, lab.SYN, 0xff, 0xff, 0, 0, 0, 0}[:octets]
		return lab.Packet{Source: from, Destination: to, Protocol: protocol(fam), Payload: payload}.Bytes()
	}}
}

// header is an IPv6 packet that ends within an extension header of this kind.
func header(name string, kind uint8, octets ...byte) oddity {
	return oddity{name: name, open: kind != unix.IPPROTO_HOPOPTS && kind != unix.IPPROTO_FRAGMENT, only: families[1], raw: func(from, to netip.Addr) []byte {
		return lab.Packet{Source: from, Destination: to, Protocol: kind, Payload: octets}.Bytes()
	}}
}

func oddities() []oddity {
	udp := func(from, to netip.Addr) lab.Packet { return probes[1].packet(from, to, 80) }
	list := []oddity{
		{name: "nine headers", open: true, only: families[1], raw: func(from, to netip.Addr) []byte {
			packet := udp(from, to)
			packet.Extensions = slices.Repeat([]lab.Extension{destinationOptions}, 9)
			return packet.Bytes()
		}},
		{name: "UDP length beyond the end", open: true, raw: func(from, to netip.Addr) []byte {
			packet := udp(from, to)
			packet.Payload[5] = 200
			return packet.Bytes()
		}},
		{name: "first fragment alone", raw: func(from, to netip.Addr) []byte { return udp(from, to).Fragments(7, 8)[0] }},
		{name: "second fragment alone", raw: func(from, to netip.Addr) []byte { return udp(from, to).Fragments(8, 8)[1] }},
		header("hop-by-hop of 4 octets", unix.IPPROTO_HOPOPTS, 17, 0, 1, 4),
		header("destination options of 2 octets", unix.IPPROTO_DSTOPTS, 17, 0),
		header("destination options of 4 octets", unix.IPPROTO_DSTOPTS, 17, 0, 1, 4),
		header("destination options beyond the end", unix.IPPROTO_DSTOPTS, 17, 30, 1, 4, 0, 0, 0, 0),
		header("authentication of 4 octets", unix.IPPROTO_AH, 17, 4, 0, 0),
		header("routing of 4 octets", unix.IPPROTO_ROUTING, 17, 2, 2, 0),
		header("fragment of 4 octets", unix.IPPROTO_FRAGMENT, 17, 0, 0, 0),
	}
	for _, octets := range []int{0, 1, 3, 4, 7} {
		list = append(list, short(probes[1].protocol, "UDP", octets), short(probes[0].protocol, "TCP", octets))
	}
	for _, octets := range []int{12, 19} {
		list = append(list, short(probes[0].protocol, "TCP", octets))
	}
	for _, octets := range []int{0, 3, 11} {
		list = append(list, short(probes[2].protocol, "SCTP", octets))
	}
	for _, octets := range []int{0, 1, 3} {
		list = append(list, short(family.icmp, "ICMP", octets))
	}
	return list
}

// everythingFrom accepts whatever can be named.
func everythingFrom(g datapath.GroupID) []datapath.VerdictKey {
	return []datapath.VerdictKey{
		port(g, datapath.TCP, 0), port(g, datapath.UDP, 0), port(g, datapath.SCTP, 0), port(g, datapath.OtherProtocols, 0),
	}
}

// TestOddPacketsReachNoIsolatedPod isolates one end with a profile that accepts everything from the other: what cannot be read is dropped all the
// same.
func TestOddPacketsReachNoIsolatedPod(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		from, to := f.of(b.a), f.of(b.b)
		wellFormed := lab.UDPPacket(netip.AddrPortFrom(from, clientPort+1), netip.AddrPortFrom(to, 80), []byte("hedgerow")).Bytes()
		isWellFormed, isBetween := like(wellFormed), between(from, to)
		// send returns how many odd packets arrived before the well-formed one that follows, or soon after it.
		send := func(odd []byte, soon time.Duration) int {
			b.Helper()
			strange := b.b.Tap(func(s lab.Seen) bool { return isBetween(s) && !isWellFormed(s) })
			defer strange.Close()
			arrived := b.b.Tap(isWellFormed)
			defer arrived.Close()
			b.a.Inject(odd, wellFormed)
			lab.Eventually(b, "the well-formed packet", func() bool { return arrived.Count() > 0 })
			lab.Holds(soon, func() bool { return strange.Count() > 0 })
			return strange.Count()
		}
		for _, o := range oddities() {
			if o.only.name != "" && o.only.name != f.name {
				continue
			}
			b.isolate(b.a, 0, 0)
			b.isolate(b.b, 0, 0)
			soon := 10 * time.Millisecond
			if o.open {
				soon = 5 * time.Second
			}
			if n := send(o.raw(from, to), soon); o.open && n == 0 {
				b.Errorf("%s: did not reach a pod that is not isolated", o.name)
			}
			isolated := map[string]func(){
				"ingress": func() { b.isolateIngress(b.b, everythingFrom(groupA)...) },
				"egress":  func() { b.isolateEgress(b.a, everythingFrom(groupB)...) },
			}
			for name, isolate := range isolated {
				b.isolate(b.a, 0, 0)
				b.isolate(b.b, 0, 0)
				isolate()
				drops := b.dropped()
				if n := send(o.raw(from, to), 5*time.Millisecond); n != 0 {
					b.Errorf("%s: %d packets passed a pod isolated for %s", o.name, n, name)
				}
				if o.open && !lab.Holds(2*time.Second, func() bool { return b.dropped() > drops }) {
					b.Errorf("%s: not counted as dropped for %s", o.name, name)
				}
			}
		}
	})
}
