// Package fabric makes the network of one machine's instance: a network namespace with a bridge, and one network namespace per node
// joined to it. A folder and a number of nodes go in; namespaces bound to files of that folder come out. The machine's own network
// namespace is never touched: every link is made inside the fabric's. Nothing here knows pods or policies.
package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"runtime"

	"golang.org/x/sys/unix"
)

// MaxNodes is the greatest number of nodes that the address plan holds.
const MaxNodes = 200

// Bridge addresses: where pods and agents find the API server.
var (
	BridgeIPv4 = netip.MustParsePrefix("10.213.0.1/24")
	BridgeIPv6 = netip.MustParsePrefix("fd00:213::1/64")
)

// PodCIDRs are the ranges that all nodes' pod ranges lie in.
var PodCIDRs = []netip.Prefix{netip.MustParsePrefix("10.244.0.0/16"), netip.MustParsePrefix("fd00:10:244::/56")}

// Plan is the address plan of one node.
type Plan struct {
	Name string
	// Addresses are the node's own, with the length of the bridge's network: IPv4, IPv6.
	Addresses []netip.Prefix
	// PodCIDRs are the node's pod ranges: IPv4, IPv6.
	PodCIDRs []netip.Prefix
}

// NodePlan returns the plan of the i-th node, counted from 1 to MaxNodes. Addresses of both families look alike when written.
func NodePlan(i int) Plan {
	return Plan{
		Name: fmt.Sprintf("node%d", i),
		Addresses: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.213.0.%d/24", 10+i)),
			netip.MustParsePrefix(fmt.Sprintf("fd00:213::%d/64", 10+i)),
		},
		PodCIDRs: []netip.Prefix{
			netip.MustParsePrefix(fmt.Sprintf("10.244.%d.0/24", i)),
			// Hexadecimal, because decimal digits of three places would leave the /56.
			netip.MustParsePrefix(fmt.Sprintf("fd00:10:244:%x::/64", i)),
		},
	}
}

// Fabric is the network of one instance.
type Fabric struct {
	dir   string
	Nodes []Plan
}

// fabricName is the file of the bridge's namespace.
const fabricName = "fabric"

// New makes the namespaces and binds them to files in dir, which must lie in a mount namespace of this process's own: they
// live as long as it.
func New(dir string, nodes int) (*Fabric, error) {
	if nodes < 1 || nodes > MaxNodes {
		return nil, fmt.Errorf("number of nodes is %d, must be 1 to %d", nodes, MaxNodes)
	}
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for network namespaces: %w", err)
	}
	f := &Fabric{dir: dir}
	for i := 1; i <= nodes; i++ {
		f.Nodes = append(f.Nodes, NodePlan(i))
	}
	if err := f.build(); err != nil {
		return nil, errors.Join(err, f.Close())
	}
	return f, nil
}

// Netns returns the file of a node's network namespace.
func (f *Fabric) Netns(node string) string { return filepath.Join(f.dir, node) }

// Bridge returns the file of the network namespace with the bridge.
func (f *Fabric) Bridge() string { return filepath.Join(f.dir, fabricName) }

// Listen opens a TCP listener in the bridge's namespace.
func (f *Fabric) Listen(address string) (net.Listener, error) {
	var l net.Listener
	err := Do(f.Bridge(), func() (err error) {
		l, err = net.Listen("tcp", address)
		return err
	})
	return l, err
}

// Close unbinds the namespaces. They go when the last process and socket in them does.
func (f *Fabric) Close() error {
	names := []string{fabricName}
	for _, n := range f.Nodes {
		names = append(names, n.Name)
	}
	var errs []error
	for _, name := range names {
		path := filepath.Join(f.dir, name)
		if err := unix.Unmount(path, unix.MNT_DETACH); err != nil && !errors.Is(err, unix.EINVAL) && !errors.Is(err, unix.ENOENT) {
			errs = append(errs, fmt.Errorf("unbind network namespace %s: %w", name, err))
		}
		if err := os.Remove(path); err != nil && !errors.Is(err, os.ErrNotExist) {
			errs = append(errs, fmt.Errorf("remove network namespace %s: %w", name, err))
		}
	}
	return errors.Join(errs...)
}

// create makes a network namespace, binds it to path, and calls configure inside it.
func create(path string, configure func() error) error {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_EXCL|os.O_RDONLY, 0o600)
	if err != nil {
		return fmt.Errorf("make network namespace: %w", err)
	}
	defer file.Close()
	return onThread(func() error {
		if err := unix.Unshare(unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("make network namespace: %w", err)
		}
		if err := unix.Mount("/proc/thread-self/ns/net", path, "", unix.MS_BIND, ""); err != nil {
			return fmt.Errorf("bind network namespace to %s: %w", path, err)
		}
		return configure()
	})
}

// Do calls do on a thread inside the network namespace bound to path. Sockets that do opens stay in that namespace.
func Do(path string, do func() error) error {
	return onThread(func() error {
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			return fmt.Errorf("open network namespace %s: %w", path, err)
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			return fmt.Errorf("enter network namespace %s: %w", path, err)
		}
		return do()
	})
}

// onThread calls do on a thread that ends with it, so that its namespaces never come back to other goroutines.
func onThread(do func() error) error {
	done := make(chan error, 1)
	var run func()
	run = func() {
		runtime.LockOSThread()
		if unix.Gettid() != unix.Getpid() {
			done <- do()
			return // still locked: the thread ends with the goroutine
		}
		// The first thread cannot end, and it is what /proc/PID shows: hold it while another one does the work.
		other := make(chan struct{})
		go func() {
			defer close(other)
			run()
		}()
		<-other
		runtime.UnlockOSThread()
	}
	go run()
	return <-done
}
