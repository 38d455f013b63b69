package enter

import (
	"fmt"
	"os"
	"path"
	"syscall"
	"unsafe"
)

// System calls that package syscall does not know. These three have one number on every architecture.
const (
	sysOpenTree     = 428
	sysMoveMount    = 429
	sysMountSetattr = 442
)

const (
	atFDCWD           = -0x64
	atEmptyPath       = 0x1000
	atRecursive       = 0x8000
	openTreeClone     = 1
	openTreeCloexec   = syscall.O_CLOEXEC
	moveFromEmpty     = 4
	mountAttrReadOnly = 1
	mountAttrNoDev    = 4
)

// devices are the machine's devices that every container sees.
var devices = []string{"/dev/null", "/dev/zero", "/dev/full", "/dev/random", "/dev/urandom", "/dev/tty"}

// sources are detached copies of mounts: of the devices first, then of the volumes.
type sources struct {
	devices, volumes []uintptr
}

func (s *sources) open(mounts []Mount) error {
	for _, file := range devices {
		fd, err := openTree(file)
		if err != nil {
			return err
		}
		s.devices = append(s.devices, fd)
	}
	for _, m := range mounts {
		fd, err := openTree(m.Source)
		if err != nil {
			return err
		}
		attributes := uint64(mountAttrNoDev)
		if m.ReadOnly {
			attributes |= mountAttrReadOnly
		}
		if err := restrict(fd, attributes); err != nil {
			return fmt.Errorf("restrict mount of %s: %w", m.Source, err)
		}
		s.volumes = append(s.volumes, fd)
	}
	return nil
}

func (s *sources) attachDevices() error {
	for i, file := range devices {
		if err := attach(s.devices[i], file); err != nil {
			return err
		}
	}
	return nil
}

func (s *sources) attach(mounts []Mount) error {
	for i, m := range mounts {
		if err := attach(s.volumes[i], m.Target); err != nil {
			return err
		}
	}
	return nil
}

// openTree returns a detached copy of the mount tree at file.
func openTree(file string) (uintptr, error) {
	p, err := syscall.BytePtrFromString(file)
	if err != nil {
		return 0, fmt.Errorf("open %q: %w", file, err)
	}
	at := atFDCWD
	fd, _, errno := syscall.Syscall(sysOpenTree, uintptr(at), uintptr(unsafe.Pointer(p)), openTreeClone|openTreeCloexec|atRecursive)
	if errno != 0 {
		return 0, fmt.Errorf("open %s to mount it: %w", file, errno)
	}
	return fd, nil
}

// restrict sets attributes of a detached mount tree.
func restrict(fd uintptr, attributes uint64) error {
	attr := struct{ set, clear, propagation, userns uint64 }{set: attributes}
	empty := [1]byte{}
	_, _, errno := syscall.Syscall6(sysMountSetattr, fd, uintptr(unsafe.Pointer(&empty)), atEmptyPath|atRecursive,
		uintptr(unsafe.Pointer(&attr)), unsafe.Sizeof(attr), 0)
	if errno != 0 {
		return errno
	}
	return nil
}

// attach mounts a detached tree at target, which it creates as a directory or an empty file, as the tree needs.
func attach(fd uintptr, target string) error {
	var st syscall.Stat_t
	if err := syscall.Fstat(int(fd), &st); err != nil {
		return fmt.Errorf("mount on %s: %w", target, err)
	}
	if err := makeTarget(target, st.Mode&syscall.S_IFMT == syscall.S_IFDIR); err != nil {
		return fmt.Errorf("mount on %s: %w", target, err)
	}
	p, err := syscall.BytePtrFromString(target)
	if err != nil {
		return fmt.Errorf("mount on %q: %w", target, err)
	}
	empty, at := [1]byte{}, atFDCWD
	_, _, errno := syscall.Syscall6(sysMoveMount, fd, uintptr(unsafe.Pointer(&empty)), uintptr(at),
		uintptr(unsafe.Pointer(p)), moveFromEmpty, 0)
	if errno != 0 {
		return fmt.Errorf("mount on %s: %w", target, errno)
	}
	return syscall.Close(int(fd))
}

func makeTarget(target string, directory bool) error {
	if directory {
		return os.MkdirAll(target, 0o755)
	}
	if err := os.MkdirAll(path.Dir(target), 0o755); err != nil {
		return err
	}
	f, err := os.OpenFile(target, os.O_CREATE|os.O_RDONLY, 0o644)
	if err != nil {
		return err
	}
	return f.Close()
}
