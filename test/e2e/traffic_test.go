package e2e

import (
	"context"
	"fmt"
	"net"
	"net/netip"
	"os"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/kubernetes"
)

// A denied attempt must outlive one retransmission of a SYN (1 s).
const denied = 1300 * time.Millisecond

// livePod is a ready pod and where to find it.
type livePod struct {
	name      string
	netns     string
	addresses []netip.Addr // IPv4, then IPv6
}

// isolate sets the isolation annotation of a namespace.
func isolate(t *testing.T, c kubernetes.Interface, namespace, value string) {
	t.Helper()
	patch := fmt.Sprintf(`{"metadata":{"annotations":{"net.alpha.kubernetes.io/network-isolation":%q}}}`, value)
	_, err := c.CoreV1().Namespaces().Patch(context.Background(), namespace, types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	if err != nil {
		t.Fatal(err)
	}
}

// runPod runs a pod that serves TCP on port 80, with label segment=NAME, on a node, and returns when it answers there.
func runPod(t *testing.T, i *instance, node, namespace, name string) livePod {
	t.Helper()
	pod := runUntouched(t, i, node, namespace, name)
	checkServes(t, i, pod)
	return i.live(t, pod)
}

// runUntouched runs such a pod and returns when it is ready. Nothing has been sent to it: it may not listen yet.
func runUntouched(t *testing.T, i *instance, node, namespace, name string) *corev1.Pod {
	t.Helper()
	spec := webPod(name)
	spec.Spec.NodeName = node
	return makePod(t, i, namespace, spec)
}

// live finds a running pod.
func (i *instance) live(t *testing.T, pod *corev1.Pod) livePod {
	t.Helper()
	p := livePod{name: pod.Name}
	for _, ip := range pod.Status.PodIPs {
		p.addresses = append(p.addresses, netip.MustParseAddr(ip.IP))
	}
	p.netns = i.podNetns(t, p.addresses[0])
	return p
}

// podNetns finds the network namespace that has the address, among those of the instance's processes.
func (i *instance) podNetns(t *testing.T, address netip.Addr) string {
	t.Helper()
	for _, p := range descendants(t, i.cmd.Process.Pid) {
		table, err := os.ReadFile(fmt.Sprintf("/proc/%d/net/fib_trie", p.pid))
		if err == nil && strings.Contains(string(table), "-- "+address.String()+"\n           /32 host LOCAL") {
			return fmt.Sprintf("/proc/%d/ns/net", p.pid)
		}
	}
	t.Fatalf("no process of the instance has the address %s", address)
	return ""
}

// dial opens a TCP connection from a network namespace.
func dial(netns string, to netip.Addr, port uint16, timeout time.Duration) error {
	return inNetns(netns, func() error {
		c, err := net.DialTimeout("tcp", netip.AddrPortFrom(to, port).String(), timeout)
		if err != nil {
			return err
		}
		return c.Close()
	})
}

// mustReach waits until both addresses of a pod accept connections from another.
func mustReach(t *testing.T, from, to livePod) {
	t.Helper()
	for _, a := range to.addresses {
		eventually(t, fmt.Sprintf("%s reaches %s at %s", from.name, to.name, a), func(context.Context) error {
			return dial(from.netns, a, 80, denied)
		})
	}
}

// mustNotReach waits until connections fail on both addresses and then tries once more with patience.
func mustNotReach(t *testing.T, from, to livePod) {
	t.Helper()
	for _, a := range to.addresses {
		eventually(t, fmt.Sprintf("%s does not reach %s at %s", from.name, to.name, a), func(context.Context) error {
			if dial(from.netns, a, 80, 100*time.Millisecond) == nil {
				return fmt.Errorf("it does")
			}
			return nil
		})
		if dial(from.netns, a, 80, denied) == nil {
			t.Errorf("%s reaches %s at %s after it had been cut off", from.name, to.name, a)
		}
	}
}
