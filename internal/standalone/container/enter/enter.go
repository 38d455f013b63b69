// Package enter is the first code that runs inside a container. A process becomes a container by starting its own
// binary again under one of two names, in new namespaces; this package's init takes over before main and before the
// initialisation of heavier packages, does the steps that only the new process itself can do, and ends in exec of the
// payload. A Setup or a Join comes in on a pipe; an error goes out on another. It imports nothing but a few packages of
// the standard library, because Go initialises a package as soon as its imports are: so it starts in milliseconds
// inside a binary that takes much longer. It never returns to the program that contains it.
package enter

import (
	"encoding/json"
	"fmt"
	"os"
	"runtime"
	"syscall"
)

// Names of the two roles: the value of os.Args[0].
const (
	// CreateName is a process in new PID, mount, UTS and IPC namespaces that turns into the payload of a container.
	CreateName = "hedgerow-container"
	// JoinName is a process that runs one more command inside a running container and relays its exit code.
	JoinName = "hedgerow-container-exec"
)

// File descriptors that a role starts with.
const (
	// RequestFD carries the Setup or Join as JSON. An early end means that the parent died. A Join's command is killed when it is
	// closed later.
	RequestFD = 3
	// ReportFD says how far the process got: the Armed byte just before the payload starts, then nothing but, when it
	// could not be started, the error text. It closes when the payload runs.
	ReportFD = 4
	// TargetFD is, for JoinName, a pidfd of the container's first process.
	TargetFD = 5
)

// Armed is the first byte on ReportFD once all preparations are done.
const Armed byte = 0

// Command is the payload.
type Command struct {
	Args []string // Args[0] is looked up in the PATH of Env unless it holds a slash
	Env  []string
	Dir  string // created when missing; "" is /

	UID, GID uint32
	Groups   []uint32
	// Capabilities are those that the payload may hold, as a bit mask.
	Capabilities    uint64
	NoNewPrivileges bool
}

// Join asks for one more command in a running container.
type Join struct{ Command Command }

func init() {
	if len(os.Args) == 0 {
		return
	}
	switch os.Args[0] {
	case CreateName:
		runtime.LockOSThread()
		fail(create())
	case JoinName:
		runtime.LockOSThread()
		code, err := join()
		if err != nil {
			fail(err)
		}
		os.Exit(code)
	}
}

// fail reports err, unless nobody listens any more, and ends the process.
func fail(err error) {
	_, _ = syscall.Write(ReportFD, []byte(err.Error()))
	os.Exit(1)
}

// readRequest reads the request into v and keeps both pipes from the payload. The caller closes the file.
func readRequest(v any) (*os.File, error) {
	syscall.CloseOnExec(RequestFD)
	syscall.CloseOnExec(ReportFD)
	f := os.NewFile(RequestFD, "request")
	if err := json.NewDecoder(f).Decode(v); err != nil {
		return nil, fmt.Errorf("read container request: %w", err)
	}
	return f, nil
}

// arm says that the payload is about to start. It fails when the parent is gone: then nobody would ever end the payload.
func arm() error {
	if _, err := syscall.Write(ReportFD, []byte{Armed}); err != nil {
		return fmt.Errorf("report to parent: %w", err)
	}
	return nil
}
