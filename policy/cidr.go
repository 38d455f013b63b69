package policy

import (
	"errors"
	"fmt"
	"net/netip"
	"strings"

	netutils "k8s.io/utils/net"
)

// parseCIDR reads a CIDR as the API server does for stored objects: leading zeros and bits beyond the prefix length, which it once let in,
// are understood as ever (net.ParseCIDR before Go 1.17) and masked off. IPv4-mapped IPv6 addresses are refused, as by today's validation (KEP-4858):
// which family they mean is a matter of opinion.
func parseCIDR(text string) (netip.Prefix, error) {
	ip, network, err := netutils.ParseCIDRSloppy(text)
	if err != nil {
		return netip.Prefix{}, fmt.Errorf("%q is no CIDR such as 10.0.0.0/8 or fd00::/8", text)
	}
	if ip.To4() != nil && strings.Contains(text, ":") {
		return netip.Prefix{}, fmt.Errorf("%q is an IPv4-mapped IPv6 CIDR: write it as IPv4", text)
	}
	address, ok := netip.AddrFromSlice(network.IP)
	bits, _ := network.Mask.Size()
	prefix := netip.PrefixFrom(address, bits)
	if !ok || !prefix.IsValid() {
		return netip.Prefix{}, errors.New("parse CIDR: not a prefix: " + text)
	}
	return prefix.Masked(), nil
}
