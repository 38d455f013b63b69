// Package datadir is the folder that one standalone instance keeps everything in: what outlives a run (the store, keys, the port) and,
// below run/, what does not (sockets, logs, mount points). It holds the lock that keeps a second instance out, tells live folders
// from dead ones, and removes the dead. It knows nothing of what is inside the files.
package datadir

import (
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/sys/unix"
)

// Default is the data folder of `hedgerow-standalone up` without flags.
const Default = "/var/lib/hedgerow-standalone"

// Version is the layout of the folder. A folder of a later version is refused.
const Version = 1

// logFolder is in the run folder.
const logFolder = "log"

// socketReserve is what paths of sockets may need below the run folder, such as /node200/agent.sock, with room to spare.
const socketReserve = 40

// maxSocketPath is the greatest length of a unix socket's path (sun_path without the terminating zero).
const maxSocketPath = 107

// Dir is a data folder that this process has locked.
type Dir struct {
	path      string
	ephemeral bool
	lock      *os.File
}

// Open locks the folder at path, making it if it is not there, and empties its run folder. Its errors fit on one line and say what to
// do; InUseError means that another process has the folder.
func Open(path string) (*Dir, error) {
	path, err := filepath.Abs(path)
	if err != nil {
		return nil, fmt.Errorf("find data folder: %w", err)
	}
	if err := checkLength(path); err != nil {
		return nil, err
	}
	if err := CheckVersion(path); err != nil {
		return nil, err
	}
	if err := os.MkdirAll(path, 0o700); err != nil {
		return nil, fmt.Errorf("make data folder: %w", err)
	}
	return open(path)
}

// open locks a folder that exists and prepares it.
func open(path string) (*Dir, error) {
	lock, err := takeLock(path)
	if err != nil {
		return nil, err
	}
	d := &Dir{path: path, lock: lock}
	if err := d.prepare(); err != nil {
		return nil, errors.Join(err, lock.Close())
	}
	return d, nil
}

func (d *Dir) prepare() error {
	if err := os.RemoveAll(d.Run()); err != nil {
		return fmt.Errorf("empty run folder: %w", err)
	}
	for _, dir := range []string{d.Run(), d.Run(logFolder)} {
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make run folder: %w", err)
		}
	}
	return os.WriteFile(d.File("VERSION"), []byte(strconv.Itoa(Version)+"\n"), 0o600)
}

// File returns the path of something that outlives a run.
func (d *Dir) File(elem ...string) string { return filepath.Join(append([]string{d.path}, elem...)...) }

// Run returns the path of something that ends with the run; without arguments, the run folder.
func (d *Dir) Run(elem ...string) string {
	return filepath.Join(append([]string{d.path, "run"}, elem...)...)
}

// Log returns the path of a log file.
func (d *Dir) Log(name string) string { return d.Run(logFolder, name+".log") }

// Ephemeral reports whether the folder goes away on Close.
func (d *Dir) Ephemeral() bool { return d.ephemeral }

// Port returns the port that SavePort kept, or 0.
func (d *Dir) Port() int {
	text, err := os.ReadFile(d.File("port"))
	if err != nil {
		return 0
	}
	port, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil || port < 1 || port > 65535 {
		return 0
	}
	return port
}

// SavePort keeps the port for the next run.
func (d *Dir) SavePort(port int) error {
	if err := os.WriteFile(d.File("port"), []byte(strconv.Itoa(port)+"\n"), 0o600); err != nil {
		return fmt.Errorf("keep port: %w", err)
	}
	return nil
}

// Close removes what must not outlive the run and gives up the lock. Logs of a folder that is kept stay until the next run.
func (d *Dir) Close() error {
	return errors.Join(d.remove(), d.lock.Close())
}

func (d *Dir) remove() error {
	if d.ephemeral {
		if err := os.RemoveAll(d.path); err != nil {
			return fmt.Errorf("remove data folder: %w", err)
		}
		return nil
	}
	entries, err := os.ReadDir(d.Run())
	if err != nil {
		return fmt.Errorf("empty run folder: %w", err)
	}
	var errs []error
	for _, e := range entries {
		if e.Name() != logFolder {
			errs = append(errs, os.RemoveAll(d.Run(e.Name())))
		}
	}
	return errors.Join(errs...)
}

// CheckVersion returns an error if the folder at path was written by a later version. A folder that is not there is fine.
func CheckVersion(path string) error {
	text, err := os.ReadFile(filepath.Join(path, "VERSION"))
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("read version of data folder: %w", err)
	}
	version, err := strconv.Atoi(strings.TrimSpace(string(text)))
	if err != nil {
		return fmt.Errorf("data folder %s has a VERSION file that holds no number; choose another --data-dir, or remove this one", path)
	}
	if version > Version {
		return fmt.Errorf("data folder %s was written by a newer hedgerow-standalone (layout %d, this one knows %d); use that one, or another --data-dir",
			path, version, Version)
	}
	return nil
}

// checkLength refuses a folder whose sockets could not be bound.
func checkLength(path string) error {
	if n := len(path) + len("/run") + socketReserve; n > maxSocketPath {
		return fmt.Errorf("data folder path is too long for unix sockets: %d characters, at most %d; choose a shorter --data-dir",
			len(path), maxSocketPath-socketReserve-len("/run"))
	}
	return nil
}

// InUseError says that a live process has the folder locked.
type InUseError struct {
	Path string
	PID  string // as that process wrote it; "unknown" when it has not yet
}

func (e *InUseError) Error() string {
	return fmt.Sprintf("data folder %s is in use by process %s; stop it, or choose another --data-dir (or --ephemeral)", e.Path, e.PID)
}

// takeLock locks the folder. The lock ends with the process; the file stays, because removing it would let two processes
// lock two files of one name.
func takeLock(path string) (*os.File, error) {
	file := filepath.Join(path, "lock")
	f, err := os.OpenFile(file, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, fmt.Errorf("lock data folder: %w", err)
	}
	err = unix.Flock(int(f.Fd()), unix.LOCK_EX|unix.LOCK_NB)
	if errors.Is(err, unix.EWOULDBLOCK) {
		defer f.Close()
		return nil, &InUseError{Path: path, PID: readPID(file)}
	}
	if err == nil {
		err = writePID(f)
	}
	if err != nil {
		return nil, errors.Join(fmt.Errorf("lock data folder: %w", err), f.Close())
	}
	return f, nil
}

func writePID(f *os.File) error {
	if err := f.Truncate(0); err != nil {
		return err
	}
	_, err := f.WriteAt([]byte(strconv.Itoa(os.Getpid())+"\n"), 0)
	return err
}

func readPID(file string) string {
	text, err := os.ReadFile(file)
	if pid := strings.TrimSpace(string(text)); err == nil && pid != "" {
		return pid
	}
	return "unknown"
}

// Live reports whether a process holds the lock of the folder at path.
func Live(path string) bool {
	f, err := os.Open(filepath.Join(path, "lock"))
	if err != nil {
		return false
	}
	defer f.Close()
	return errors.Is(unix.Flock(int(f.Fd()), unix.LOCK_SH|unix.LOCK_NB), unix.EWOULDBLOCK)
}
