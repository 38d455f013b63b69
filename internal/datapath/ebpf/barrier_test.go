package ebpf

import (
	"net/netip"
	"runtime"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	cebpf "github.com/cilium/ebpf"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// TestBarrier keeps one of two addresses blocked at any time, now this, now that one, with a barrier between the changes. A packet that read one of them
// before a change and the other after the next would find both open.
func TestBarrier(t *testing.T) {
	d, err := Open(Options{Dir: lab.BPFFS(t)})
	if err != nil {
		t.Fatal(err)
	}
	defer d.Close()
	source, destination := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("10.0.0.2")
	set := func(a netip.Addr, g datapath.GroupID) {
		if err := d.Apply(&datapath.Change{PutEndpoints: map[netip.Addr]datapath.Endpoint{a: {Group: g}}}); err != nil {
			t.Fatal(err)
		}
		if err := d.Barrier(); err != nil {
			t.Fatal(err)
		}
	}
	set(destination, datapath.BlockedGroup)

	var judged, accepted int
	var stop atomic.Bool
	var runner sync.WaitGroup
	packet := probes[1].packet(source, destination, 80).Bytes()
	runner.Go(func() {
		// The thread keeps its CPU for itself and ends with the goroutine.
		runtime.LockOSThread()
		if err := disturb(t); err != nil {
			t.Error(err)
			return
		}
		for !stop.Load() {
			verdict, err := d.objects.Hedgerow.Run(&cebpf.RunOptions{Data: packet, Context: hookState(4)})
			if err != nil {
				t.Error(err)
				return
			}
			judged++
			accepted += int(verdict)
		}
	})
	for end := time.Now().Add(4 * time.Second); time.Now().Before(end); {
		set(source, datapath.BlockedGroup)
		set(destination, datapath.WorldGroup)
		set(destination, datapath.BlockedGroup)
		set(source, datapath.WorldGroup)
	}
	stop.Store(true)
	runner.Wait()
	if judged == 0 || accepted != 0 {
		t.Errorf("%d of %d packets accepted", accepted, judged)
	}
	set(destination, datapath.WorldGroup)
	if !run(t, d, packet) {
		t.Error("not accepted with both addresses open")
	}
}

// disturb makes interrupts that last long on the calling thread's CPU: hundreds of timers that expire at once, again and again. They strike the program
// in its midst, and the tables change meanwhile.
func disturb(t *testing.T) error {
	var one unix.CPUSet
	one.Set(0)
	if err := unix.SchedSetaffinity(0, &one); err != nil {
		return err
	}
	var now unix.Timespec
	if err := unix.ClockGettime(unix.CLOCK_MONOTONIC, &now); err != nil {
		return err
	}
	every := unix.NsecToTimespec(int64(500 * time.Microsecond))
	first := unix.NsecToTimespec(now.Nano() + int64(10*time.Millisecond))
	for range 500 {
		fd, err := unix.TimerfdCreate(unix.CLOCK_MONOTONIC, unix.TFD_CLOEXEC)
		if err != nil {
			return err
		}
		t.Cleanup(func() { unix.Close(fd) })
		if err := unix.TimerfdSettime(fd, unix.TFD_TIMER_ABSTIME, &unix.ItimerSpec{Interval: every, Value: first}, nil); err != nil {
			return err
		}
	}
	return nil
}
