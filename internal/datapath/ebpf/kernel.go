package ebpf

import (
	"errors"
	"fmt"
	"os"

	cebpf "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/asm"
	"github.com/cilium/ebpf/btf"
	"golang.org/x/sys/unix"
)

// CheckKernel tells whether this kernel can run the datapath: BTF and the netfilter program type (Linux 6.4,
// CONFIG_NETFILTER_BPF_LINK). The error is one line and says what to do.
func CheckKernel() error {
	if os.Geteuid() != 0 {
		return errors.New("check the kernel: not root: loading the datapath needs root (CAP_BPF, CAP_NET_ADMIN, CAP_PERFMON)")
	}
	if _, err := btf.LoadKernelSpec(); err != nil {
		return fmt.Errorf("check the kernel: no BTF at /sys/kernel/btf/vmlinux: use a kernel built with CONFIG_DEBUG_INFO_BTF=y: %w", err)
	}
	prog, err := cebpf.NewProgram(&cebpf.ProgramSpec{
		Type: cebpf.Netfilter, AttachType: cebpf.AttachNetfilter, License: "GPL", Instructions: acceptAll(),
	})
	if err != nil {
		return fmt.Errorf("check the kernel: %w", explain(err))
	}
	return prog.Close()
}

// explain adds what to do to the errors that an old or poor kernel gives.
func explain(err error) error {
	switch {
	case errors.Is(err, unix.EPERM):
		return fmt.Errorf("%w: run as root, with CAP_BPF, CAP_NET_ADMIN and CAP_PERFMON", err)
	case errors.Is(err, unix.EINVAL) && kernelBefore(6, 4):
		return fmt.Errorf("%w: programs at netfilter need Linux 6.4 or later with CONFIG_NETFILTER_BPF_LINK", err)
	case errors.Is(err, unix.EINVAL) && kernelBefore(6, 6):
		return fmt.Errorf("%w: reassembly before the hook needs Linux 6.6 or later", err)
	}
	return err
}

func kernelBefore(major, minor int) bool {
	var u unix.Utsname
	if unix.Uname(&u) != nil {
		return false
	}
	var a, b int
	if _, err := fmt.Sscanf(unix.ByteSliceToString(u.Release[:]), "%d.%d", &a, &b); err != nil {
		return false
	}
	return a < major || a == major && b < minor
}

// checkBPFFS makes dir if needed and makes sure that pins in it will last: it must lie in a bpffs.
func checkBPFFS(dir string) error {
	if err := os.MkdirAll(dir, 0o700); err != nil {
		return fmt.Errorf("make directory for pins: %w", err)
	}
	var fs unix.Statfs_t
	if err := unix.Statfs(dir, &fs); err != nil {
		return fmt.Errorf("look at %s: %w", dir, err)
	}
	if fs.Type != unix.BPF_FS_MAGIC {
		return fmt.Errorf("%s is not in a bpffs: mount one there (mount -t bpf bpf DIR) or name a directory below /sys/fs/bpf", dir)
	}
	return nil
}

// acceptAll is the smallest program of the type.
func acceptAll() asm.Instructions {
	return asm.Instructions{asm.Mov.Imm(asm.R0, 1), asm.Return()}
}
