package container

import (
	"fmt"
	"strings"
)

// capabilityNames are the kernel's capabilities by name, without the prefix CAP_, in the order of their numbers.
var capabilityNames = strings.Fields(`CHOWN DAC_OVERRIDE DAC_READ_SEARCH FOWNER FSETID KILL SETGID SETUID SETPCAP
	LINUX_IMMUTABLE NET_BIND_SERVICE NET_BROADCAST NET_ADMIN NET_RAW IPC_LOCK IPC_OWNER SYS_MODULE SYS_RAWIO SYS_CHROOT SYS_PTRACE
	SYS_PACCT SYS_ADMIN SYS_BOOT SYS_NICE SYS_RESOURCE SYS_TIME SYS_TTY_CONFIG MKNOD LEASE AUDIT_WRITE AUDIT_CONTROL SETFCAP
	MAC_OVERRIDE MAC_ADMIN SYSLOG WAKE_ALARM BLOCK_SUSPEND AUDIT_READ PERFMON BPF CHECKPOINT_RESTORE`)

// defaultCapabilities are those that container runtimes commonly leave to a program that asks for nothing.
var defaultCapabilities = strings.Fields(`CHOWN DAC_OVERRIDE FOWNER FSETID KILL SETGID SETUID SETPCAP NET_BIND_SERVICE NET_RAW
	SYS_CHROOT MKNOD AUDIT_WRITE SETFCAP`)

// AllCapabilities is the mask of a privileged program.
func AllCapabilities() uint64 { return 1<<len(capabilityNames) - 1 }

// Capabilities returns the mask of the default capabilities without those of drop and with those of add. Names are written with or without
// CAP_; ALL stands for every one. An unknown name is an error.
func Capabilities(add, drop []string) (uint64, error) {
	mask, err := capabilityMask(defaultCapabilities)
	if err != nil {
		return 0, err
	}
	without, err := capabilityMask(drop)
	if err != nil {
		return 0, err
	}
	with, err := capabilityMask(add)
	if err != nil {
		return 0, err
	}
	return mask&^without | with, nil
}

func capabilityMask(names []string) (uint64, error) {
	var mask uint64
	for _, name := range names {
		bit, err := capabilityBits(name)
		if err != nil {
			return 0, err
		}
		mask |= bit
	}
	return mask, nil
}

func capabilityBits(name string) (uint64, error) {
	short := strings.TrimPrefix(strings.ToUpper(name), "CAP_")
	if short == "ALL" {
		return AllCapabilities(), nil
	}
	for i, known := range capabilityNames {
		if short == known {
			return 1 << i, nil
		}
	}
	return 0, fmt.Errorf("unknown capability %q", name)
}
