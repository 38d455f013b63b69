package podnet

import (
	"errors"
	"fmt"
	"net/netip"
	"os"
	"strings"
)

// ErrForwarding is wrapped by the error of CheckForwarding.
var ErrForwarding = errors.New("the node does not forward packets")

// CheckForwarding tests that the node forwards packets of the addresses' families, without which no pod reaches another.
// Whether it should is the decision of who runs the node, so nothing is changed; the error says what to type.
func CheckForwarding(addresses []netip.Addr) error {
	var four, six bool
	for _, a := range addresses {
		four, six = four || a.Is4(), six || a.Is6()
	}
	if four {
		if err := checkForwarding("net.ipv4.ip_forward"); err != nil {
			return err
		}
	}
	if !six {
		return nil
	}
	if !haveIPv6() {
		return fmt.Errorf("%w: %w", ErrForwarding, errNoIPv6)
	}
	return checkForwarding("net.ipv6.conf.all.forwarding")
}

func checkForwarding(name string) error {
	value, err := os.ReadFile("/proc/sys/" + strings.ReplaceAll(name, ".", "/"))
	if err != nil {
		return fmt.Errorf("read %s: %w", name, err)
	}
	if v := strings.TrimSpace(string(value)); v == "0" {
		return fmt.Errorf("%w: %s=0; enable it with: sysctl -w %s=1", ErrForwarding, name, name)
	}
	return nil
}
