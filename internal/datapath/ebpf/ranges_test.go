package ebpf

import (
	"math/rand/v2"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// entries are what a profile says, under keys without the profile's id.
type entries struct {
	verdicts map[datapath.VerdictKey]datapath.Verdict
	ranges   map[datapath.RangeKey]datapath.Verdict
}

// newEntries denies everything of some groups by a rule.
func newEntries(rule datapath.RuleID, groups ...datapath.GroupID) *entries {
	e := &entries{verdicts: map[datapath.VerdictKey]datapath.Verdict{}, ranges: map[datapath.RangeKey]datapath.Verdict{}}
	for _, g := range groups {
		for _, protocol := range []uint8{datapath.TCP, datapath.UDP, datapath.SCTP, datapath.OtherProtocols} {
			e.verdicts[datapath.VerdictKey{Group: g, Protocol: protocol}] = datapath.Verdict{Rule: rule}
		}
	}
	return e
}

// span puts the ports from first to last into the table of ranges, in as few blocks as possible.
func (e *entries) span(group datapath.GroupID, protocol uint8, first, last int, v datapath.Verdict) {
	for at := first; at <= last; {
		bits := 16
		for size := 2; bits > 1 && at%size == 0 && at+size-1 <= last; size *= 2 {
			bits--
		}
		e.ranges[datapath.RangeKey{Group: group, Protocol: protocol, Port: uint16(at), Bits: uint8(bits)}] = v
		at += 1 << (16 - bits)
	}
}

// write puts the entries under a new profile.
func (b *testbed) write(e *entries) datapath.ProfileID {
	b.Helper()
	b.nextProfile += 7
	c := &datapath.Change{PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{}, PutRanges: map[datapath.RangeKey]datapath.Verdict{}}
	for k, v := range e.verdicts {
		k.Profile = b.nextProfile
		c.PutVerdicts[k] = v
	}
	for k, v := range e.ranges {
		k.Profile = b.nextProfile
		c.PutRanges[k] = v
	}
	b.apply(c)
	return b.nextProfile
}

// refer gives a pod its profiles and their flags in one word.
func (b *testbed) refer(p *lab.Pod, profile datapath.Profile) {
	b.Helper()
	profile.Interface = p.HostIndex
	b.isolated[p] = profile
	b.apply(&datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{b.index(p): profile}})
}

// govern gives the end of the way that can be isolated a profile of its own.
func (w wayIn) govern(b *testbed, e *entries) {
	b.Helper()
	if id := b.write(e); w.egress {
		b.refer(b.a, datapath.Profile{Egress: id, EgressRanges: true})
	} else {
		b.refer(b.b, datapath.Profile{Ingress: id, IngressRanges: true})
	}
}

// peer is the group of the end that is not isolated.
func (w wayIn) peer() datapath.GroupID {
	if w.egress {
		return groupB
	}
	return groupA
}

// wantVerdict sends a probe from a to b and makes sure that this verdict decides.
func (b *testbed) wantVerdict(f family, w wayIn, p probe, number uint16, v datapath.Verdict) {
	b.Helper()
	packet := p.packet(f.of(b.a), f.of(b.b), number)
	if v.Action == datapath.Deny {
		b.wantDrop(p.event(f, f.of(b.a), f.of(b.b), number, v.Rule, w.egress), b.a, packet)
		return
	}
	before := b.decided(v.Rule)
	b.wantPass(b.a, b.b, packet)
	if b.decided(v.Rule) == before {
		b.Errorf("%s port %d passed, but not by rule %d", p.name, number, v.Rule)
	}
}

// decided returns how many packets a rule has decided on.
func (b *testbed) decided(rule datapath.RuleID) uint64 {
	b.Helper()
	c, err := b.d.RuleCounter(rule)
	if err != nil {
		b.Fatal(err)
	}
	return c.Packets
}

// wantVerdicts sends a probe from a to b for each port, all at once, and makes sure that exactly the accepted ones arrive and that each rule has
// decided as often as it must.
func (b *testbed) wantVerdicts(f family, p probe, want map[uint16]datapath.Verdict) {
	b.Helper()
	accepted, times, before := 0, map[datapath.Verdict]uint64{}, map[datapath.Verdict]uint64{}
	var packets [][]byte
	for number, v := range want {
		packets = append(packets, p.packet(f.of(b.a), f.of(b.b), number).Bytes())
		times[v]++
		before[v] = b.decided(v.Rule)
		accepted += int(v.Action)
	}
	var wrong atomic.Int64
	arrived := b.b.Tap(func(s lab.Seen) bool {
		if s.Source != netip.AddrPortFrom(f.of(b.a), clientPort) || s.Protocol != p.protocol(f) {
			return false
		}
		if want[s.Destination.Port()].Action != datapath.Accept {
			wrong.Store(int64(s.Destination.Port()))
		}
		return true
	})
	defer arrived.Close()
	b.a.Inject(packets...)
	if !lab.Holds(5*time.Second, func() bool {
		for v, n := range times {
			// What comes back from an open port counts for the rule as well.
			if got := b.decided(v.Rule) - before[v]; got < n || got > n && v.Action == datapath.Deny {
				return false
			}
		}
		return arrived.Count() == accepted
	}) {
		b.Fatalf("%s: %d packets arrived, want %d; events %+v", p.name, arrived.Count(), accepted, b.all())
	}
	if n := wrong.Load(); n != 0 {
		b.Errorf("%s: port %d is denied and arrived", p.name, n)
	}
}

func accept(rule datapath.RuleID) datapath.Verdict {
	return datapath.Verdict{Action: datapath.Accept, Rule: rule}
}

func deny(rule datapath.RuleID) datapath.Verdict { return datapath.Verdict{Rule: rule} }

// TestRangeBoundaries accepts spans of ports, denies others inside them, and has single ports inside, beside and apart. Each boundary is tried from
// both sides, for the peer's own group and for any group. Other protocols have no part in it.
func TestRangeBoundaries(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		for _, group := range []datapath.GroupID{w.peer(), datapath.AnyGroup} {
			for i, p := range probes[:3] {
				protocol, e := p.protocol(f), newEntries(10, datapath.AnyGroup, group)
				e.span(group, protocol, 1, 99, accept(11))
				e.span(group, protocol, 1000, 2010, accept(12))
				e.span(group, protocol, 1500, 1600, deny(13))
				e.span(group, protocol, 1550, 1550, accept(14))
				e.span(group, protocol, 65000, 65535, accept(15))
				e.verdicts[port(group, protocol, 1700)] = deny(16)
				e.verdicts[port(group, protocol, 3000)] = accept(17)
				w.govern(b, e)
				b.wantVerdicts(f, p, map[uint16]datapath.Verdict{
					1: accept(11), 99: accept(11), 100: deny(10), 999: deny(10), 1000: accept(12), 1001: accept(12),
					1499: accept(12), 1500: deny(13), 1549: deny(13), 1550: accept(14), 1551: deny(13), 1600: deny(13), 1601: accept(12),
					1699: accept(12), 1700: deny(16), 1701: accept(12), 2010: accept(12), 2011: deny(10),
					2999: deny(10), 3000: accept(17), 3001: deny(10), 64999: deny(10), 65000: accept(15), 65535: accept(15),
				})
				b.wantVerdicts(f, probes[(i+1)%3], map[uint16]datapath.Verdict{1: deny(10), 1000: deny(10), 3000: deny(10), 65535: deny(10)})
				b.wantVerdict(f, w, probes[3], 0, deny(10))
			}
		}
	})
}

// TestPortZeroIsInNoRange: packets to port 0 exist, and blocks that begin there are for the ports after it.
func TestPortZeroIsInNoRange(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		for _, p := range probes[:2] {
			e := newEntries(20, datapath.AnyGroup, w.peer())
			for _, group := range []datapath.GroupID{datapath.AnyGroup, w.peer()} {
				e.span(group, p.protocol(f), 0, 7, accept(21))
			}
			w.govern(b, e)
			b.wantVerdict(f, w, p, 0, deny(20))
			b.wantVerdict(f, w, p, 1, accept(21))
		}
	})
}

// TestRangesHaveNoPartInOtherProtocols: not even entries for protocol 0 change what ICMP and IPIP get.
func TestRangesHaveNoPartInOtherProtocols(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		for _, v := range []datapath.Verdict{deny(20), accept(21)} {
			opposite := datapath.Verdict{Action: 1 - v.Action, Rule: 22}
			e := newEntries(23, datapath.AnyGroup)
			e.verdicts[port(datapath.AnyGroup, datapath.OtherProtocols, 0)] = v
			for _, group := range []datapath.GroupID{datapath.AnyGroup, w.peer()} {
				for _, protocol := range []uint8{datapath.OtherProtocols, f.icmp(), 4} {
					e.ranges[datapath.RangeKey{Group: group, Protocol: protocol, Port: 0, Bits: 1}] = opposite
					e.ranges[datapath.RangeKey{Group: group, Protocol: protocol, Port: 0, Bits: 16}] = opposite
				}
			}
			w.govern(b, e)
			b.wantVerdict(f, w, probes[3], 0, v)
			b.wantVerdict(f, w, probes[4], 0, v)
		}
	})
}

// TestRangesNeedTheFlag: without it, and with that of the other direction, the kernel does not look.
func TestRangesNeedTheFlag(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		e := newEntries(30, datapath.AnyGroup)
		e.span(datapath.AnyGroup, datapath.UDP, 1000, 1999, accept(31))
		id, udp := b.write(e), probes[1]
		for _, wrong := range []bool{false, true} {
			if w.egress {
				b.refer(b.a, datapath.Profile{Egress: id, IngressRanges: wrong})
			} else {
				b.refer(b.b, datapath.Profile{Ingress: id, EgressRanges: wrong})
			}
			b.wantVerdict(f, w, udp, 1000, deny(30))
		}
		w.govern(b, e)
		b.wantVerdict(f, w, udp, 1000, accept(31))
	})
}

// TestOwnEntriesHideRangesOfAnyGroup: what any group may do says nothing about a group with entries of its own.
func TestOwnEntriesHideRangesOfAnyGroup(t *testing.T) {
	eachWay(t, func(b *testbed, f family, w wayIn) {
		for _, p := range probes[:3] {
			e := newEntries(40, datapath.AnyGroup)
			e.span(datapath.AnyGroup, p.protocol(f), 1000, 1999, accept(41))
			w.govern(b, e)
			b.wantVerdict(f, w, p, 1000, accept(41))
			e.verdicts[port(w.peer(), p.protocol(f), 0)] = deny(42)
			w.govern(b, e)
			b.wantVerdict(f, w, p, 1000, deny(42))
			b.wantVerdict(f, w, p, 2000, deny(42))
		}
	})
}

// TestFlipsBetweenPortsAndRanges changes pod b's profile under traffic between one that names ports and one that has the same in blocks, while blocks of
// other profiles come and go around them.
func TestFlipsBetweenPortsAndRanges(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		byPort, byBlock := newEntries(50, datapath.AnyGroup, groupA, groupC), newEntries(50, datapath.AnyGroup, groupA, groupC)
		for _, k := range allowedWays {
			byPort.verdicts[k] = accept(51)
			byBlock.span(k.Group, k.Protocol, int(k.Port), int(k.Port), accept(52))
		}
		byBlock.span(groupA, datapath.UDP, 1, 80, deny(53))
		profiles := []datapath.Profile{{Ingress: b.write(byPort)}, {Ingress: b.write(byBlock), IngressRanges: true}}
		b.refer(b.b, profiles[0])
		tr := b.startTraffic(f)
		for range 40 {
			around, gone := &datapath.Change{PutRanges: map[datapath.RangeKey]datapath.Verdict{}}, &datapath.Change{}
			for n := range uint32(200) {
				k := datapath.RangeKey{
					Profile: profiles[1].Ingress + datapath.ProfileID(n%50+1), Group: groupA, Protocol: datapath.UDP, Port: uint16(n) << 6, Bits: uint8(10 + n%7),
				}
				around.PutRanges[k] = deny(55)
				gone.DeleteRanges = append(gone.DeleteRanges, k)
			}
			b.apply(around)
			for n := range 200 {
				b.refer(b.b, profiles[n%2])
			}
			b.apply(gone)
		}
		tr.check(b)
		if b.decided(51) == 0 || b.decided(52) == 0 {
			t.Error("one of the profiles has decided nothing: this test tests nothing")
		}
	})
}

// TestRangeTagsAgree lets real packets meet blocks under random keys: found, or the packet would be dropped; and a torn one is a drop.
func TestRangeTagsAgree(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	r := rand.New(rand.NewPCG(5, 6))
	arrived := b.b.Tap(func(s lab.Seen) bool { return s.Protocol == datapath.UDP })
	for i := range 30 {
		group, profile := datapath.GroupID(r.Uint32()|16), datapath.ProfileID(r.Uint32N(1<<28-1)+1)
		number, bits := uint16(r.Uint32N(1<<16-1)+1), uint8(r.Uint32N(16)+1)
		key := datapath.RangeKey{Profile: profile, Group: group, Protocol: datapath.UDP, Port: number &^ (1<<(16-bits) - 1), Bits: bits}
		b.apply(&datapath.Change{
			PutRanges:    map[datapath.RangeKey]datapath.Verdict{key: {Action: datapath.Accept, Rule: datapath.RuleID(r.Uint32())}},
			PutProfiles:  map[datapath.ProfileIndex]datapath.Profile{b.index(b.b): {Ingress: profile, IngressRanges: true, Interface: b.b.HostIndex}},
			PutEndpoints: map[netip.Addr]datapath.Endpoint{b.a.Address4: {Group: group, Index: b.index(b.a)}},
		})
		packet := lab.UDPPacket(netip.AddrPortFrom(b.a.Address4, clientPort), netip.AddrPortFrom(b.b.Address4, number), nil).Bytes()
		b.a.Inject(packet)
		lab.Eventually(t, "a packet that a random block accepts", func() bool { return arrived.Count() == i+1 })

		k := rangeKeyOf(key)
		if err := b.d.objects.Ranges.Put(k, rangeWord(k, datapath.Verdict{Action: datapath.Accept})^1<<50); err != nil {
			t.Fatal(err)
		}
		before := b.drops(datapath.ReasonNoVerdict)
		b.a.Inject(packet)
		lab.Eventually(t, "a drop by a torn block", func() bool { return b.drops(datapath.ReasonNoVerdict) == before+1 })
		b.apply(&datapath.Change{DeleteRanges: []datapath.RangeKey{key}})
		b.a.Inject(packet)
		lab.Eventually(t, "a drop without the block", func() bool { return b.drops(datapath.ReasonNoVerdict) == before+2 })
	}
	if n := arrived.Count(); n != 30 {
		t.Errorf("%d packets arrived, want 30", n)
	}
}
