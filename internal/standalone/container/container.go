// Package container runs one program as a container: in PID, mount, UTS and IPC namespaces of its own, on a root
// filesystem stacked on an image directory, in a network namespace given by its path. A Spec goes in; a running Container, its exit
// and commands executed inside it come out. Everything a container has lives in its namespaces, so when its first process ends, or
// the process that started it, the kernel takes all of it back. The package never makes or configures a network, knows
// nothing of pods, and limits no CPU or memory.
package container

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container/enter"
)

// What a Spec is made of.
type (
	// Command is a program with its environment, user and capabilities.
	Command = enter.Command
	// File is a file written into the root filesystem before the program starts.
	File = enter.File
	// Mount is a directory or file of the machine that the container sees.
	Mount = enter.Mount
)

// Spec describes a container.
type Spec struct {
	Hostname string // at most 64 bytes
	// Netns is the path of the network namespace to join. It must be given: a container never runs in the caller's.
	Netns string
	// Image is the directory with the root filesystem; many containers may share it, none changes it.
	Image string
	// Scratch is an existing directory that no other container uses. It stays empty as seen from outside.
	Scratch      string
	ReadOnlyRoot bool
	// Privileged leaves /proc and /sys as the kernel makes them. Capabilities are a matter of Command.
	Privileged bool
	Files      []File
	Mounts     []Mount
	Command    Command
	// Stdout and Stderr take the program's output until its last process has ended; nil discards.
	Stdout, Stderr io.Writer
}

// scratchBytes bounds what a container can write to its root filesystem, which is kept in memory.
const scratchBytes = 1 << 30

// Spawner starts processes that die with this one, in the network namespace at a path.
type Spawner interface {
	Start(cmd *exec.Cmd, netnsPath string) error
}

// Container is a program that was started. It is safe for concurrent use.
type Container struct {
	spawner Spawner
	cmd     *exec.Cmd
	netns   string
	command Command
	pidfd   *os.File
	started time.Time
	done    chan struct{}
	exit    Exit // valid once done is closed
}

// Exit is how a container ended.
type Exit struct {
	// Code is the program's exit code, or 128 and the signal's number.
	Code int
	// Signal is 0 unless a signal ended the program.
	Signal syscall.Signal
	At     time.Time
}

// Start starts a container and returns when its program runs. An error says which step failed; nothing is left then.
func Start(spawner Spawner, spec *Spec) (*Container, error) {
	if spec.Netns == "" {
		return nil, errors.New("start container: no network namespace given")
	}
	request, err := json.Marshal(&enter.Setup{
		Hostname: spec.Hostname, Image: spec.Image, Scratch: spec.Scratch, ScratchBytes: scratchBytes, ReadOnly: spec.ReadOnlyRoot,
		Privileged: spec.Privileged, Files: spec.Files, Mounts: spec.Mounts, Command: spec.Command,
	})
	if err != nil {
		return nil, fmt.Errorf("start container: %w", err)
	}
	pidfd := -1
	c := &Container{spawner: spawner, netns: spec.Netns, command: spec.Command, done: make(chan struct{})}
	c.cmd = &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{enter.CreateName}, Env: []string{},
		Stdout: spec.Stdout, Stderr: spec.Stderr,
		SysProcAttr: &syscall.SysProcAttr{
			Cloneflags: syscall.CLONE_NEWPID | syscall.CLONE_NEWNS | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC,
			Setsid:     true,
			PidFD:      &pidfd,
		},
	}
	h, err := begin(spawner, c.cmd, c.netns, request)
	if err != nil {
		return nil, fmt.Errorf("start container: %w", err)
	}
	c.started = time.Now()
	c.pidfd = os.NewFile(uintptr(pidfd), "pidfd")
	h.release()
	go c.wait()
	return c, nil
}

// wait collects the exit. It ends with the container.
func (c *Container) wait() {
	_ = c.cmd.Wait() // says how the program ended, which ProcessState says better, or that a writer of output failed
	c.exit = exitOf(c.cmd.ProcessState)
	c.pidfd.Close()
	close(c.done)
}

func exitOf(state *os.ProcessState) Exit {
	status := state.Sys().(syscall.WaitStatus)
	if status.Signaled() {
		return Exit{Code: 128 + int(status.Signal()), Signal: status.Signal(), At: time.Now()}
	}
	return Exit{Code: status.ExitStatus(), At: time.Now()}
}

// PID is the process id of the container's first process, in the caller's PID namespace.
func (c *Container) PID() int { return c.cmd.Process.Pid }

// Started is when the program began to run.
func (c *Container) Started() time.Time { return c.started }

// Done is closed when every process of the container has ended.
func (c *Container) Done() <-chan struct{} { return c.done }

// Exit says how the container ended. It waits for Done.
func (c *Container) Exit() Exit {
	<-c.done
	return c.exit
}

// Signal sends a signal to the container's first process. As the first process of a PID namespace it ignores every signal it has no
// handler for, except SIGKILL. An ended container is no error.
func (c *Container) Signal(s syscall.Signal) error {
	if err := c.cmd.Process.Signal(s); err != nil && !errors.Is(err, os.ErrProcessDone) {
		return fmt.Errorf("send %s to container: %w", s, err)
	}
	return nil
}

// handshake is the parent's side of the two pipes of a process that enters a container.
type handshake struct {
	request *os.File // closing it ends a joined command
}

func (h *handshake) release() { h.request.Close() }

// begin starts cmd, hands it the request and waits until its payload runs. After an error the process is gone. extra files follow the
// two pipes.
func begin(spawner Spawner, cmd *exec.Cmd, netns string, request []byte, extra ...*os.File) (*handshake, error) {
	theirRequest, ourRequest, err := os.Pipe()
	if err != nil {
		return nil, err
	}
	ourReport, theirReport, err := os.Pipe()
	if err != nil {
		theirRequest.Close()
		ourRequest.Close()
		return nil, err
	}
	defer ourReport.Close()
	cmd.ExtraFiles = append([]*os.File{theirRequest, theirReport}, extra...)
	err = spawner.Start(cmd, netns)
	theirRequest.Close()
	theirReport.Close()
	if err != nil {
		ourRequest.Close()
		return nil, err
	}
	h := &handshake{request: ourRequest}
	_, _ = ourRequest.Write(request) // when it fails, the report says why
	if err := readReport(ourReport); err != nil {
		h.release()
		_ = cmd.Process.Kill()
		_ = cmd.Wait()
		return nil, err
	}
	return h, nil
}

// ErrNotStarted is wrapped by errors that say that the preparations succeeded and the program itself could not be executed.
var ErrNotStarted = errors.New("program cannot be executed")

// readReport reads until the payload runs.
func readReport(r io.Reader) error {
	report, err := io.ReadAll(r)
	if err != nil {
		return fmt.Errorf("read report: %w", err)
	}
	text, armed := strings.CutPrefix(string(report), string(enter.Armed))
	switch {
	case armed && text == "":
		return nil
	case armed:
		return fmt.Errorf("%w: %s", ErrNotStarted, text)
	case text == "":
		return errors.New("process ended during preparation")
	}
	return errors.New(text)
}
