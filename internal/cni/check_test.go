package cni_test

import (
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

func TestCheck(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	if err := w.check(p); err != nil {
		t.Error(err)
	}
}

func TestCheckFindsWhatDiffers(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*world, *pod)
		code  uint
		word  string
	}{
		{"interface", removeInterface, 104, "hrw"},
		{"host side down", func(w *world, p *pod) { onHostSide(w, p, netlink.LinkSetDown) }, 104, "up"},
		{"pod side down", func(w *world, p *pod) { onPodSide(w, p, netlink.LinkSetDown) }, 104, "up"},
		{"hardware address", func(w *world, p *pod) {
			onPodSide(w, p, func(l netlink.Link) error {
				return netlink.LinkSetHardwareAddr(l, net.HardwareAddr{2, 0, 0, 0, 0, 1})
			})
		}, 104, "neighbour"},
		{"address", func(w *world, p *pod) {
			onPodSide(w, p, func(l netlink.Link) error {
				return netlink.AddrDel(l, &netlink.Addr{IPNet: ptr(cidr(w.t, "10.244.1.2/32"))})
			})
		}, 104, "10.244.1.2"},
		{"default route", func(w *world, p *pod) {
			onPodSide(w, p, func(l netlink.Link) error {
				return netlink.RouteDel(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: ptr(cidr(w.t, "::/0")), Gw: podnet.Gateway6.AsSlice()})
			})
		}, 104, "::/0"},
		{"route to the pod", func(w *world, p *pod) {
			onHostSide(w, p, func(l netlink.Link) error {
				return netlink.RouteDel(&netlink.Route{LinkIndex: l.Attrs().Index, Dst: ptr(cidr(w.t, "fd00:10:244:1::2/128"))})
			})
		}, 104, "fd00:10:244:1::2"},
		{"neighbour of the pod", func(w *world, p *pod) {
			onPodSide(w, p, func(l netlink.Link) error {
				return netlink.NeighDel(&netlink.Neigh{LinkIndex: l.Attrs().Index, IP: podnet.Gateway4.AsSlice()})
			})
		}, 104, "169.254.1.1"},
		{"neighbour of the node that may expire", func(w *world, p *pod) {
			onHostSide(w, p, func(l netlink.Link) error {
				return netlink.NeighSet(&netlink.Neigh{
					LinkIndex: l.Attrs().Index, IP: net.IP{10, 244, 1, 2}, State: unix.NUD_STALE, HardwareAddr: podMAC(w, p),
				})
			})
		}, 104, "10.244.1.2"},
		{"next hop of the default route", func(w *world, p *pod) {
			onPodSide(w, p, func(l netlink.Link) error {
				return netlink.RouteReplace(&netlink.Route{
					LinkIndex: l.Attrs().Index, Dst: ptr(cidr(w.t, "0.0.0.0/0")), Gw: net.IP{169, 254, 1, 2}, Flags: int(netlink.FLAG_ONLINK),
				})
			})
		}, 104, "0.0.0.0/0"},
		{"forwarding", func(w *world, p *pod) { w.node.Sysctl("ipv4/ip_forward", "0") }, 103, "net.ipv4.ip_forward"},
		{"reservation", func(w *world, p *pod) {
			if err := os.Remove(filepath.Join(w.data, "hedgerow", "10.244.1.2")); err != nil {
				w.t.Fatal(err)
			}
		}, 104, "not reserved"},
		{"attachment", func(w *world, p *pod) {
			if err := w.agent.Client().Detach(w.t.Context(), p.rt.ContainerID, p.rt.IfName); err != nil {
				w.t.Fatal(err)
			}
		}, 104, "does not know"},
		{"attachment's interface", func(w *world, p *pod) {
			a := w.agent.Attachments()[0]
			a.HostIndex++
			if err := w.agent.Client().Attach(w.t.Context(), &a); err != nil {
				w.t.Fatal(err)
			}
		}, 104, "host interface"},
		{"attachment's addresses", func(w *world, p *pod) {
			a := w.agent.Attachments()[0]
			a.Addresses = []netip.Addr{netip.MustParseAddr("10.244.1.9")}
			if err := w.agent.Client().Attach(w.t.Context(), &a); err != nil {
				w.t.Fatal(err)
			}
		}, 104, "10.244.1.9"},
		{"agent", func(w *world, p *pod) { w.agent.Stop() }, 11, "agent.sock"},
		{"namespace", func(w *world, p *pod) { p.netns.Close() }, 8, "CNI_NETNS"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pod("a")
			w.mustAdd(p)
			test.spoil(w, p)
			wantError(t, w.check(p), test.code, test.word)
		})
	}
}

func onHostSide(w *world, p *pod, f func(netlink.Link) error) {
	w.t.Helper()
	w.node.Do(func() {
		onLink(w, podnet.HostName(podnet.Owner{Container: p.rt.ContainerID, Interface: p.rt.IfName}), f)
	})
}

func onPodSide(w *world, p *pod, f func(netlink.Link) error) {
	w.t.Helper()
	p.netns.Do(func() { onLink(w, p.rt.IfName, f) })
}

func onLink(w *world, name string, f func(netlink.Link) error) {
	w.t.Helper()
	l, err := netlink.LinkByName(name)
	if err == nil {
		err = f(l)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

func podMAC(w *world, p *pod) (mac net.HardwareAddr) {
	w.t.Helper()
	onPodSide(w, p, func(l netlink.Link) error {
		mac = l.Attrs().HardwareAddr
		return nil
	})
	return mac
}

func ptr[T any](v T) *T { return &v }
