// Package netnstest gives tests network namespaces of their own: New makes one that lives as long as the test, Do runs code in
// it, Path names it for other processes. The namespace the test was started in is never changed, and nothing is
// mounted: when the test ends, or is killed, the kernel takes everything back. Root only.
package netnstest

import (
	"fmt"
	"os"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// NS is a network namespace.
type NS struct {
	tb   testing.TB
	file *os.File
}

// New makes a namespace with nothing in it but what the kernel puts there, all of it down. It is closed when the test ends.
func New(tb testing.TB) *NS {
	tb.Helper()
	type made struct {
		file *os.File
		err  error
	}
	done := make(chan made)
	go func() {
		// Never unlocked: the thread ends with the goroutine, so that no other goroutine finds itself in there.
		runtime.LockOSThread()
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			done <- made{err: err}
			return
		}
		f, err := os.Open("/proc/thread-self/ns/net")
		done <- made{f, err}
	}()
	m := <-done
	if m.err != nil {
		tb.Fatalf("make a network namespace (this test needs root): %v", m.err)
	}
	n := &NS{tb: tb, file: m.file}
	tb.Cleanup(n.Close)
	return n
}

// Path names the namespace for every process of the machine while the test process lives and Close was not called.
func (n *NS) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), n.file.Fd()) }

// Close gives the namespace up: the kernel destroys it when no process or socket is left in it. It may be called twice.
func (n *NS) Close() { n.file.Close() }

// Do runs f in the namespace, on a thread that nothing else uses and that child processes inherit the namespace from. It
// returns when f has; f may end the test.
func (n *NS) Do(f func()) {
	n.tb.Helper()
	var err error
	finished := false
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		if err = unix.Setns(int(n.file.Fd()), unix.CLONE_NEWNET); err != nil {
			return
		}
		f()
		finished = true
	}()
	<-done
	if err != nil {
		n.tb.Fatalf("enter network namespace: %v", err)
	}
	if !finished {
		n.tb.FailNow() // f ended its goroutine by tb.FailNow
	}
}

// Sysctl sets one setting of the namespace, by its path below /proc/sys/net.
func (n *NS) Sysctl(path, value string) {
	n.tb.Helper()
	n.Do(func() {
		if err := os.WriteFile("/proc/sys/net/"+path, []byte(value), 0o644); err != nil {
			n.tb.Errorf("set net/%s=%s: %v", path, value, err)
		}
	})
}

// ReadSysctl returns one setting of the namespace, by its path below /proc/sys/net, with its newline.
func (n *NS) ReadSysctl(path string) string {
	n.tb.Helper()
	var value []byte
	n.Do(func() {
		var err error
		if value, err = os.ReadFile("/proc/sys/net/" + path); err != nil {
			n.tb.Errorf("read net/%s: %v", path, err)
		}
	})
	return string(value)
}
