package cni

import (
	"errors"
	"fmt"
	"maps"
	"net"
	"net/netip"
	"slices"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/containernetworking/cni/pkg/version"

	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

// newResult says what ADD made: the host side, the pod's interface, its addresses and default routes.
func newResult(pod *podnet.Pod, pair *podnet.Pair, dns types.DNS) *current.Result {
	r := &current.Result{
		CNIVersion: current.ImplementedSpecVersion,
		DNS:        dns,
		Interfaces: []*current.Interface{
			{Name: pair.HostName, Mac: pair.HostMAC.String(), Mtu: pair.MTU},
			{Name: pod.Interface, Mac: pair.PodMAC.String(), Mtu: pair.MTU, Sandbox: pod.Netns},
		},
	}
	routed := map[netip.Addr]bool{}
	for _, a := range pod.Addresses {
		gateway, all := podnet.Gateway6, netip.PrefixFrom(netip.IPv6Unspecified(), 0)
		if a.Is4() {
			gateway, all = podnet.Gateway4, netip.PrefixFrom(netip.IPv4Unspecified(), 0)
		}
		r.IPs = append(r.IPs, &current.IPConfig{
			Interface: current.Int(1),
			Address:   ipNet(netip.PrefixFrom(a, a.BitLen())),
			Gateway:   gateway.AsSlice(),
		})
		if !routed[gateway] {
			routed[gateway] = true
			r.Routes = append(r.Routes, &types.Route{Dst: ipNet(all), GW: gateway.AsSlice()})
		}
	}
	return r
}

func ipNet(p netip.Prefix) net.IPNet {
	return net.IPNet{IP: p.Addr().AsSlice(), Mask: net.CIDRMask(p.Bits(), p.Addr().BitLen())}
}

// previous is what ADD said that it made, as CHECK gets it back.
type previous struct {
	hostName, podMAC string
	addresses        []netip.Addr
}

// loadPrevious reads the result of ADD that the runtime kept.
func (c *command) loadPrevious() (*previous, error) {
	if err := refuseNulls("prevResult", c.conf.RawPrevResult); err != nil {
		return nil, configError(err)
	}
	if err := version.ParsePrevResult(&c.conf.PluginConf); err != nil {
		return nil, configError(err)
	}
	if c.conf.PrevResult == nil {
		return nil, configError(errors.New("prevResult is missing: CHECK compares with it"))
	}
	r, err := current.NewResultFromResult(c.conf.PrevResult)
	if err != nil {
		return nil, configError(fmt.Errorf("prevResult: %w", err))
	}
	p := &previous{}
	pod := -1
	for i, iface := range r.Interfaces {
		switch {
		case iface.Sandbox == "" && iface.Name == podnet.HostName(c.owner()):
			p.hostName = iface.Name
		case iface.Sandbox != "" && iface.Name == c.args.IfName:
			p.podMAC, pod = iface.Mac, i
		}
	}
	for _, ip := range r.IPs {
		if ip.Interface == nil || *ip.Interface != pod {
			continue // of another plugin of the list
		}
		a, ok := netip.AddrFromSlice(ip.Address.IP)
		if !ok {
			return nil, configError(errors.New("prevResult: an entry of ips has no address"))
		}
		p.addresses = append(p.addresses, a.Unmap())
	}
	if p.hostName == "" || len(p.addresses) == 0 {
		return nil, configError(fmt.Errorf("prevResult does not hold interface %s with addresses and its other end %s", c.args.IfName, podnet.HostName(c.owner())))
	}
	return p, nil
}

// refuseNulls says where a list holds null. The library that reads results takes every entry for an object.
func refuseNulls(path string, value any) error {
	switch value := value.(type) {
	case []any:
		for i, entry := range value {
			at := fmt.Sprintf("%s[%d]", path, i)
			if entry == nil {
				return fmt.Errorf("%s is null", at)
			}
			if err := refuseNulls(at, entry); err != nil {
				return err
			}
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(value)) {
			if err := refuseNulls(path+"."+name, value[name]); err != nil {
				return err
			}
		}
	}
	return nil
}
