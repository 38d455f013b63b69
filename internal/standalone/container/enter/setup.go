package enter

import (
	"errors"
	"fmt"
	"os"
	"path"
	"strings"
	"syscall"
)

// Setup describes a container to create.
type Setup struct {
	Hostname string
	// Image is the directory with the root filesystem. It is never written to.
	Image string
	// Scratch is an existing directory. A tmpfs is mounted there, inside the container's mount namespace only, that takes what the
	// container writes to its root.
	Scratch string
	// ScratchBytes bounds that tmpfs.
	ScratchBytes int64
	ReadOnly     bool // the root filesystem is read-only
	Privileged   bool // nothing below /proc and /sys is masked or read-only
	Files        []File
	Mounts       []Mount
	Command      Command
}

// File is written into the root filesystem before the payload starts.
type File struct {
	Path    string
	Content string
	Mode    uint32
}

// Mount makes a directory or file of the machine visible in the container.
type Mount struct {
	Source   string
	Target   string
	ReadOnly bool
}

// create turns this process, the first of a new PID namespace, into the payload. It returns only errors.
func create() error {
	var s Setup
	if _, err := readRequest(&s); err != nil {
		return err
	}
	if err := syscall.Sethostname([]byte(s.Hostname)); err != nil {
		return fmt.Errorf("set hostname %q: %w", s.Hostname, err)
	}
	// Sources are opened while the machine's files can be seen and attached when they no longer can: so no symbolic link inside a
	// volume leads outside.
	var sources sources
	for _, step := range []func() error{
		detachPropagation,
		func() error { return sources.open(s.Mounts) },
		func() error { return enterRoot(&s) },
		func() error { return mountKernelFiles(s.Privileged) },
		sources.attachDevices,
		func() error { return writeFiles(s.Files) },
		func() error { return sources.attach(s.Mounts) },
		func() error { return maskKernelFiles(s.Privileged) },
		func() error { return sealRoot(s.ReadOnly) },
	} {
		if err := step(); err != nil {
			return err
		}
	}
	return s.Command.exec()
}

// exec replaces this process with the command.
func (c *Command) exec() error {
	program, err := c.prepare()
	if err != nil {
		return err
	}
	if err := c.takeCredentials(); err != nil {
		return err
	}
	if err := arm(); err != nil {
		return err
	}
	return c.startError(syscall.Exec(program, c.Args, c.Env))
}

// prepare goes to the working directory and returns the program's path.
func (c *Command) prepare() (string, error) {
	if len(c.Args) == 0 {
		return "", errors.New("start container: no command")
	}
	dir := path.Clean("/" + c.Dir)
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("make working directory: %w", err)
	}
	if err := syscall.Chdir(dir); err != nil {
		return "", fmt.Errorf("go to working directory %s: %w", dir, err)
	}
	return c.lookPath()
}

// lookPath finds Args[0] as a shell would, in the command's own PATH.
func (c *Command) lookPath() (string, error) {
	name := c.Args[0]
	if strings.Contains(name, "/") {
		return name, nil
	}
	for _, env := range c.Env {
		list, ok := strings.CutPrefix(env, "PATH=")
		if !ok {
			continue
		}
		for _, dir := range strings.Split(list, ":") {
			file := path.Join("/", dir, name)
			if info, err := os.Stat(file); err == nil && info.Mode().IsRegular() && info.Mode()&0o111 != 0 {
				return file, nil
			}
		}
	}
	return "", fmt.Errorf("exec %q: executable file not found in $PATH", name)
}

func (c *Command) startError(err error) error {
	return fmt.Errorf("exec %q: %w", c.Args[0], err)
}
