package probe

import (
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// bpffs is a bpf file system that is mounted nowhere: only this process can reach it, through the file descriptor, and it ends with the process.
type bpffs struct{ mount *os.File }

func newBPFFS() (*bpffs, error) {
	fs, err := unix.Fsopen("bpf", unix.FSOPEN_CLOEXEC)
	if err != nil {
		return nil, fmt.Errorf("open a bpffs: %w", err)
	}
	defer unix.Close(fs)
	if err := unix.FsconfigCreate(fs); err != nil {
		return nil, fmt.Errorf("make a bpffs: %w", err)
	}
	mount, err := unix.Fsmount(fs, unix.FSMOUNT_CLOEXEC, 0)
	if err != nil {
		return nil, fmt.Errorf("mount a bpffs: %w", err)
	}
	return &bpffs{os.NewFile(uintptr(mount), "bpffs")}, nil
}

// path returns the path of a name in the file system, for this process alone.
func (b *bpffs) path(name string) string {
	return filepath.Join(fmt.Sprintf("/proc/self/fd/%d", b.mount.Fd()), name)
}

func (b *bpffs) close() error { return b.mount.Close() }
