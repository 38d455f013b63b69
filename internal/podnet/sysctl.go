package podnet

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
)

// sysctl is one setting of an interface.
type sysctl struct {
	family string // "ipv4", "ipv6"
	key    string
	value  string
}

// sysctlPath is the file of one setting of an interface, in the network namespace of the thread that opens it.
func sysctlPath(family, name, key string) string {
	return filepath.Join("/proc/sys/net", family, "conf", name, key)
}

// writeSysctls writes settings of one interface in the network namespace of the calling thread. Settings that are
// already so are not written, so that a repetition works where /proc/sys is read-only.
func writeSysctls(name string, settings []sysctl) error {
	for _, s := range settings {
		path := sysctlPath(s.family, name, s.key)
		have, err := os.ReadFile(path)
		if err == nil && strings.TrimSpace(string(have)) == s.value {
			continue
		}
		if errors.Is(err, fs.ErrNotExist) && s.family == "ipv6" && !haveIPv6() {
			return errNoIPv6
		}
		if err := os.WriteFile(path, []byte(s.value), 0o644); err != nil {
			return fmt.Errorf("set net.%s.conf.%s.%s=%s: %w", s.family, name, s.key, s.value, err)
		}
	}
	return nil
}

// haveIPv6 reports whether the kernel speaks IPv6 at all.
func haveIPv6() bool {
	_, err := os.Stat("/proc/sys/net/ipv6")
	return err == nil
}

var errNoIPv6 = errors.New("this node's kernel has no IPv6: take the IPv6 ranges out of the network configuration, or load the module")
