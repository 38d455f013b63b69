package podnet

import (
	"crypto/sha256"
	"encoding/hex"
	"net"
	"regexp"
	"strings"
)

// maxAlias is the kernel's limit for an interface's alias, in bytes (IFALIASZ less the final zero).
const maxAlias = 255

// hostNamePattern matches the names of host sides.
var hostNamePattern = regexp.MustCompile(`^hrw[0-9a-f]{12}$`)

// HostName returns the name of the host side of an interface: always the same for the same owner, at most 15 bytes.
func HostName(o Owner) string {
	sum := ownerHash(o, "name")
	return "hrw" + hex.EncodeToString(sum[:6])
}

// hardwareAddr returns the address of one end ("host", "pod") of the pair. It is given to the kernel at creation, because
// udev changes hardware addresses that the kernel chose, and the other end knows this one by a permanent neighbour entry.
func hardwareAddr(o Owner, end string) net.HardwareAddr {
	sum := ownerHash(o, end)
	mac := net.HardwareAddr(sum[:6])
	mac[0] = mac[0]&^1 | 2 // unicast, locally administered
	return mac
}

func ownerHash(o Owner, use string) [sha256.Size]byte {
	return sha256.Sum256([]byte(use + "\x00" + o.Container + "\x00" + o.Interface))
}

// alias is what `ip link` shows of the host side. The network comes first, because ownedBy reads it.
func (p *Pod) alias() string {
	a := aliasPrefix(p.Network) + p.Label
	if len(a) > maxAlias {
		a = a[:maxAlias]
	}
	return a
}

func aliasPrefix(network string) string { return "hedgerow " + network + ": " }

// ownedBy reports whether a host side belongs to the network. One without an alias was left by a Setup that died before
// it could write it, and belongs to whoever finds it.
func ownedBy(network, alias string) bool {
	prefix := aliasPrefix(network)
	if len(prefix) > maxAlias {
		prefix = prefix[:maxAlias]
	}
	return alias == "" || strings.HasPrefix(alias, prefix)
}
