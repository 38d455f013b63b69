package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// TestPodStartHasNoWindow floods the addresses that the next pods will get, from before they exist until after they run, and then reads how
// many packets each pod ever received: the pod's network namespace counts from its first moment.
func TestPodStartHasNoWindow(t *testing.T) {
	outside, open := makeNamespace(t, shared, nil), makeNamespace(t, shared, nil)
	isolated := makeNamespace(t, shared, map[string]string{"net.alpha.kubernetes.io/network-isolation": "on"})
	attacker := runPod(t, shared, "node1", outside, "attacker")

	f := startFlood(t, attacker)
	// Addresses are handed out one after the other; the flood covers the next ones.
	victim, control := runFlooded(t, isolated, "victim"), runFlooded(t, open, "control")
	f.awaitMore(t)
	f.stop()

	for _, address := range append(victim.addresses, control.addresses...) {
		if !f.covers(address) {
			t.Fatalf("the flood did not cover %s: the test shows nothing", address)
		}
	}
	if n := f.received(t, control); n == 0 {
		t.Error("the pod of the open namespace received nothing of the flood: the test shows nothing")
	}
	if n := f.received(t, victim); n != 0 {
		t.Errorf("the pod of the isolated namespace received %d packets of the flood", n)
	}
}

// runFlooded runs a pod that nobody but the flood talks to: a node that asks for a server which does not listen yet gets a reset too.
func runFlooded(t *testing.T, namespace, name string) livePod {
	t.Helper()
	return shared.live(t, runUntouched(t, shared, "node1", namespace, name))
}

// flood sends SYNs and datagrams to the addresses after the attacker's.
type flood struct {
	targets  []netip.Addr
	sent     atomic.Int64
	stopping chan struct{}
	done     sync.WaitGroup
	failed   atomic.Pointer[error]
}

// floodPort is a UDP port that nothing listens on: what arrives there is counted as such, and the awaited answers of the node are not.
const floodPort = 40000

func startFlood(t *testing.T, from livePod) *flood {
	t.Helper()
	f := &flood{stopping: make(chan struct{})}
	for _, a := range from.addresses {
		for range 12 {
			a = a.Next()
			f.targets = append(f.targets, a)
		}
	}
	f.done.Go(func() {
		if err := inNetns(from.netns, f.run); err != nil {
			f.failed.Store(&err)
		}
	})
	t.Cleanup(f.stop)
	f.awaitMore(t)
	return f
}

func (f *flood) stop() {
	select {
	case <-f.stopping:
	default:
		close(f.stopping)
	}
	f.done.Wait()
}

// awaitMore returns when two more rounds have been sent.
func (f *flood) awaitMore(t *testing.T) {
	t.Helper()
	goal := f.sent.Load() + 2*2*int64(len(f.targets))
	eventually(t, "the flood runs", func(context.Context) error {
		if err := f.failed.Load(); err != nil {
			return *err
		}
		if n := f.sent.Load(); n < goal {
			return fmt.Errorf("%d of %d packets sent", n, goal)
		}
		return nil
	})
}

func (f *flood) covers(a netip.Addr) bool {
	for _, target := range f.targets {
		if target == a {
			return true
		}
	}
	return false
}

// run sends in the namespace of the calling thread, about 5,000 packets a second, at most for a minute.
func (f *flood) run() error {
	udp := map[bool]*net.UDPConn{}
	for _, network := range []string{"udp4", "udp6"} {
		c, err := net.ListenUDP(network, nil)
		if err != nil {
			return err
		}
		defer c.Close()
		udp[network == "udp4"] = c
	}
	for end := time.Now().Add(waitTime); time.Now().Before(end); {
		for _, a := range f.targets {
			select {
			case <-f.stopping:
				return nil
			default:
			}
			// An address without a pod answers nothing or "unreachable"; neither matters to a flood.
			_, _ = udp[a.Is4()].WriteToUDPAddrPort([]byte("flood"), netip.AddrPortFrom(a, floodPort))
			if err := syn(a); err != nil {
				return err
			}
			f.sent.Add(2)
			time.Sleep(200 * time.Microsecond)
		}
	}
	return nil
}

// syn begins a TCP connection to a port that nothing listens on and gives it up.
func syn(to netip.Addr) error {
	family, address := unix.AF_INET6, unix.Sockaddr(&unix.SockaddrInet6{Port: floodPort, Addr: to.As16()})
	if to.Is4() {
		family, address = unix.AF_INET, &unix.SockaddrInet4{Port: floodPort, Addr: to.As4()}
	}
	s, err := unix.Socket(family, unix.SOCK_STREAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, 0)
	if err != nil {
		return err
	}
	defer unix.Close(s)
	_ = unix.Connect(s, address) // in progress, or unreachable
	return nil
}

// received is how many packets of the flood the pod's kernel ever saw, over both families: datagrams to the port without listener, and
// resets sent in answer to SYNs to it.
func (f *flood) received(t *testing.T, p livePod) int {
	t.Helper()
	pid := strings.Split(p.netns, "/")[2]
	return snmp(t, "/proc/"+pid+"/net/snmp", "Udp:", "NoPorts") + snmp6(t, "/proc/"+pid+"/net/snmp6", "Udp6NoPorts") +
		snmp(t, "/proc/"+pid+"/net/snmp", "Tcp:", "OutRsts")
}

// snmp reads one counter of /proc/net/snmp: a line of names, then a line of values.
func snmp(t *testing.T, path, protocol, name string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	var names []string
	for line := range strings.Lines(string(text)) {
		fields := strings.Fields(line)
		if fields[0] != protocol {
			continue
		}
		if names == nil {
			names = fields
			continue
		}
		for i, n := range names {
			if n == name {
				return number(t, fields[i])
			}
		}
	}
	t.Fatalf("%s has no %s %s", path, protocol, name)
	return 0
}

// snmp6 reads one counter of /proc/net/snmp6: a name and a value a line.
func snmp6(t *testing.T, path, name string) int {
	t.Helper()
	text, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	for line := range strings.Lines(string(text)) {
		if fields := strings.Fields(line); fields[0] == name {
			return number(t, fields[1])
		}
	}
	t.Fatalf("%s has no %s", path, name)
	return 0
}

func number(t *testing.T, text string) int {
	t.Helper()
	n, err := strconv.Atoi(text)
	if err != nil {
		t.Fatal(err)
	}
	return n
}
