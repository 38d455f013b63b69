package pods

import (
	"context"
	"fmt"
	"net"
	"runtime"

	"golang.org/x/sys/unix"
)

// dialFromNode connects, from inside the node's network namespace, to an address that must be a literal IP address and port.
func (m *Manager) dialFromNode(ctx context.Context, network, address string) (net.Conn, error) {
	type result struct {
		conn net.Conn
		err  error
	}
	done := make(chan result, 1)
	go func() {
		var r result
		err := inNetns(m.cfg.NodeNetns, func() error {
			// For a literal address the socket is made on the calling thread.
			var d net.Dialer
			r.conn, r.err = d.DialContext(ctx, network, address)
			return nil
		})
		if err != nil {
			r.err = err
		}
		done <- r
	}()
	r := <-done
	return r.conn, r.err
}

// inNetns calls f on a thread in another network namespace. A thread that cannot come back stays locked and ends with its goroutine, so the
// caller must be a goroutine made for the purpose.
func inNetns(path string, f func() error) error {
	runtime.LockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open own network namespace: %w", err)
	}
	defer unix.Close(own)
	target, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("open network namespace %s: %w", path, err)
	}
	defer unix.Close(target)
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return fmt.Errorf("enter network namespace %s: %w", path, err)
	}
	err = f()
	if unix.Setns(own, unix.CLONE_NEWNET) == nil {
		runtime.UnlockOSThread()
	}
	return err
}
