package fabric

import (
	"errors"
	"fmt"
	"net"
	"net/netip"
	"os"
	"path/filepath"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

const (
	bridgeName = "br0"
	uplinkName = "eth0"
)

// Settings of every namespace made here. IPv4 ones are written out because a new namespace inherits the machine's.
var commonSettings = map[string]string{
	"net/ipv4/ip_forward":                        "1",
	"net/ipv4/conf/all/rp_filter":                "0",
	"net/ipv4/conf/default/rp_filter":            "0",
	"net/ipv4/conf/all/send_redirects":           "0",
	"net/ipv4/conf/default/send_redirects":       "0",
	"net/ipv4/conf/all/accept_redirects":         "0",
	"net/ipv4/conf/default/accept_redirects":     "0",
	"net/ipv6/conf/all/forwarding":               "1",
	"net/ipv6/conf/default/forwarding":           "1",
	"net/ipv6/conf/all/disable_ipv6":             "0",
	"net/ipv6/conf/default/disable_ipv6":         "0",
	"net/ipv6/conf/all/accept_ra":                "0",
	"net/ipv6/conf/default/accept_ra":            "0",
	"net/ipv6/conf/all/accept_dad":               "0", // addresses are ours alone, and waiting for them delays the start
	"net/ipv6/conf/default/accept_dad":           "0",
	"net/ipv6/conf/default/accept_redirects":     "0",
	"net/ipv6/conf/default/router_solicitations": "0",
}

// bridgeSettings keep packets on the bridge away from netfilter, where the machine has br_netfilter loaded.
var bridgeSettings = map[string]string{
	"net/bridge/bridge-nf-call-iptables":  "0",
	"net/bridge/bridge-nf-call-ip6tables": "0",
}

func (f *Fabric) build() error {
	if err := create(f.Bridge(), f.configureBridge); err != nil {
		return fmt.Errorf("set up bridge: %w", err)
	}
	for i := range f.Nodes {
		if err := f.buildNode(&f.Nodes[i]); err != nil {
			return fmt.Errorf("set up network of %s: %w", f.Nodes[i].Name, err)
		}
	}
	return nil
}

// configureBridge runs inside the fabric's namespace.
func (f *Fabric) configureBridge() error {
	if err := writeSettings(commonSettings, false); err != nil {
		return err
	}
	if err := writeSettings(bridgeSettings, true); err != nil {
		return err
	}
	h, err := open()
	if err != nil {
		return err
	}
	defer h.Close()
	snooping := false // there is no querier, and neighbour discovery must pass
	bridge := &netlink.Bridge{LinkAttrs: netlink.LinkAttrs{Name: bridgeName}, MulticastSnooping: &snooping}
	if err := h.LinkAdd(bridge); err != nil {
		return fmt.Errorf("add bridge: %w", err)
	}
	if err := up(h, bridgeName, BridgeIPv4, BridgeIPv6); err != nil {
		return err
	}
	// Nothing outside is reachable; saying so at once beats letting pods wait.
	return unreachable(h, netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0"))
}

// buildNode makes the node's namespace, its link to the bridge, and the ways to its pods.
func (f *Fabric) buildNode(n *Plan) error {
	if err := create(f.Netns(n.Name), func() error { return writeSettings(commonSettings, false) }); err != nil {
		return err
	}
	if err := Do(f.Bridge(), func() error { return f.plug(n) }); err != nil {
		return err
	}
	return Do(f.Netns(n.Name), func() error { return f.configureNode(n) })
}

// plug runs inside the fabric's namespace: a veth pair whose other end is born in the node's.
func (f *Fabric) plug(n *Plan) error {
	netns, err := os.Open(f.Netns(n.Name))
	if err != nil {
		return fmt.Errorf("open network namespace: %w", err)
	}
	defer netns.Close()
	h, err := open()
	if err != nil {
		return err
	}
	defer h.Close()
	bridge, err := h.LinkByName(bridgeName)
	if err != nil {
		return fmt.Errorf("find bridge: %w", err)
	}
	veth := &netlink.Veth{
		LinkAttrs: netlink.LinkAttrs{Name: n.Name, MasterIndex: bridge.Attrs().Index},
		PeerName:  uplinkName, PeerNamespace: netlink.NsFd(int(netns.Fd())),
	}
	if err := h.LinkAdd(veth); err != nil {
		return fmt.Errorf("add link to the bridge: %w", err)
	}
	if err := up(h, n.Name); err != nil {
		return err
	}
	return routes(h, bridge.Attrs().Index, n.PodCIDRs, addresses(n.Addresses))
}

// configureNode runs inside the node's namespace.
func (f *Fabric) configureNode(n *Plan) error {
	h, err := open()
	if err != nil {
		return err
	}
	defer h.Close()
	if err := up(h, uplinkName, n.Addresses...); err != nil {
		return err
	}
	uplink, err := h.LinkByName(uplinkName)
	if err != nil {
		return fmt.Errorf("find %s: %w", uplinkName, err)
	}
	index := uplink.Attrs().Index
	everywhere := []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0"), netip.MustParsePrefix("::/0")}
	if err := routes(h, index, everywhere, []netip.Addr{BridgeIPv4.Addr(), BridgeIPv6.Addr()}); err != nil {
		return err
	}
	for _, other := range f.Nodes {
		if other.Name == n.Name {
			// Without this, a packet to a pod that is gone would travel between here and the bridge until its hops run out.
			err = unreachable(h, n.PodCIDRs...)
		} else {
			err = routes(h, index, other.PodCIDRs, addresses(other.Addresses))
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// open returns a handle of the calling thread's namespace, with its loopback interface up.
func open() (*netlink.Handle, error) {
	h, err := netlink.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink: %w", err)
	}
	if err := up(h, "lo"); err != nil {
		h.Close()
		return nil, err
	}
	return h, nil
}

// up gives a link its addresses and sets it up.
func up(h *netlink.Handle, name string, prefixes ...netip.Prefix) error {
	link, err := h.LinkByName(name)
	if err != nil {
		return fmt.Errorf("find %s: %w", name, err)
	}
	for _, p := range prefixes {
		addr := &netlink.Addr{IPNet: ipNet(p)}
		if p.Addr().Is6() {
			addr.Flags = unix.IFA_F_NODAD
		}
		if err := h.AddrAdd(link, addr); err != nil {
			return fmt.Errorf("add address %s to %s: %w", p, name, err)
		}
	}
	if err := h.LinkSetUp(link); err != nil {
		return fmt.Errorf("set %s up: %w", name, err)
	}
	return nil
}

// routes adds a route for each prefix through the gateway of the same place in the list.
func routes(h *netlink.Handle, link int, to []netip.Prefix, via []netip.Addr) error {
	for i, p := range to {
		if err := h.RouteAdd(&netlink.Route{LinkIndex: link, Dst: ipNet(p), Gw: via[i].AsSlice()}); err != nil {
			return fmt.Errorf("add route to %s via %s: %w", p, via[i], err)
		}
	}
	return nil
}

// unreachable makes packets to the prefixes fail with an ICMP error unless a longer route exists.
func unreachable(h *netlink.Handle, to ...netip.Prefix) error {
	for _, p := range to {
		if err := h.RouteAdd(&netlink.Route{Dst: ipNet(p), Type: unix.RTN_UNREACHABLE}); err != nil {
			return fmt.Errorf("add unreachable route to %s: %w", p, err)
		}
	}
	return nil
}

func ipNet(p netip.Prefix) *net.IPNet {
	return &net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

func addresses(prefixes []netip.Prefix) []netip.Addr {
	var list []netip.Addr
	for _, p := range prefixes {
		list = append(list, p.Addr())
	}
	return list
}

// writeSettings writes sysctls of the calling thread's namespace; optional ones may be missing.
func writeSettings(settings map[string]string, optional bool) error {
	for name, value := range settings {
		err := os.WriteFile(filepath.Join("/proc/sys", name), []byte(value), 0)
		if optional && errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			return fmt.Errorf("set %s to %s: %w", name, value, err)
		}
	}
	return nil
}
