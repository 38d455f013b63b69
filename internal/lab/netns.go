package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// Netns is a network namespace with its loopback up. It lives as long as the test.
type Netns struct {
	Name   string
	Handle *netlink.Handle
	fd     netns.NsHandle
	t      testing.TB
}

// NewNetns makes a network namespace.
func NewNetns(t testing.TB, name string) *Netns {
	t.Helper()
	n := &Netns{Name: name, t: t}
	var err error
	onOwnThread(func() {
		if err = unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return
		}
		n.fd, err = netns.Get()
	})
	if err != nil {
		t.Fatalf("make network namespace %s: %v", name, err)
	}
	if n.Handle, err = netlink.NewHandleAt(n.fd); err != nil {
		t.Fatalf("open netlink in %s: %v", name, err)
	}
	t.Cleanup(func() {
		n.Handle.Close()
		n.fd.Close()
	})
	n.up("lo")
	return n
}

// Do runs f with the calling goroutine's thread inside the namespace. Sockets made in f belong to the namespace for ever. f must
// not start goroutines that make sockets, and must not call t.FailNow.
func (n *Netns) Do(f func()) {
	var err error
	onOwnThread(func() {
		if err = netns.Set(n.fd); err == nil {
			f()
		}
	})
	if err != nil {
		n.t.Errorf("enter network namespace %s: %v", n.Name, err)
	}
}

// Path returns a path that opens the namespace from this process.
func (n *Netns) Path() string { return fmt.Sprintf("/proc/%d/fd/%d", os.Getpid(), int(n.fd)) }

// FD returns the namespace's file descriptor.
func (n *Netns) FD() netns.NsHandle { return n.fd }

// Sysctl writes a value below /proc/sys/net ("ipv4.ip_forward").
func (n *Netns) Sysctl(name, value string) {
	n.t.Helper()
	var err error
	n.Do(func() {
		err = os.WriteFile(filepath.Join("/proc/thread-self/root/proc/sys/net", strings.ReplaceAll(name, ".", "/")), []byte(value), 0o644)
	})
	if err != nil {
		n.t.Fatalf("sysctl %s in %s: %v", name, n.Name, err)
	}
}

func (n *Netns) up(name string) netlink.Link {
	n.t.Helper()
	l, err := n.Handle.LinkByName(name)
	if err == nil {
		err = n.Handle.LinkSetUp(l)
	}
	if err != nil {
		n.t.Fatalf("set %s up in %s: %v", name, n.Name, err)
	}
	return l
}

// onOwnThread runs f on a thread that is thrown away afterwards, because f may leave it in another namespace.
func onOwnThread(f func()) {
	done := make(chan struct{})
	go func() {
		defer close(done)
		runtime.LockOSThread()
		f()
	}()
	<-done
}
