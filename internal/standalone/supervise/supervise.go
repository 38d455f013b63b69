// Package supervise keeps one child process running: it starts it, writes down what it says, starts it again when it ends, and stops
// it when its context ends. It takes a way to make the command; nothing comes out but the process's log. Whether the process is healthy
// is somebody else's question.
package supervise

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"os"
	"os/exec"
	"syscall"
	"time"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// Process says what to run.
type Process struct {
	Name string
	// Command makes a fresh command for every start. Its output is replaced by the log file.
	Command func() *exec.Cmd
	// Netns is the network namespace to run in, "" for this process's own.
	Netns string
	// LogFile gets everything the process writes, start after start.
	LogFile string
	// Grace is how long the process may take to end after SIGTERM before it is killed.
	Grace time.Duration
	// Logger is told of every end that was not asked for.
	Logger *slog.Logger
}

// Times between starts. The first restart is at once, because one crash must not open a gap in service; the next ones wait, because a
// process that keeps ending would burn the machine.
const (
	firstPause = 100 * time.Millisecond
	longPause  = 10 * time.Second
	// settled is how long a process must have run for its next end to count as the first.
	settled = time.Minute
)

// Run runs the process until ctx ends, then stops it and returns when it is gone. It returns an error only if the first start fails.
func Run(ctx context.Context, spawner *spawn.Spawner, p Process) error {
	log, err := os.OpenFile(p.LogFile, os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
	if err != nil {
		return fmt.Errorf("open log of %s: %w", p.Name, err)
	}
	defer log.Close()
	var pause time.Duration
	for first := true; ; first = false {
		start := time.Now()
		err := once(ctx, spawner, p, log)
		if ctx.Err() != nil {
			return nil
		}
		var failed *startError
		if first && errors.As(err, &failed) {
			return err
		}
		if time.Since(start) > settled {
			pause = 0
		}
		p.Logger.Warn("child process ended, starting it again", "process", p.Name, "error", err, "pause", pause, "log", p.LogFile)
		if !sleep(ctx, pause) {
			return nil
		}
		pause = next(pause)
	}
}

func next(pause time.Duration) time.Duration { return min(max(2*pause, firstPause), longPause) }

func sleep(ctx context.Context, d time.Duration) bool {
	t := time.NewTimer(d)
	defer t.Stop()
	select {
	case <-t.C:
		return ctx.Err() == nil
	case <-ctx.Done():
		return false
	}
}

// startError says that the process did not even start.
type startError struct{ err error }

func (e *startError) Error() string { return e.err.Error() }
func (e *startError) Unwrap() error { return e.err }

// once runs the process one time and returns how it ended.
func once(ctx context.Context, spawner *spawn.Spawner, p Process, log *os.File) error {
	cmd := p.Command()
	cmd.Stdout, cmd.Stderr = log, log
	if err := spawner.Start(cmd, p.Netns); err != nil {
		return &startError{err}
	}
	ended := make(chan error, 1)
	go func() { ended <- cmd.Wait() }()
	select {
	case err := <-ended:
		return err
	case <-ctx.Done():
	}
	// The spawner made the process the leader of a group of its own.
	group := -cmd.Process.Pid
	_ = syscall.Kill(group, syscall.SIGTERM)
	select {
	case err := <-ended:
		return err
	case <-time.After(p.Grace):
		_ = syscall.Kill(group, syscall.SIGKILL)
		return <-ended
	}
}
