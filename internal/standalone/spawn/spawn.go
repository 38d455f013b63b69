// Package spawn starts child processes that die with this process, whatever ends it. The kernel binds a parent-death
// signal to the thread that forked, not to the process; so one OS thread, which lives as long as the Spawner, forks every
// child. Commands go in; started commands come out, in the network namespace asked for. It never waits for a child and never
// restarts one.
package spawn

import (
	"errors"
	"fmt"
	"os/exec"
	"runtime"
	"sync"
	"syscall"

	"golang.org/x/sys/unix"
)

// ErrClosed is returned by Start after Close.
var ErrClosed = errors.New("start process: spawner is closed")

// Spawner forks from one OS thread of its own. It is safe for concurrent use; starts happen one after the other.
type Spawner struct {
	requests chan request
	closing  chan struct{}
	once     sync.Once
}

type request struct {
	cmd   *exec.Cmd
	netns string
	done  chan error
}

// New returns a Spawner whose thread runs in the caller's network and mount namespaces.
func New() *Spawner {
	s := &Spawner{requests: make(chan request), closing: make(chan struct{})}
	go s.lock()
	return s
}

// Start starts cmd in the network namespace that netnsPath is bound to, "" being this process's own. It adds Setpgid (unless Setsid is set) and
// a parent-death signal of SIGKILL to cmd.SysProcAttr and keeps the rest of it (Cloneflags, Credential, …). The caller waits for
// cmd as after cmd.Start.
func (s *Spawner) Start(cmd *exec.Cmd, netnsPath string) error {
	r := request{cmd: cmd, netns: netnsPath, done: make(chan error, 1)}
	select {
	case s.requests <- r:
		return <-r.done
	case <-s.closing:
		return ErrClosed
	}
}

// Close ends the Spawner's thread. The kernel then kills every child that is still running with SIGKILL.
func (s *Spawner) Close() { s.once.Do(func() { close(s.closing) }) }

// lock pins the goroutine to a thread that can end. The process's first thread cannot, so it hands over to another
// goroutine while it occupies that one.
func (s *Spawner) lock() {
	runtime.LockOSThread()
	if unix.Gettid() != unix.Getpid() {
		s.serve()
		return // still locked: the thread ends with the goroutine
	}
	locked := make(chan struct{})
	go func() {
		runtime.LockOSThread()
		close(locked)
		s.serve()
	}()
	<-locked
	runtime.UnlockOSThread()
}

func (s *Spawner) serve() {
	own, err := openNetns("/proc/thread-self/ns/net")
	if err == nil {
		defer unix.Close(own)
	}
	for {
		select {
		case r := <-s.requests:
			if err != nil {
				r.done <- err
				continue
			}
			r.done <- start(r.cmd, r.netns, own)
		case <-s.closing:
			return
		}
	}
}

// start runs on the Spawner's thread.
func start(cmd *exec.Cmd, netns string, own int) error {
	attr := syscall.SysProcAttr{}
	if cmd.SysProcAttr != nil {
		attr = *cmd.SysProcAttr
	}
	attr.Setpgid = !attr.Setsid // a session leader leads its group already, and may not ask for one
	attr.Pdeathsig = syscall.SIGKILL
	cmd.SysProcAttr = &attr
	// Entering happens at every start, also for the own namespace, so that a return that failed cannot matter later.
	target := own
	if netns != "" {
		fd, err := openNetns(netns)
		if err != nil {
			return fmt.Errorf("start %s: %w", cmd.Path, err)
		}
		defer unix.Close(fd)
		defer unix.Setns(own, unix.CLONE_NEWNET)
		target = fd
	}
	if err := unix.Setns(target, unix.CLONE_NEWNET); err != nil {
		return fmt.Errorf("start %s: enter network namespace %s: %w", cmd.Path, netns, err)
	}
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start %s: %w", cmd.Path, err)
	}
	return nil
}

func openNetns(path string) (int, error) {
	fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
	if err != nil {
		return -1, fmt.Errorf("open network namespace %s: %w", path, err)
	}
	return fd, nil
}
