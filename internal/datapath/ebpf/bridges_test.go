package ebpf

import (
	"strings"
	"testing"

	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

func TestCheckBridges(t *testing.T) {
	t.Parallel()
	n := lab.NewNode(t)
	a, b := n.AddPod("a", "10.244.1.2", "fd00:10:244:1::2"), n.AddPod("b", "10.244.1.3", "fd00:10:244:1::3")
	const gone = 4711
	check := func() error {
		var err error
		n.Do(func() { err = CheckBridges([]uint32{a.HostIndex, b.HostIndex, gone}) })
		return err
	}
	set := func(v4, v6 string) {
		n.Sysctl("bridge.bridge-nf-call-iptables", v4)
		n.Sysctl("bridge.bridge-nf-call-ip6tables", v6)
	}
	set("0", "0")
	if err := check(); err != nil {
		t.Errorf("routed pods: %v", err)
	}
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: "cni0"}}
	if err := n.Handle.LinkAdd(bridge); err != nil {
		t.Fatal(err)
	}
	for _, p := range []*lab.Pod{a, b} {
		l, err := n.Handle.LinkByName(p.HostName)
		if err == nil {
			err = n.Handle.LinkSetMaster(l, bridge)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	for _, tc := range []struct{ v4, v6, want, not string }{
		{"0", "0", "set net.bridge.bridge-nf-call-iptables=1 and net.bridge.bridge-nf-call-ip6tables=1", "\n"},
		{"1", "0", "set net.bridge.bridge-nf-call-ip6tables=1", "iptables=1 and"},
		{"0", "1", "set net.bridge.bridge-nf-call-iptables=1", "ip6tables"},
	} {
		set(tc.v4, tc.v6)
		err := check()
		if err == nil || !strings.Contains(err.Error(), tc.want) || strings.Contains(err.Error(), tc.not) ||
			!strings.Contains(err.Error(), "cni0") {
			t.Errorf("iptables %s, ip6tables %s: %v", tc.v4, tc.v6, err)
		}
	}
	set("1", "1")
	if err := check(); err != nil {
		t.Errorf("bridged, but shown to netfilter: %v", err)
	}
}
