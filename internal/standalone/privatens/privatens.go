// Package privatens gives this process a mount namespace of its own, so that every mount it makes (bound network namespaces, the
// bpffs) disappears with it, whatever ends it. Mounts of the machine still arrive; none leave.
package privatens

import (
	"errors"
	"fmt"
	"os"
	"runtime"
	"strconv"

	"golang.org/x/sys/unix"
)

// marker tells the program that starts again that it is already inside. Its value is the process id, which survives exec, so that a
// child that inherits the variable is not misled.
const marker = "HEDGEROW_PRIVATE_MOUNTS"

// ErrOutside is returned by Require.
var ErrOutside = errors.New("process has no mount namespace of its own")

// Enter returns nil inside a private mount namespace. Outside one it makes it and starts the program again in it, with the
// same arguments and process id, and does not return. Call it before anything that must not happen twice.
func Enter() error {
	if Require() == nil {
		return nil
	}
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	if err := os.Setenv(marker, strconv.Itoa(os.Getpid())); err != nil {
		return fmt.Errorf("set %s: %w", marker, err)
	}
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS); err != nil {
		return fmt.Errorf("make mount namespace: %w", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_SLAVE, ""); err != nil {
		return fmt.Errorf("keep mounts from leaving: %w", err)
	}
	if err := unix.Exec(program, os.Args, os.Environ()); err != nil {
		return fmt.Errorf("start %s again: %w", program, err)
	}
	return nil
}

// Require returns ErrOutside unless Enter made this process's mount namespace.
func Require() error {
	if os.Getenv(marker) != strconv.Itoa(os.Getpid()) {
		return ErrOutside
	}
	return nil
}

// MountBPF mounts a bpffs at path, making the folder.
func MountBPF(path string) error {
	if err := Require(); err != nil {
		return fmt.Errorf("mount bpffs: %w", err)
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return fmt.Errorf("mount bpffs: %w", err)
	}
	if err := unix.Mount("hedgerow", path, "bpf", 0, "mode=0700"); err != nil {
		return fmt.Errorf("mount bpffs at %s: %w", path, err)
	}
	return nil
}

// Unmount detaches what is mounted at path. A path with nothing mounted is fine.
func Unmount(path string) error {
	err := unix.Unmount(path, unix.MNT_DETACH)
	if errors.Is(err, unix.EINVAL) || errors.Is(err, unix.ENOENT) || err == nil {
		return nil
	}
	return fmt.Errorf("unmount %s: %w", path, err)
}
