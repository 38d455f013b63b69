package pods

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"
	"time"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	v1 "k8s.io/api/core/v1"
)

// networkTimeout bounds one call of the network's plugin.
const networkTimeout = 30 * time.Second

// sandbox is what the containers of a pod share.
type sandbox struct {
	Sandbox
	addresses []netip.Addr // guarded by the worker's mutex
	// host: the pod uses the node's network namespace.
	host bool
}

func newSandbox(m *Manager, pod *v1.Pod) *sandbox {
	s := &sandbox{Sandbox: Sandbox{ID: newID(), Namespace: pod.Namespace, Pod: pod.Name, UID: string(pod.UID)}}
	s.Netns = filepath.Join(m.netnsDir(), s.ID)
	if pod.Spec.HostNetwork {
		s.Netns, s.host, s.addresses = m.cfg.NodeNetns, true, m.cfg.NodeAddresses
	}
	return s
}

// newID returns 64 random hexadecimal digits, the form of a container id everywhere.
func newID() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // never fails
	return hex.EncodeToString(b[:])
}

// add makes the network namespace, unless it is there, connects it and returns its addresses.
func (s *sandbox) add(ctx context.Context, network Network) ([]netip.Addr, error) {
	if s.host {
		return s.addresses, nil
	}
	if err := makeNetns(s.Netns); err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, networkTimeout)
	defer cancel()
	return network.Add(ctx, &s.Sandbox)
}

// remove disconnects the network namespace and removes it. It may be repeated.
func (s *sandbox) remove(ctx context.Context, network Network) error {
	if s.host {
		return nil
	}
	ctx, cancel := context.WithTimeout(ctx, networkTimeout)
	defer cancel()
	if err := network.Remove(ctx, &s.Sandbox); err != nil {
		return err
	}
	return removeNetns(s.Netns)
}

// makeNetns binds a new network namespace, with its loopback up, to a file. If the file is there already, so is the namespace.
func makeNetns(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o444)
	if os.IsExist(err) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	f.Close()
	done := make(chan error)
	go func() { done <- bindNewNetns(path) }()
	if err := <-done; err != nil {
		os.Remove(path)
		return fmt.Errorf("make network namespace: %w", err)
	}
	return nil
}

// bindNewNetns takes its thread into a new network namespace and back. A thread that cannot come back stays locked, so that it ends with the
// goroutine.
func bindNewNetns(path string) (err error) {
	runtime.LockOSThread()
	own, err := unix.Open("/proc/thread-self/ns/net", unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer unix.Close(own)
	if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
		runtime.UnlockOSThread()
		return err
	}
	defer func() {
		back := unix.Setns(own, unix.CLONE_NEWNET)
		if back == nil {
			runtime.UnlockOSThread()
		} else if err == nil {
			err = back
		}
	}()
	loopback, err := netlink.LinkByName("lo")
	if err != nil {
		return err
	}
	if err := netlink.LinkSetUp(loopback); err != nil {
		return err
	}
	return unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, "")
}

func removeNetns(path string) error {
	// EINVAL: not a mount point, so there never was a namespace.
	if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && err != unix.EINVAL && err != unix.ENOENT {
		return fmt.Errorf("remove network namespace: %w", err)
	}
	if err := os.Remove(path); err != nil && !os.IsNotExist(err) {
		return fmt.Errorf("remove network namespace: %w", err)
	}
	return nil
}
