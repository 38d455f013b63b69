package container

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"syscall"
	"time"

	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container/enter"
)

// outputDelay is how long Exec waits, after its command has ended, for others that still hold its output.
const outputDelay = time.Second

// ErrEnded is wrapped by Exec's error when the container is not running any more.
var ErrEnded = errors.New("container has ended")

// Exec runs a command inside the container, in all its namespaces, with the environment, directory, user and capabilities of the container's own
// program. It returns the command's exit code (128 and the signal's number if one ended it). Ending ctx kills the command and gives
// ctx's error. stdin, stdout and stderr may be nil.
func (c *Container) Exec(ctx context.Context, argv []string, stdin io.Reader, stdout, stderr io.Writer) (int, error) {
	join := enter.Join{Command: c.command}
	join.Command.Args = argv
	request, err := json.Marshal(&join)
	if err != nil {
		return 0, fmt.Errorf("exec in container: %w", err)
	}
	pidfd, err := c.dupPidfd()
	if err != nil {
		return 0, fmt.Errorf("exec in container: %w", err)
	}
	defer pidfd.Close()
	cmd := &exec.Cmd{
		Path: "/proc/self/exe", Args: []string{enter.JoinName}, Env: []string{},
		Stdin: stdin, Stdout: stdout, Stderr: stderr,
		SysProcAttr: &syscall.SysProcAttr{Setsid: true},
		WaitDelay:   outputDelay,
	}
	h, err := begin(c.spawner, cmd, c.netns, request, pidfd)
	if err != nil {
		return 0, fmt.Errorf("exec in container: %w", err)
	}
	defer h.release()
	stop := context.AfterFunc(ctx, h.release)
	defer stop()
	return execResult(ctx, cmd, cmd.Wait())
}

// execResult tells a command that ran from one that was cut short.
func execResult(ctx context.Context, cmd *exec.Cmd, err error) (int, error) {
	var exit *exec.ExitError
	switch {
	case ctx.Err() != nil:
		return 0, fmt.Errorf("exec in container: %w", ctx.Err())
	case err == nil, errors.As(err, &exit), errors.Is(err, exec.ErrWaitDelay):
		return exitOf(cmd.ProcessState).Code, nil
	}
	return 0, fmt.Errorf("exec in container: %w", err)
}

// dupPidfd returns a descriptor for the container's first process that stays valid when the container ends meanwhile.
func (c *Container) dupPidfd() (*os.File, error) {
	conn, err := c.pidfd.SyscallConn()
	if err != nil {
		return nil, ErrEnded
	}
	var dup int
	var dupErr error
	if err := conn.Control(func(fd uintptr) {
		dup, dupErr = unix.FcntlInt(fd, unix.F_DUPFD_CLOEXEC, 0)
	}); err != nil {
		return nil, ErrEnded
	}
	if dupErr != nil {
		return nil, fmt.Errorf("duplicate pidfd: %w", dupErr)
	}
	return os.NewFile(uintptr(dup), "pidfd"), nil
}
