package probe

import (
	"fmt"
	"os"
	"runtime"

	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// space is a network namespace without a name.
type space struct {
	fd     netns.NsHandle
	handle *netlink.Handle
	// own has the addresses of the namespace. It is the loopback: a wire that loses its last IPv4 address forgets its routes.
	own *port
}

// newSpace makes a network namespace with its loopback up and these settings, given by their paths below /proc/sys/net.
func newSpace(settings ...setting) (*space, error) {
	s := &space{fd: -1}
	err := onOwnThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("unshare: %w", err)
		}
		for _, set := range settings {
			if err := set.write(); err != nil {
				return err
			}
		}
		var err error
		s.fd, err = netns.Get()
		return err
	})
	if err == nil {
		s.handle, err = netlink.NewHandleAt(s.fd, unix.NETLINK_ROUTE, unix.NETLINK_NETFILTER)
	}
	if err == nil {
		s.own, err = portOf(s, "lo")
	}
	if err != nil {
		s.close()
		return nil, fmt.Errorf("make a network namespace: %w", err)
	}
	return s, nil
}

// setting is one value below /proc/sys/net.
type setting struct{ path, value string }

// write sets the value in the network namespace of the calling thread.
func (s setting) write() error { return os.WriteFile("/proc/sys/net/"+s.path, []byte(s.value), 0o644) }

// quiet keeps the kernel from talking by itself and from being clever about where packets come from: all routes here are ours.
var quiet = []setting{
	{"ipv6/conf/all/disable_ipv6", "0"},
	{"ipv6/conf/default/disable_ipv6", "0"},
	{"ipv6/conf/default/addr_gen_mode", "1"},
	{"ipv6/conf/default/accept_ra", "0"},
	{"ipv4/conf/all/rp_filter", "0"},
	{"ipv4/conf/default/rp_filter", "0"},
	// Refusals must arrive, however many probes there are.
	{"ipv4/icmp_ratelimit", "0"},
	{"ipv6/icmp/ratelimit", "0"},
}

// routing is quiet for a namespace that forwards.
var routing = append([]setting{{"ipv4/ip_forward", "1"}, {"ipv6/conf/all/forwarding", "1"}}, quiet...)

// do runs f on a thread inside the namespace. Sockets made in f belong to the namespace for ever; f must not start goroutines.
func (s *space) do(f func() error) error {
	return onOwnThread(func() error {
		if err := netns.Set(s.fd); err != nil {
			return fmt.Errorf("enter a network namespace: %w", err)
		}
		return f()
	})
}

func (s *space) close() {
	if s.handle != nil {
		s.handle.Close()
	}
	if s.fd.IsOpen() {
		s.fd.Close()
	}
}

// onOwnThread runs f on a thread that is thrown away afterwards, because f may leave it in another namespace.
func onOwnThread(f func() error) error {
	done := make(chan error, 1)
	go func() {
		runtime.LockOSThread()
		done <- f()
	}()
	return <-done
}
