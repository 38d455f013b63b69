package podnet

import (
	"errors"
	"fmt"

	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// makePair returns both ends of the pod's pair, which it finds or creates.
func (s *sides) makePair() (host, pod netlink.Link, err error) {
	host, pod, err = s.findPair()
	if err != nil {
		return nil, nil, err
	}
	if pod == nil {
		if host, pod, err = s.replacePair(host); err != nil {
			return nil, nil, err
		}
	}
	if host.Attrs().Alias != s.alias() {
		if err := s.host.LinkSetAlias(host, s.alias()); err != nil {
			return nil, nil, fmt.Errorf("set the alias of %s: %w", host.Attrs().Name, err)
		}
	}
	return host, pod, nil
}

// findPair looks for the pair. A host side whose other end is not the pod's interface comes back without a pod side.
func (s *sides) findPair() (host, pod netlink.Link, err error) {
	name := HostName(s.Owner)
	host, err = s.host.LinkByName(name)
	if isNotFound(err) {
		return nil, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("look up %s on the node: %w", name, err)
	}
	if host.Type() != "veth" {
		return nil, nil, fmt.Errorf("interface %s of the node is a %s that Hedgerow did not make: remove it", name, host.Type())
	}
	pod, err = s.pod.LinkByName(s.Interface)
	if isNotFound(err) {
		return host, nil, nil
	} else if err != nil {
		return nil, nil, fmt.Errorf("look up %s in the pod: %w", s.Interface, err)
	}
	joined, err := s.joined(host, pod)
	if err != nil || !joined {
		return host, nil, err
	}
	return host, pod, nil
}

// joined reports whether the two are ends of one pair. Interface indexes repeat in different namespaces, so the namespace that the
// host side's peer lies in is compared too.
func (s *sides) joined(host, pod netlink.Link) (bool, error) {
	id, err := s.host.GetNetNsIdByFd(int(s.netns.Fd()))
	if err != nil {
		return false, fmt.Errorf("ask for the id of the pod's network namespace: %w", err)
	}
	h, p := host.Attrs(), pod.Attrs()
	return id >= 0 && h.NetNsID == id && h.ParentIndex == p.Index && p.ParentIndex == h.Index, nil
}

// replacePair creates the pair in place of what is left of an older one.
func (s *sides) replacePair(old netlink.Link) (host, pod netlink.Link, err error) {
	if old != nil {
		if err := deleteLink(s.host.Handle, old); err != nil {
			return nil, nil, err
		}
	}
	if _, err := s.pod.LinkByName(s.Interface); err == nil {
		return nil, nil, fmt.Errorf("interface %s is already in the pod's network namespace and is not Hedgerow's: use another interface name, or a new namespace", s.Interface)
	} else if !isNotFound(err) {
		return nil, nil, fmt.Errorf("look up %s in the pod: %w", s.Interface, err)
	}
	if err := s.createPair(); err != nil {
		return nil, nil, err
	}
	if host, err = s.host.LinkByName(HostName(s.Owner)); err != nil {
		return nil, nil, fmt.Errorf("look up %s on the node: %w", HostName(s.Owner), err)
	}
	if pod, err = s.pod.LinkByName(s.Interface); err != nil {
		return nil, nil, fmt.Errorf("look up %s in the pod: %w", s.Interface, err)
	}
	return host, pod, nil
}

// createPair asks the kernel for the whole pair in one request, both ends down, the peer in the pod under its final name.
func (s *sides) createPair() error {
	attrs := netlink.NewLinkAttrs()
	attrs.Name = HostName(s.Owner)
	attrs.MTU = s.MTU
	attrs.HardwareAddr = hardwareAddr(s.Owner, "host")
	veth := netlink.NewVeth(attrs)
	veth.PeerName = s.Interface
	veth.PeerHardwareAddr = hardwareAddr(s.Owner, "pod")
	veth.PeerNamespace = netlink.NsFd(s.netns.Fd())
	if err := s.host.LinkAdd(veth); err != nil {
		return fmt.Errorf("create veth pair %s to %s in %s: %w", attrs.Name, s.Interface, s.Netns, err)
	}
	return nil
}

// deleteLink deletes an interface; one that vanishes meanwhile (its pod's namespace is being destroyed) is a success.
func deleteLink(h *netlink.Handle, link netlink.Link) error {
	err := h.LinkDel(link)
	if err == nil || errors.Is(err, unix.ENODEV) {
		return nil
	}
	return fmt.Errorf("delete interface %s: %w", link.Attrs().Name, err)
}
