// Package podnet makes a pod's network interface: a veth pair between the node and the pod, the pod's addresses, and the routes
// and permanent neighbours that make it reachable without ARP or neighbour discovery; and it hands out the addresses. What
// flows in is which pod, which addresses, which namespace; what comes out is the state of the kernel. Every function works
// in the network namespace of the calling thread, which is the node's, and reaches the pod's by path. It never asks the agent
// anything, decides about no packet, and changes no interface, route or sysctl of the node that is not its own.
package podnet

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"github.com/containernetworking/plugins/pkg/ns"
	"github.com/vishvananda/netlink"
	"github.com/vishvananda/netns"
	"golang.org/x/sys/unix"
)

// The pod's gateways. No interface has them: the pod knows the host side's hardware address by a permanent neighbour
// entry, so nobody ever asks for it.
var (
	Gateway4 = netip.MustParseAddr("169.254.1.1")
	Gateway6 = netip.MustParseAddr("fe80::1")
)

// Owner is the interface of one container: the key of everything that this package makes.
type Owner struct {
	Container string // CNI_CONTAINERID
	Interface string // CNI_IFNAME, the interface's name in the pod
}

func (o Owner) String() string { return o.Container + "/" + o.Interface }

// Pod says what interface a pod is to have.
type Pod struct {
	Owner
	Netns   string // path of the pod's network namespace
	Network string // name of the network configuration
	Label   string // who it is, for people that list the node's interfaces: namespace/pod
	MTU     int    // bytes; 0: the kernel's default
	// Addresses are the pod's own, of either family. IPv6 is switched on for the pair only when one of them is IPv6.
	Addresses []netip.Addr
}

// Pair is a pod's interface as it is in the kernel.
type Pair struct {
	HostName  string
	HostIndex uint32
	HostMAC   net.HardwareAddr
	PodMAC    net.HardwareAddr
	MTU       int
}

// Setup makes the pod's interface, or completes it where it is there already: repeating it changes nothing. A pair that is
// only half there, or leads to another namespace, is replaced. After an error Remove takes away what was made.
func Setup(p *Pod) (*Pair, error) {
	s, err := openSides(p)
	if err != nil {
		return nil, err
	}
	defer s.close()
	host, pod, err := s.makePair()
	if err != nil {
		return nil, err
	}
	if err := s.setupPodSide(host, pod); err != nil {
		return nil, err
	}
	if err := s.setupHostSide(host, pod); err != nil {
		return nil, err
	}
	return pairOf(host, pod), nil
}

func pairOf(host, pod netlink.Link) *Pair {
	return &Pair{
		HostName:  host.Attrs().Name,
		HostIndex: uint32(host.Attrs().Index),
		HostMAC:   host.Attrs().HardwareAddr,
		PodMAC:    pod.Attrs().HardwareAddr,
		MTU:       host.Attrs().MTU,
	}
}

// sides holds what is needed to work on both ends of one pod's pair.
type sides struct {
	*Pod
	netns ns.NetNS           // the pod's
	host  netlinksafe.Handle // speaks to the node's namespace
	pod   netlinksafe.Handle // speaks to the pod's namespace
}

func openSides(p *Pod) (*sides, error) {
	if err := CheckNetns(p.Netns); err != nil {
		return nil, err
	}
	podNS, err := ns.GetNS(p.Netns)
	if err != nil {
		return nil, fmt.Errorf("open the pod's network namespace: %w", err)
	}
	host, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		podNS.Close()
		return nil, fmt.Errorf("open netlink on the node: %w", err)
	}
	pod, err := netlinksafe.NewHandleAt(netns.NsHandle(podNS.Fd()), unix.NETLINK_ROUTE)
	if err != nil {
		host.Close()
		podNS.Close()
		return nil, fmt.Errorf("open netlink in the pod's network namespace %s: %w", p.Netns, err)
	}
	return &sides{Pod: p, netns: podNS, host: host, pod: pod}, nil
}

func (s *sides) close() {
	s.pod.Close()
	s.host.Close()
	s.netns.Close()
}

// hasIPv6 reports whether the pod has an IPv6 address.
func (p *Pod) hasIPv6() bool {
	for _, a := range p.Addresses {
		if a.Is6() {
			return true
		}
	}
	return false
}

// ErrNetns is wrapped by the error of CheckNetns.
var ErrNetns = errors.New("not a pod's network namespace")

// CheckNetns tests that path names a network namespace other than the calling thread's. Its error wraps ErrNetns.
func CheckNetns(path string) error {
	if err := ns.IsNSorErr(path); err != nil {
		return fmt.Errorf("%w: %w", ErrNetns, err)
	}
	pod, err := os.Stat(path)
	if err != nil {
		return fmt.Errorf("%w: %w", ErrNetns, err)
	}
	node, err := os.Stat("/proc/thread-self/ns/net")
	if err != nil {
		return fmt.Errorf("look up the node's network namespace: %w", err)
	}
	if os.SameFile(pod, node) {
		return fmt.Errorf("%w: %s is the node's own network namespace", ErrNetns, path)
	}
	return nil
}

// hostNet returns the address as a network of its own: /32 or /128.
func hostNet(a netip.Addr) *net.IPNet {
	return &net.IPNet{IP: a.AsSlice(), Mask: net.CIDRMask(a.BitLen(), a.BitLen())}
}

func isNotFound(err error) bool {
	var e netlink.LinkNotFoundError
	return errors.As(err, &e)
}
