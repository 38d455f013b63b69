// Package preflight checks what a machine must have before anything is started, so that what is missing is said in one line and
// nothing is left behind. It only looks.
package preflight

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strings"

	"golang.org/x/sys/unix"
)

// The least kernel: programs of type netfilter came with 6.4.
const (
	kernelMajor = 6
	kernelMinor = 4
)

// Machine is what the checks look at. Tests put other values in.
type Machine struct {
	UID     int
	Release string // as uname -r
	// TypeInfo is the kernel's own type information (BTF).
	TypeInfo string
}

// ThisMachine describes the running machine.
func ThisMachine() (Machine, error) {
	var u unix.Utsname
	if err := unix.Uname(&u); err != nil {
		return Machine{}, fmt.Errorf("ask for the kernel's version: %w", err)
	}
	return Machine{
		UID: os.Geteuid(), Release: unix.ByteSliceToString(u.Release[:]), TypeInfo: "/sys/kernel/btf/vmlinux",
	}, nil
}

// Check returns the first thing the machine lacks.
func (m Machine) Check() error {
	if m.UID != 0 {
		return errors.New("not root: namespaces and eBPF need it; run with sudo")
	}
	var major, minor int
	if _, err := fmt.Sscanf(m.Release, "%d.%d", &major, &minor); err != nil {
		return fmt.Errorf("kernel version %q is not understood: need %d.%d or later", m.Release, kernelMajor, kernelMinor)
	}
	if major < kernelMajor || major == kernelMajor && minor < kernelMinor {
		return fmt.Errorf("kernel %s is too old: need %d.%d or later for eBPF at netfilter; boot a newer kernel",
			m.Release, kernelMajor, kernelMinor)
	}
	if _, err := os.Stat(m.TypeInfo); err != nil {
		return fmt.Errorf("kernel has no type information (%s is missing): boot one built with CONFIG_DEBUG_INFO_BTF", m.TypeInfo)
	}
	return nil
}

// Programs returns an error that names the programs missing in dir.
func Programs(dir string, names ...string) error {
	var missing []string
	for _, name := range names {
		info, err := os.Stat(filepath.Join(dir, name))
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("look for %s: %w", name, err)
		}
		if err != nil || !info.Mode().IsRegular() || info.Mode()&0o111 == 0 {
			missing = append(missing, name)
		}
	}
	if len(missing) > 0 {
		return fmt.Errorf("%s not found in %s: build with make, or name the folder with --bin-dir", strings.Join(missing, ", "), dir)
	}
	return nil
}
