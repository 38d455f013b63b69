// Package lab builds small networks for tests: a node and its pods, each a network namespace of its own, with real interfaces and real
// packets between them. Main puts the whole test process into fresh mount and network namespaces, so that nothing of a test can reach
// the machine or outlive the process. It is imported by tests only.
package lab

import (
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"testing"

	"golang.org/x/sys/unix"
)

// inside marks the process that already lives in its own namespaces.
const inside = "HEDGEROW_LAB"

// Main runs the tests of a package in mount and network namespaces of their own. Call it from TestMain.
func Main(m *testing.M) {
	if os.Getenv(inside) == "" {
		fmt.Fprintf(os.Stderr, "lab: %v\n", enter())
		os.Exit(1)
	}
	os.Unsetenv(inside)
	os.Exit(m.Run())
}

// enter executes the process anew inside fresh namespaces. It returns only on failure.
func enter() error {
	runtime.LockOSThread()
	if err := unix.Unshare(unix.CLONE_NEWNS | unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("make namespaces: %w (these tests need root)", err)
	}
	if err := unix.Mount("", "/", "", unix.MS_REC|unix.MS_PRIVATE, ""); err != nil {
		return fmt.Errorf("make mounts private: %w", err)
	}
	// /proc/self/exe is the test binary; its directory may be gone, its file is not.
	return unix.Exec("/proc/self/exe", os.Args, append(os.Environ(), inside+"=1"))
}

// BPFFS mounts a bpffs for the test and returns a directory in it.
func BPFFS(t testing.TB) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "bpf")
	if err := os.Mkdir(dir, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := unix.Mount("bpf", dir, "bpf", 0, ""); err != nil {
		t.Fatalf("mount bpffs: %v", err)
	}
	t.Cleanup(func() {
		if err := unix.Unmount(dir, unix.MNT_DETACH); err != nil {
			t.Errorf("unmount bpffs: %v", err)
		}
	})
	return filepath.Join(dir, "node")
}
