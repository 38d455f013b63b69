package enter

import (
	"fmt"
	"io"
	"os"
	"syscall"
)

// namespaces are those a container has; all are joined in one call through a pidfd.
const namespaces = syscall.CLONE_NEWNS | syscall.CLONE_NEWPID | syscall.CLONE_NEWUTS | syscall.CLONE_NEWIPC | syscall.CLONE_NEWNET

// sysPidfdSendSignal is pidfd_send_signal(2) on every architecture.
const sysPidfdSendSignal = 424

// join runs a command inside the container whose first process TargetFD names and returns its exit code. This process itself stays outside
// the PID namespace, since only children can be born into one.
func join() (int, error) {
	var j Join
	request, err := readRequest(&j)
	if err != nil {
		return 0, err
	}
	syscall.CloseOnExec(TargetFD)
	// A mount namespace can be joined only by a thread with a root and working directory of its own.
	if err := syscall.Unshare(syscall.CLONE_FS); err != nil {
		return 0, fmt.Errorf("join container: %w", err)
	}
	if _, _, errno := syscall.RawSyscall(sysSetns, TargetFD, namespaces, 0); errno != 0 {
		return 0, fmt.Errorf("join container's namespaces: %w", errno)
	}
	program, err := j.Command.prepare()
	if err != nil {
		return 0, err
	}
	if err := j.Command.takeCredentials(); err != nil {
		return 0, err
	}
	if err := arm(); err != nil {
		return 0, err
	}
	var pidfd int
	pid, err := syscall.ForkExec(program, j.Command.Args, &syscall.ProcAttr{
		Env:   j.Command.Env,
		Files: []uintptr{0, 1, 2},
		Sys:   &syscall.SysProcAttr{PidFD: &pidfd, Setsid: true},
	})
	if err != nil {
		return 0, j.Command.startError(err)
	}
	go killWithParent(request, pidfd)
	syscall.Close(ReportFD)
	return wait(pid)
}

// killWithParent ends the command when the parent closes the request or dies. A parent-death signal cannot do it: package syscall takes a
// parent outside the PID namespace for a dead one.
func killWithParent(request *os.File, pidfd int) {
	_, _ = io.Copy(io.Discard, request)
	_, _, _ = syscall.Syscall6(sysPidfdSendSignal, uintptr(pidfd), uintptr(syscall.SIGKILL), 0, 0, 0, 0)
}

// wait returns the exit code of a child as shells count: 128 and the signal for one that was killed.
func wait(pid int) (int, error) {
	for _, fd := range []int{0, 1, 2} {
		syscall.Close(fd) // only the command keeps its ends of the pipes open
	}
	var status syscall.WaitStatus
	for {
		_, err := syscall.Wait4(pid, &status, 0, nil)
		switch {
		case err == syscall.EINTR:
		case err != nil:
			return 0, fmt.Errorf("wait for command: %w", err)
		case status.Signaled():
			return 128 + int(status.Signal()), nil
		case status.Exited():
			return status.ExitStatus(), nil
		}
	}
}
