package ebpf

import (
	"errors"
	"net"
	"net/netip"
	"sync/atomic"
	"testing"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// inFlight bounds how many packets may arrive at a pod after a flip: those that the program had let pass before fill the receive
// queue of one veth pair at most (net.core.netdev_max_backlog), on each CPU.
const inFlight = 2000

// received returns how many packets the kernel delivered to the pod's eth0.
func received(t testing.TB, p *lab.Pod) uint64 {
	t.Helper()
	l, err := p.Handle.LinkByName("eth0")
	if err != nil {
		t.Fatal(err)
	}
	return l.Attrs().Statistics.RxPackets
}

// cut does what must stop all traffic to the taps, and makes sure that it did: at most what was in flight arrives, soon, and then nothing,
// though somebody goes on sending.
func (b *testbed) cut(what string, do func(), taps map[*lab.Pod]*lab.Tap) {
	b.Helper()
	do()
	before := map[*lab.Pod]uint64{}
	for p := range taps {
		before[p] = received(b, p)
	}
	lab.Holds(200*time.Millisecond, func() bool { return false })
	late := map[*lab.Pod]int{}
	for p, t := range taps {
		late[p] = t.Count()
	}
	drops := b.dropped()
	lab.Eventually(b, what+": the sender to go on", func() bool { return b.dropped() > drops })
	for p, t := range taps {
		if n := t.Count() - late[p]; n > 0 {
			b.Errorf("%s: %d packets arrived at %s though it was cut", what, n, p.Name)
		}
		if n := received(b, p) - before[p]; n > inFlight {
			b.Errorf("%s: %d packets arrived at %s after the flip; more than were in flight", what, n, p.Name)
		}
	}
}

// stream is a TCP connection from one pod to an echo server on another, both ways full all the time.
func (b *testbed) stream(from *lab.Pod, to netip.Addr, number uint16) *atomic.Int64 {
	b.Helper()
	c, err := from.Dial(netip.Addr{}, to, number, lab.Allowed)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	var echoed atomic.Int64
	go func() {
		buf := make([]byte, 16<<10)
		for {
			if _, err := c.Write(buf[:4096]); err != nil {
				return
			}
		}
	}()
	go func() {
		buf := make([]byte, 16<<10)
		for {
			k, err := c.Read(buf)
			if err != nil {
				return
			}
			echoed.Add(int64(k))
		}
	}()
	return &echoed
}

func (b *testbed) progress(n *atomic.Int64, what string) {
	b.Helper()
	before := n.Load()
	lab.Eventually(b, what, func() bool { return n.Load() > before+1<<16 })
}

// tightenings are the ways to forbid what was allowed from a to b's TCP port 80 and UDP port 80,.
var tightenings = []struct {
	name    string
	allow   func(b *testbed)
	tighten func(b *testbed)
}{
	{"ingress of the server", func(b *testbed) {
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80), port(groupA, datapath.UDP, 80))
	}, func(b *testbed) { b.isolateIngress(b.b) }},
	{"egress of the client", func(b *testbed) {
		b.isolateEgress(b.a, port(groupB, datapath.TCP, 80), port(groupB, datapath.UDP, 80))
	}, func(b *testbed) { b.isolateEgress(b.a) }},
	{"from open to isolated", func(*testbed) {}, func(b *testbed) { b.isolateIngress(b.b) }},
	{"group of the client", func(b *testbed) {
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80), port(groupA, datapath.UDP, 80))
	}, func(b *testbed) {
		c := &datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{}}
		for _, a := range []netip.Addr{b.a.Address4, b.a.Address6} {
			c.PutEndpoints[a] = datapath.Endpoint{Group: groupC, Index: b.index(b.a)}
		}
		b.apply(c)
	}},
}

// TestTighteningCutsTCP lets a stream run in both directions, forbids it, and makes sure that it is cut in both directions, also after the
// kernel has forgotten the connection and sees it anew in the middle.
func TestTighteningCutsTCP(t *testing.T) {
	for _, how := range tightenings {
		t.Run(how.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				how.allow(b)
				b.b.Echo(f.of(b.b), 80)
				echoed := b.stream(b.a, f.of(b.b), 80)
				b.progress(echoed, "the stream to run")
				tcp := func(s lab.Seen) bool { return s.Protocol == datapath.TCP }
				taps := map[*lab.Pod]*lab.Tap{b.a: b.a.Tap(tcp), b.b: b.b.Tap(tcp)}

				b.cut("tightened", func() { how.tighten(b) }, taps)
				for range 2 {
					b.cut("forgotten", func() { b.deleteFlows(f) }, taps)
				}
			})
		})
	}
}

// TestPickedUpStreamResumes is the allowed counterpart: a connection that is forgotten by the kernel and allowed in both orientations goes on.
func TestPickedUpStreamResumes(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.b.Echo(f.of(b.b), 80)
		echoed := b.stream(b.a, f.of(b.b), 80)
		b.progress(echoed, "the stream to run")
		if b.deleteFlows(f) == 0 {
			t.Fatal("no tracked connection to delete")
		}
		b.progress(echoed, "the stream to go on after the kernel forgot it")
	})
}

// TestPickedUpReverseDenied: a picked-up connection must be allowed both ways, because nobody knows who opened it.
func TestPickedUpReverseDenied(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, port(groupA, datapath.TCP, 80))
		b.isolateIngress(b.a)
		b.b.Echo(f.of(b.b), 80)
		echoed := b.stream(b.a, f.of(b.b), 80)
		b.progress(echoed, "the stream to run")
		b.deleteFlows(f)
		lab.Eventually(t, "a drop because the connection was picked up", func() bool { return b.drops(datapath.ReasonPickedUp) > 0 })
		// A new connection is judged as usual.
		if err := b.a.Talk(f.of(b.b), 80, lab.Allowed); err != nil {
			t.Error(err)
		}
	})
}

// TestTighteningCutsServerPush lets a UDP server go on sending to a client that asked once, and forbids the client's way to the server. When the
// kernel has forgotten the flow, the push is a flow of its own from the server to the client: what allows or forbids that decides.
func TestTighteningCutsServerPush(t *testing.T) {
	for _, how := range tightenings {
		t.Run(how.name, func(t *testing.T) {
			bothFamilies(t, func(b *testbed, f family) {
				how.allow(b)
				b.isolateIngress(b.a)
				server, client := b.b.UDP(f.of(b.b), 80), b.a.UDP(f.of(b.a), clientPort)
				to := netip.AddrPortFrom(f.of(b.a), clientPort)
				pushed := b.a.Tap(func(s lab.Seen) bool { return s.Protocol == datapath.UDP && s.Destination == to })
				if _, err := client.WriteToUDPAddrPort([]byte("subscribe"), netip.AddrPortFrom(f.of(b.b), 80)); err != nil {
					t.Fatal(err)
				}
				if _, _, err := server.ReadFromUDPAddrPort(make([]byte, 100)); err != nil {
					t.Fatal(err)
				}
				b.flood(server, to)
				lab.Eventually(t, "the push to run", func() bool { return pushed.Count() > 1000 })

				taps := map[*lab.Pod]*lab.Tap{b.a: pushed}
				b.cut("tightened", func() { how.tighten(b) }, taps)
				for range 2 {
					b.cut("forgotten", func() { b.deleteFlows(f) }, taps)
				}
			})
		})
	}
}

// flood sends datagrams as fast as it can until the test ends.
func (b *testbed) flood(c *net.UDPConn, to netip.AddrPort) *atomic.Int64 {
	var sent atomic.Int64
	done := make(chan struct{})
	go func() {
		defer close(done)
		for !errors.Is(writeOne(c, to, &sent), net.ErrClosed) {
		}
	}()
	b.Cleanup(func() {
		c.Close()
		<-done
	})
	return &sent
}

func writeOne(c *net.UDPConn, to netip.AddrPort, sent *atomic.Int64) error {
	_, err := c.WriteToUDPAddrPort([]byte("hedgerow"), to)
	if err == nil {
		sent.Add(1)
	}
	return err
}
