package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"

	"golang.org/x/sys/unix"
)

// EphemeralRoot is where folders of --ephemeral instances are.
const EphemeralRoot = "/run/hedgerow-standalone"

const ephemeralPattern = "ephemeral-*"

// NewEphemeral makes and locks a folder below root that Close removes whole.
func NewEphemeral(root string) (*Dir, error) {
	guard, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	path, err := os.MkdirTemp(root, ephemeralPattern)
	if err != nil {
		return nil, fmt.Errorf("make ephemeral data folder: %w", err)
	}
	d, err := open(path)
	if err != nil {
		return nil, errors.Join(err, os.RemoveAll(path))
	}
	d.ephemeral = true
	return d, nil
}

// Ephemerals lists the folders below root whose process is alive.
func Ephemerals(root string) []string {
	var live []string
	paths, _ := filepath.Glob(filepath.Join(root, ephemeralPattern)) // the pattern is well-formed
	for _, path := range paths {
		if Live(path) {
			live = append(live, path)
		}
	}
	return live
}

// Sweep removes the folders below root whose process is dead. It returns what it removed.
func Sweep(root string) ([]string, error) {
	if _, err := os.Stat(root); errors.Is(err, fs.ErrNotExist) {
		return nil, nil
	}
	guard, err := lockRoot(root)
	if err != nil {
		return nil, err
	}
	defer guard.Close()
	paths, err := filepath.Glob(filepath.Join(root, ephemeralPattern))
	if err != nil {
		return nil, fmt.Errorf("list ephemeral data folders: %w", err)
	}
	var removed []string
	for _, path := range paths {
		if Live(path) {
			continue
		}
		if err := os.RemoveAll(path); err != nil {
			return removed, fmt.Errorf("remove dead data folder: %w", err)
		}
		removed = append(removed, path)
	}
	return removed, nil
}

// Clean removes the run folder of the dead instance at path or, with all, the whole folder. It reports whether there was anything
// to remove. A live instance is an InUseError, a folder that is not a data folder an error.
func Clean(path string, all bool) (bool, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return false, fmt.Errorf("find data folder: %w", err)
	}
	if _, err := os.Stat(path); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	// Without the lock file the folder was never ours: deleting it could delete anything.
	if _, err := os.Stat(filepath.Join(path, "lock")); err != nil {
		return false, fmt.Errorf("%s is not a data folder of hedgerow-standalone (no lock file): nothing removed", path)
	}
	lock, err := takeLock(path)
	if err != nil {
		return false, err
	}
	defer lock.Close()
	gone := filepath.Join(path, "run")
	if all {
		gone = path
	}
	if _, err := os.Stat(gone); errors.Is(err, fs.ErrNotExist) {
		return false, nil
	}
	if err := os.RemoveAll(gone); err != nil {
		return false, fmt.Errorf("remove %s: %w", gone, err)
	}
	return true, nil
}

// lockRoot keeps a sweep from removing a folder that was just made and is not locked yet.
func lockRoot(root string) (*os.File, error) {
	if err := os.MkdirAll(root, 0o700); err != nil {
		return nil, fmt.Errorf("make folder for ephemeral instances: %w", err)
	}
	f, err := os.OpenFile(filepath.Join(root, ".lock"), os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock folder for ephemeral instances: %w", err)
	}
	if err := unix.Flock(int(f.Fd()), unix.LOCK_EX); err != nil {
		return nil, errors.Join(fmt.Errorf("lock %s: %w", root, err), f.Close())
	}
	return f, nil
}
