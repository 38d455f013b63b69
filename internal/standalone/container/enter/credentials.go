package enter

import (
	"fmt"
	"syscall"
	"unsafe"
)

// Operations of prctl(2), and the version of capset(2)'s header that has 64 bits.
const (
	prSetPdeathsig       = 1
	prCapbsetDrop        = 24
	prSetNoNewPrivs      = 38
	capabilityVersion3   = 0x20080522
	capabilitiesPossible = 64
)

// takeCredentials gives this thread the command's user, groups and capabilities. It must be the last step before the payload, and
// the thread must be the one that executes or forks it.
func (c *Command) takeCredentials() error {
	if err := dropBounding(c.Capabilities); err != nil {
		return err
	}
	if err := c.takeUser(); err != nil {
		return err
	}
	if c.UID == 0 {
		if err := setCapabilities(c.Capabilities); err != nil {
			return err
		}
	}
	if c.NoNewPrivileges {
		if err := prctl(prSetNoNewPrivs, 1); err != nil {
			return fmt.Errorf("forbid new privileges: %w", err)
		}
	}
	// Changing the user clears it.
	if err := prctl(prSetPdeathsig, uintptr(syscall.SIGKILL)); err != nil {
		return fmt.Errorf("set parent-death signal: %w", err)
	}
	return nil
}

// dropBounding takes every capability outside keep from the bounding set, so that no exec brings it back.
func dropBounding(keep uint64) error {
	for c := uintptr(0); c < capabilitiesPossible; c++ {
		if keep&(1<<c) != 0 {
			continue
		}
		err := prctl(prCapbsetDrop, c)
		if err == syscall.EINVAL {
			return nil // beyond the last one the kernel knows
		}
		if err != nil {
			return fmt.Errorf("drop capability %d: %w", c, err)
		}
	}
	return nil
}

// takeUser uses raw calls: those of package syscall change every thread, and a thread that joined a PID namespace cannot be asked.
func (c *Command) takeUser() error {
	var groups *uint32
	if len(c.Groups) > 0 {
		groups = &c.Groups[0]
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETGROUPS, uintptr(len(c.Groups)), uintptr(unsafe.Pointer(groups)), 0); errno != 0 {
		return fmt.Errorf("set groups %v: %w", c.Groups, errno)
	}
	gid, uid := uintptr(c.GID), uintptr(c.UID)
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESGID, gid, gid, gid); errno != 0 {
		return fmt.Errorf("set group %d: %w", c.GID, errno)
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_SETRESUID, uid, uid, uid); errno != 0 {
		return fmt.Errorf("set user %d: %w", c.UID, errno)
	}
	return nil
}

// setCapabilities leaves nothing to inherit and keeps the rest.
func setCapabilities(keep uint64) error {
	header := struct {
		version uint32
		pid     int32
	}{version: capabilityVersion3}
	var data [2]struct{ effective, permitted, inheritable uint32 }
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPGET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
		return fmt.Errorf("read capabilities: %w", errno)
	}
	for i := range data {
		data[i].permitted &= uint32(keep >> (32 * i))
		data[i].effective = data[i].permitted
		data[i].inheritable = 0
	}
	if _, _, errno := syscall.RawSyscall(syscall.SYS_CAPSET, uintptr(unsafe.Pointer(&header)), uintptr(unsafe.Pointer(&data)), 0); errno != 0 {
		return fmt.Errorf("set capabilities: %w", errno)
	}
	return nil
}

func prctl(option int, arg uintptr) error {
	if _, _, errno := syscall.RawSyscall6(syscall.SYS_PRCTL, uintptr(option), arg, 0, 0, 0, 0); errno != 0 {
		return errno
	}
	return nil
}
