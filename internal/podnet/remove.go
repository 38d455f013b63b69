package podnet

import (
	"fmt"

	"github.com/containernetworking/plugins/pkg/netlinksafe"
	"golang.org/x/sys/unix"
)

// Remove deletes the owner's interface, both ends with all that hangs on them. One that is not there is a success. The
// pod's namespace need not exist any more.
func Remove(o Owner) error { return RemoveHost(HostName(o)) }

// RemoveHost is Remove by the name of the host side. It refuses names that HostName does not make.
func RemoveHost(name string) error {
	if !hostNamePattern.MatchString(name) {
		return fmt.Errorf("delete interface %s: not an interface of Hedgerow", name)
	}
	h, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return fmt.Errorf("open netlink on the node: %w", err)
	}
	defer h.Close()
	link, err := h.LinkByName(name)
	if isNotFound(err) {
		return nil
	} else if err != nil {
		return fmt.Errorf("look up %s on the node: %w", name, err)
	}
	return deleteLink(h.Handle, link)
}

// Exists reports whether the owner's host side is there.
func Exists(o Owner) (bool, error) {
	h, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return false, fmt.Errorf("open netlink on the node: %w", err)
	}
	defer h.Close()
	_, err = h.LinkByName(HostName(o))
	if isNotFound(err) {
		return false, nil
	} else if err != nil {
		return false, fmt.Errorf("look up %s on the node: %w", HostName(o), err)
	}
	return true, nil
}

// Hosts returns the names of all host sides that belong to the network.
func Hosts(network string) ([]string, error) {
	h, err := netlinksafe.NewHandle(unix.NETLINK_ROUTE)
	if err != nil {
		return nil, fmt.Errorf("open netlink on the node: %w", err)
	}
	defer h.Close()
	links, err := h.LinkList()
	if err != nil {
		return nil, fmt.Errorf("list the node's interfaces: %w", err)
	}
	var names []string
	for _, l := range links {
		a := l.Attrs()
		if l.Type() == "veth" && hostNamePattern.MatchString(a.Name) && ownedBy(network, a.Alias) {
			names = append(names, a.Name)
		}
	}
	return names, nil
}
