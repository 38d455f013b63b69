package ebpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"

	"github.com/vishvananda/netlink"
)

// bridgeSysctls make the kernel show packets between ports of one bridge to netfilter. They exist where br_netfilter is loaded.
var bridgeSysctls = []string{"bridge-nf-call-iptables", "bridge-nf-call-ip6tables"}

// CheckBridges looks for pods that can talk behind the datapath's back: host-side interfaces of pods that are ports of one bridge whose packets
// netfilter does not see. It looks into the network namespace of the calling thread. An error has one line for each bridge, and says what to do. An
// interface that is gone meanwhile is no error.
func CheckBridges(interfaces []uint32) error {
	off := hiddenFamilies()
	if len(off) == 0 {
		return nil
	}
	h, err := netlink.NewHandle()
	if err != nil {
		return fmt.Errorf("check bridges: %w", err)
	}
	defer h.Close()
	var problems []error
	told := map[int]bool{}
	for _, index := range interfaces {
		pod, err := h.LinkByIndex(int(index))
		if err != nil || pod.Attrs().MasterIndex == 0 || told[pod.Attrs().MasterIndex] {
			continue
		}
		bridge, err := h.LinkByIndex(pod.Attrs().MasterIndex)
		if err != nil || bridge.Type() != "bridge" {
			continue
		}
		told[bridge.Attrs().Index] = true
		problems = append(problems, fmt.Errorf("pod interface %s is a port of bridge %s, and packets between its ports are not enforced: "+
			"load br_netfilter and set %s", pod.Attrs().Name, bridge.Attrs().Name, strings.Join(off, " and ")))
	}
	return errors.Join(problems...)
}

// hiddenFamilies returns the settings that are missing, as a person would set them.
func hiddenFamilies() []string {
	var off []string
	for _, name := range bridgeSysctls {
		value, err := os.ReadFile(filepath.Join("/proc/sys/net/bridge", name))
		if err != nil || strings.TrimSpace(string(value)) != "1" {
			off = append(off, "net.bridge."+name+"=1")
		}
	}
	return off
}
