package podnet

import (
	"errors"
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/podnet/netnstest"
)

// wiring is a node and one pod.
type wiring struct {
	t        *testing.T
	node, ns *netnstest.NS
	pod      *Pod
}

func newWiring(t *testing.T, addresses ...string) *wiring {
	w := &wiring{t: t, node: netnstest.New(t), ns: netnstest.New(t)}
	w.node.Sysctl("ipv4/ip_forward", "1")
	w.node.Sysctl("ipv6/conf/all/forwarding", "1")
	w.pod = newPod(w.ns, "c1", addresses...)
	return w
}

func newPod(ns *netnstest.NS, container string, addresses ...string) *Pod {
	p := &Pod{Owner: Owner{container, "eth0"}, Netns: ns.Path(), Network: "hedgerow", Label: "tenant-a/frontend", MTU: 1420}
	for _, a := range addresses {
		p.Addresses = append(p.Addresses, netip.MustParseAddr(a))
	}
	return p
}

func (w *wiring) setup() *Pair {
	w.t.Helper()
	var pair *Pair
	var err error
	w.node.Do(func() { pair, err = Setup(w.pod) })
	if err != nil {
		w.t.Fatal(err)
	}
	return pair
}

func (w *wiring) check() error {
	w.t.Helper()
	var err error
	w.node.Do(func() { _, err = Check(w.pod) })
	return err
}

var bothFamilies = []string{"10.1.0.5", "fd00:1::5"}

func TestSetupState(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	pair := w.setup()
	if pair.HostName != HostName(w.pod.Owner) || pair.MTU != 1420 {
		t.Errorf("pair: %+v", pair)
	}
	if diff := cmp.Diff(hardwareAddr(w.pod.Owner, "host"), pair.HostMAC); diff != "" {
		t.Errorf("hardware address of the host side (-want +got):\n%s", diff)
	}
	if diff := cmp.Diff(hardwareAddr(w.pod.Owner, "pod"), pair.PodMAC); diff != "" {
		t.Errorf("hardware address of the pod side (-want +got):\n%s", diff)
	}
	podLink, podText := describe(t, w.ns, "eth0")
	hostLink, hostText := describe(t, w.node, pair.HostName)
	replace := strings.NewReplacer(podLink.Attrs().HardwareAddr.String(), "POD", hostLink.Attrs().HardwareAddr.String(), "HOST")
	want := `link up mtu 1420
address 10.1.0.5/32
address fd00:1::5/128
address link-local
route 0.0.0.0/0 via 169.254.1.1
route 169.254.1.1/32 link
route ::/0 via fe80::1
route fd00:1::5/128
route fe80::/64
neighbour 169.254.1.1 HOST permanent
neighbour fe80::1 HOST permanent
`
	if diff := cmp.Diff(want, replace.Replace(podText)); diff != "" {
		t.Errorf("pod side (-want +got):\n%s", diff)
	}
	want = `link up mtu 1420
address link-local
route 10.1.0.5/32 link
route fd00:1::5/128
route fe80::/64
neighbour 10.1.0.5 POD permanent
neighbour fd00:1::5 POD permanent
`
	if diff := cmp.Diff(want, replace.Replace(hostText)); diff != "" {
		t.Errorf("host side (-want +got):\n%s", diff)
	}
}

// The pod's own addresses are never tentative: they are usable as soon as Setup returns.
func TestSetupAddressesAreReady(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	w.setup()
	w.ns.Do(func() {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		list, err := netlink.AddrList(l, unix.AF_INET6)
		if err != nil {
			t.Fatal(err)
		}
		for _, a := range list {
			if a.Flags&unix.IFA_F_TENTATIVE != 0 && !a.IP.IsLinkLocalUnicast() {
				t.Errorf("address %s is tentative", a.IP)
			}
		}
	})
}

func TestSetupSysctls(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	for _, key := range []string{"ipv6/conf/default/disable_ipv6", "ipv4/conf/default/proxy_arp", "ipv4/conf/default/rp_filter"} {
		w.node.Sysctl(key, "1") // what an administrator may have set for new interfaces
		w.ns.Sysctl(key, "1")
	}
	w.node.Sysctl("ipv4/conf/default/forwarding", "0")
	pair := w.setup()
	for key, want := range map[string]string{
		"ipv4/conf/IF/forwarding": "1", "ipv4/conf/IF/rp_filter": "0", "ipv4/conf/IF/proxy_arp": "0", "ipv4/conf/IF/arp_ignore": "8",
		"ipv6/conf/IF/disable_ipv6": "0", "ipv6/conf/IF/accept_ra": "0", "ipv6/conf/IF/accept_dad": "0", "ipv6/conf/IF/proxy_ndp": "0",
		// The node's own settings are as they were.
		"ipv4/ip_forward": "1", "ipv4/conf/all/rp_filter": "0", "ipv4/conf/default/proxy_arp": "1", "ipv6/conf/default/disable_ipv6": "1",
	} {
		key = strings.ReplaceAll(key, "IF", pair.HostName)
		if got := strings.TrimSpace(w.node.ReadSysctl(key)); got != want {
			t.Errorf("node: net/%s is %s, want %s", key, got, want)
		}
	}
	for key, want := range map[string]string{
		"ipv6/conf/eth0/disable_ipv6": "0", "ipv6/conf/eth0/accept_ra": "0", "ipv6/conf/eth0/accept_dad": "0", "ipv6/conf/eth0/autoconf": "0",
	} {
		if got := strings.TrimSpace(w.ns.ReadSysctl(key)); got != want {
			t.Errorf("pod: net/%s is %s, want %s", key, got, want)
		}
	}
}

// The wire of a pod without an IPv6 address carries no IPv6.
func TestSetupIPv4Alone(t *testing.T) {
	w := newWiring(t, "10.1.0.5")
	pair := w.setup()
	if got := strings.TrimSpace(w.node.ReadSysctl("ipv6/conf/" + pair.HostName + "/disable_ipv6")); got != "1" {
		t.Errorf("disable_ipv6 of the host side is %s", got)
	}
	if err := w.check(); err != nil {
		t.Error(err)
	}
}

func TestSetupAgainChangesNothing(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	first := w.setup()
	_, before := describe(t, w.ns, "eth0")
	if diff := cmp.Diff(first, w.setup()); diff != "" {
		t.Errorf("pair (-first +second):\n%s", diff)
	}
	if _, after := describe(t, w.ns, "eth0"); before != after {
		t.Errorf("pod side (-before +after):\n%s", cmp.Diff(before, after))
	}
}

// Setup repairs whatever is missing from a pair that is there.
func TestSetupCompletes(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	first := w.setup()
	w.ns.Do(func() {
		l, err := netlink.LinkByName("eth0")
		if err == nil {
			err = netlink.LinkSetDown(l) // takes routes, neighbours and IPv6 addresses with it
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	if err := w.check(); !errors.Is(err, ErrMissing) {
		t.Fatalf("Check of a pair that is down: %v", err)
	}
	if second := w.setup(); second.HostIndex != first.HostIndex {
		t.Errorf("the pair was replaced: %+v, %+v", first, second)
	}
	if err := w.check(); err != nil {
		t.Error(err)
	}
}

func TestSetupReplacesHalves(t *testing.T) {
	tests := []struct {
		name string
		make func(*wiring)
	}{
		{"peer under another name", func(w *wiring) { addVeth(w, "tmp0", int(fd(w.t, w.ns))) }},
		{"peer on the node", func(w *wiring) { addVeth(w, "eth0", 0) }},
		{"peer in another namespace", func(w *wiring) { addVeth(w, "eth0", int(fd(w.t, netnstest.New(w.t)))) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWiring(t, bothFamilies...)
			test.make(w)
			w.setup()
			if err := w.check(); err != nil {
				t.Error(err)
			}
		})
	}
}

// Interface indexes repeat from namespace to namespace: two pairs that have nothing to do with each other look like one.
func TestSetupIsNotDeceivedByEqualIndexes(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	addVeth(w, "eth0", int(fd(t, netnstest.New(t))))
	elsewhere := &wiring{t: t, node: netnstest.New(t), pod: w.pod}
	addVeth(elsewhere, "eth0", int(fd(t, w.ns)))
	w.node.Do(func() {
		if err := netlink.SetNetNsIdByFd(int(fd(t, w.ns)), 7); err != nil { // the node has met the pod's namespace before
			t.Fatal(err)
		}
		if _, err := Setup(w.pod); err == nil || !strings.Contains(err.Error(), "already in the pod's network namespace") {
			t.Errorf("got error %v", err)
		}
	})
}

// addVeth makes a pair with the host side's name; namespace 0 is the node's.
func addVeth(w *wiring, peer string, namespace int) {
	w.t.Helper()
	w.node.Do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = HostName(w.pod.Owner)
		veth := netlink.NewVeth(attrs)
		veth.PeerName = peer
		if namespace != 0 {
			veth.PeerNamespace = netlink.NsFd(namespace)
		}
		if err := netlink.LinkAdd(veth); err != nil {
			w.t.Fatal(err)
		}
	})
}

func fd(t *testing.T, ns *netnstest.NS) int {
	t.Helper()
	f, err := unix.Open(ns.Path(), unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { unix.Close(f) })
	return f
}

func TestPodsReachEachOtherWithoutAskingForNeighbours(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	w.setup()
	otherNS := netnstest.New(t)
	other := newPod(otherNS, "c2", "10.1.0.6", "fd00:1::6")
	w.node.Do(func() {
		if _, err := Setup(other); err != nil {
			t.Fatal(err)
		}
	})
	for _, a := range other.Addresses {
		if err := netnstest.Connect(w.ns, otherNS, a); err != nil {
			t.Error(err)
		}
	}
	for _, ns := range []*netnstest.NS{w.node, w.ns, otherNS} {
		ns.Do(func() {
			list, err := netlink.NeighList(0, 0)
			if err != nil {
				t.Error(err)
			}
			for _, n := range list {
				if n.State&(unix.NUD_PERMANENT|unix.NUD_NOARP) == 0 {
					t.Errorf("a neighbour was asked for: %s", n.String())
				}
			}
		})
	}
}

// Neither the node's own addresses nor anything behind the node answers the pod's ARP.
func TestNodeAnswersNoARP(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	w.node.Do(func() {
		lo, err := netlink.LinkByName("lo")
		if err == nil {
			err = netlink.AddrAdd(lo, &netlink.Addr{IPNet: hostNet(netip.MustParseAddr("10.9.9.9"))})
		}
		if err == nil {
			err = netlink.LinkSetUp(lo)
		}
		if err != nil {
			t.Fatal(err)
		}
	})
	w.setup()
	target := netip.MustParseAddr("10.9.9.9")
	if answered(t, w, target) {
		t.Errorf("the node answers an ARP request for %s", target)
	}
	w.node.Sysctl("ipv4/conf/"+HostName(w.pod.Owner)+"/arp_ignore", "0")
	if !answered(t, w, target) {
		t.Error("this test cannot fail: a node that should answer does not")
	}
}

// answered asks for the hardware address of the target from within the pod, and waits for how it ends.
func answered(t *testing.T, w *wiring, target netip.Addr) (yes bool) {
	t.Helper()
	w.ns.Sysctl("ipv4/neigh/eth0/retrans_time_ms", "10")
	w.ns.Do(func() {
		l, err := netlink.LinkByName("eth0")
		if err != nil {
			t.Fatal(err)
		}
		probe := &netlink.Neigh{LinkIndex: l.Attrs().Index, Family: unix.AF_INET, IP: target.AsSlice(), State: unix.NUD_NONE, Flags: unix.NTF_USE}
		if err := netlink.NeighSet(probe); err != nil {
			t.Fatal(err)
		}
		for {
			list, err := netlink.NeighList(l.Attrs().Index, unix.AF_INET)
			if err != nil {
				t.Fatal(err)
			}
			for _, n := range list {
				if n.IP.Equal(probe.IP) && n.State&(unix.NUD_REACHABLE|unix.NUD_STALE|unix.NUD_DELAY) != 0 {
					yes = true
					return
				}
				if n.IP.Equal(probe.IP) && n.State&unix.NUD_FAILED != 0 {
					return
				}
			}
		}
	})
	return yes
}

func TestRemove(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	w.setup()
	w.ns.Close()
	for range 3 {
		w.node.Do(func() {
			if err := Remove(w.pod.Owner); err != nil {
				t.Error(err)
			}
		})
	}
	w.node.Do(func() {
		if there, err := Exists(w.pod.Owner); there || err != nil {
			t.Errorf("Exists: %v, %v", there, err)
		}
		if err := RemoveHost("lo"); err == nil {
			t.Error("RemoveHost takes any interface")
		}
	})
}

func TestHosts(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	pair := w.setup()
	other := newPod(netnstest.New(t), "c2")
	other.Network = "hedgerow-2"
	w.node.Do(func() {
		if _, err := Setup(other); err != nil {
			t.Fatal(err)
		}
		got, err := Hosts("hedgerow")
		if err != nil {
			t.Fatal(err)
		}
		if diff := cmp.Diff([]string{pair.HostName}, got); diff != "" {
			t.Errorf("host sides (-want +got):\n%s", diff)
		}
	})
}

func TestCheckForwarding(t *testing.T) {
	w := newWiring(t, bothFamilies...)
	check := func() (err error) {
		w.node.Do(func() { err = CheckForwarding(w.pod.Addresses) })
		return err
	}
	if err := check(); err != nil {
		t.Error(err)
	}
	w.node.Sysctl("ipv6/conf/all/forwarding", "0")
	if err := check(); !errors.Is(err, ErrForwarding) {
		t.Errorf("IPv6 forwarding is off: %v", err)
	}
	w.pod.Addresses = w.pod.Addresses[:1]
	if err := check(); err != nil {
		t.Errorf("IPv6 forwarding is off, but not in use: %v", err)
	}
	w.node.Sysctl("ipv4/ip_forward", "0")
	if err := check(); !errors.Is(err, ErrForwarding) {
		t.Errorf("IPv4 forwarding is off: %v", err)
	}
}
