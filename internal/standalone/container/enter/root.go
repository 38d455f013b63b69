package enter

import (
	"fmt"
	"os"
	"path"
	"syscall"
)

// detachPropagation keeps every mount made from here on inside this mount namespace.
func detachPropagation() error {
	return mount("none", "/", "", syscall.MS_REC|syscall.MS_PRIVATE, "")
}

// enterRoot stacks a writable layer on the image and makes that the root. Devices that the payload makes there do nothing. Relative
// paths keep colons and commas in directory names out of overlayfs' options.
func enterRoot(s *Setup) error {
	if err := mount("scratch", s.Scratch, "tmpfs", 0, fmt.Sprintf("mode=0755,size=%d", s.ScratchBytes)); err != nil {
		return err
	}
	if err := os.Chdir(s.Scratch); err != nil {
		return fmt.Errorf("enter container root: %w", err)
	}
	for _, dir := range []string{"image", "upper", "work", "root"} {
		if err := os.Mkdir(dir, 0o755); err != nil {
			return fmt.Errorf("enter container root: %w", err)
		}
	}
	if err := mount(s.Image, "image", "", syscall.MS_BIND, ""); err != nil {
		return err
	}
	if err := mount("root", "root", "overlay", syscall.MS_NODEV, "lowerdir=image,upperdir=upper,workdir=work"); err != nil {
		return err
	}
	return pivot("root")
}

// pivot makes dir the root and lets go of the old one.
func pivot(dir string) error {
	if err := os.Chdir(dir); err != nil {
		return fmt.Errorf("enter container root: %w", err)
	}
	if err := syscall.PivotRoot(".", "."); err != nil {
		return fmt.Errorf("pivot root: %w", err)
	}
	// The old root now lies on top of the new one.
	if err := syscall.Unmount(".", syscall.MNT_DETACH); err != nil {
		return fmt.Errorf("detach old root: %w", err)
	}
	return os.Chdir("/")
}

// mountKernelFiles mounts what a program expects of every machine: /proc, /sys and /dev. The devices in /dev are mounts of their own.
func mountKernelFiles(privileged bool) error {
	const quiet = syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV
	sys := uintptr(quiet | syscall.MS_RDONLY)
	if privileged {
		sys = quiet
	}
	for _, m := range []struct {
		kind, target string
		flags        uintptr
		options      string
	}{
		{"proc", "/proc", quiet, ""},
		{"sysfs", "/sys", sys, ""},
		{"tmpfs", "/dev", syscall.MS_NOSUID | syscall.MS_NODEV | syscall.MS_STRICTATIME, "mode=0755,size=65536"},
		{"devpts", "/dev/pts", syscall.MS_NOSUID | syscall.MS_NOEXEC, "newinstance,ptmxmode=0666,mode=0620,gid=5"},
		{"tmpfs", "/dev/shm", quiet, "mode=1777,size=67108864"},
	} {
		if err := os.MkdirAll(m.target, 0o755); err != nil {
			return fmt.Errorf("mount %s: %w", m.target, err)
		}
		if err := mount(m.kind, m.target, m.kind, m.flags, m.options); err != nil {
			return err
		}
	}
	for link, target := range map[string]string{
		"/dev/fd": "/proc/self/fd", "/dev/stdin": "/proc/self/fd/0", "/dev/stdout": "/proc/self/fd/1",
		"/dev/stderr": "/proc/self/fd/2", "/dev/ptmx": "pts/ptmx",
	} {
		if err := os.Symlink(target, link); err != nil {
			return fmt.Errorf("make device link: %w", err)
		}
	}
	return nil
}

// maskKernelFiles hides or write-protects the files of /proc that speak of the whole machine. Without CAP_SYS_ADMIN the payload cannot
// undo it.
func maskKernelFiles(privileged bool) error {
	if privileged {
		return nil
	}
	for _, file := range []string{"/proc/kcore", "/proc/keys", "/proc/timer_list", "/proc/sched_debug"} {
		if err := mount("/dev/null", file, "", syscall.MS_BIND, ""); err != nil && !missing(file) {
			return err
		}
	}
	for _, file := range []string{"/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"} {
		if missing(file) {
			continue
		}
		if err := mount(file, file, "", syscall.MS_BIND|syscall.MS_REC, ""); err != nil {
			return err
		}
		flags := uintptr(syscall.MS_BIND | syscall.MS_REMOUNT | syscall.MS_RDONLY | syscall.MS_NOSUID | syscall.MS_NOEXEC | syscall.MS_NODEV)
		if err := mount("", file, "", flags, ""); err != nil {
			return err
		}
	}
	return nil
}

func sealRoot(readOnly bool) error {
	if !readOnly {
		return nil
	}
	return mount("", "/", "", syscall.MS_BIND|syscall.MS_REMOUNT|syscall.MS_RDONLY|syscall.MS_NODEV, "")
}

func writeFiles(files []File) error {
	for _, f := range files {
		if err := os.MkdirAll(path.Dir(f.Path), 0o755); err != nil {
			return fmt.Errorf("write container file: %w", err)
		}
		if err := os.WriteFile(f.Path, []byte(f.Content), os.FileMode(f.Mode)); err != nil {
			return fmt.Errorf("write container file: %w", err)
		}
	}
	return nil
}

func mount(source, target, kind string, flags uintptr, options string) error {
	if err := syscall.Mount(source, target, kind, flags, options); err != nil {
		return fmt.Errorf("mount %s on %s: %w", source, target, err)
	}
	return nil
}

func missing(file string) bool {
	_, err := os.Lstat(file)
	return os.IsNotExist(err)
}
