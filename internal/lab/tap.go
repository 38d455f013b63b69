package lab

import (
	"net"
	"os"
	"sync"
	"sync/atomic"
	"time"

	"golang.org/x/sys/unix"
)

// Tap counts the IP packets that arrive at an interface, whether or not a socket waits for them.
type Tap struct {
	count atomic.Int64
	bytes atomic.Int64
	last  atomic.Int64 // when the last one arrived, UnixNano
	close func()

	read  atomic.Int64 // packets taken from the socket, matching or not
	mu    sync.Mutex
	fd    int   // -1 when closed
	given int64 // packets that the kernel put into the socket
}

// Close ends the tap before the test does. Its counts stay.
func (t *Tap) Close() { t.close() }

// Count returns how many packets matched so far. Whatever has arrived at the interface before the call is counted.
func (t *Tap) Count() int {
	t.catchUp()
	return int(t.count.Load())
}

// catchUp waits until the tap has read what the kernel had for it at the time of the call.
func (t *Tap) catchUp() {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.fd < 0 {
		return
	}
	// The kernel counts since the last question.
	stats, err := unix.GetsockoptTpacketStats(t.fd, unix.SOL_PACKET, unix.PACKET_STATISTICS)
	if err != nil {
		return
	}
	t.given += int64(stats.Packets) - int64(stats.Drops)
	Holds(5*time.Second, func() bool { return t.read.Load() >= t.given })
}

// Bytes returns how much data (behind the transport headers) the matching packets carried so far.
func (t *Tap) Bytes() int { return int(t.bytes.Load()) }

// Last returns when the last matching packet arrived; the zero time if none did.
func (t *Tap) Last() time.Time {
	if ns := t.last.Load(); ns != 0 {
		return time.Unix(0, ns)
	}
	return time.Time{}
}

// Tap counts the packets that arrive at the namespace's eth0 and match, until the test ends. match runs in the tap's goroutine.
func (n *Netns) Tap(match func(Seen) bool) *Tap {
	n.t.Helper()
	l, err := n.Handle.LinkByName("eth0")
	if err != nil {
		n.t.Fatalf("tap %s: %v", n.Name, err)
	}
	fd := -1
	n.Do(func() { fd, err = packetSocket(l.Attrs().Index, unix.ETH_P_ALL) })
	if err != nil {
		n.t.Fatalf("tap %s: %v", n.Name, err)
	}
	unix.SetsockoptInt(fd, unix.SOL_SOCKET, unix.SO_RCVBUFFORCE, 64<<20)
	f := os.NewFile(uintptr(fd), "tap")
	t, done := &Tap{fd: fd}, make(chan struct{})
	go func() {
		defer close(done)
		t.run(f, match)
	}()
	t.close = sync.OnceFunc(func() {
		t.catchUp()
		t.mu.Lock()
		t.fd = -1
		t.mu.Unlock()
		f.Close()
		<-done
	})
	n.t.Cleanup(t.close)
	return t
}

func (t *Tap) run(f *os.File, match func(Seen) bool) {
	raw, err := f.SyscallConn()
	if err != nil {
		return
	}
	buf := make([]byte, 1<<16)
	for {
		var k int
		var from unix.Sockaddr
		var errno error
		if raw.Read(func(fd uintptr) bool {
			k, from, errno = unix.Recvfrom(int(fd), buf, 0)
			return errno != unix.EAGAIN
		}) != nil {
			return
		}
		if errno != nil {
			continue
		}
		ll, ok := from.(*unix.SockaddrLinklayer)
		if s := Look(buf[:k]); ok && ll.Pkttype != unix.PACKET_OUTGOING && match(s) {
			t.last.Store(time.Now().UnixNano())
			t.bytes.Add(int64(len(s.Data)))
			t.count.Add(1)
		}
		t.read.Add(1)
	}
}

// packetSocket opens a non-blocking socket for IP packets of an interface of the calling thread's namespace.
func packetSocket(index int, protocol uint16) (int, error) {
	fd, err := unix.Socket(unix.AF_PACKET, unix.SOCK_DGRAM|unix.SOCK_NONBLOCK|unix.SOCK_CLOEXEC, int(swap16(protocol)))
	if err != nil {
		return -1, err
	}
	if err := unix.Bind(fd, &unix.SockaddrLinklayer{Protocol: swap16(protocol), Ifindex: index}); err != nil {
		unix.Close(fd)
		return -1, err
	}
	return fd, nil
}

func swap16(x uint16) uint16 { return x<<8 | x>>8 }

// Inject sends packets from the pod's eth0 to the node, whatever addresses they carry.
func (p *Pod) Inject(packets ...[]byte) {
	p.t.Helper()
	l, err := p.Handle.LinkByName("eth0")
	if err != nil {
		p.t.Fatalf("inject from %s: %v", p.Name, err)
	}
	fd := -1
	p.Do(func() { fd, err = packetSocket(l.Attrs().Index, 0) })
	if err != nil {
		p.t.Fatalf("inject from %s: %v", p.Name, err)
	}
	defer unix.Close(fd)
	for _, b := range packets {
		if err := unix.Sendto(fd, b, 0, linkAddress(l.Attrs().Index, b, p.hostMAC)); err != nil {
			p.t.Fatalf("inject from %s: %v", p.Name, err)
		}
	}
}

func linkAddress(index int, packet []byte, to net.HardwareAddr) *unix.SockaddrLinklayer {
	protocol := uint16(unix.ETH_P_IP)
	if len(packet) > 0 && packet[0]>>4 == 6 {
		protocol = unix.ETH_P_IPV6
	}
	a := &unix.SockaddrLinklayer{Protocol: swap16(protocol), Ifindex: index, Halen: 6}
	copy(a.Addr[:], to)
	return a
}
