package standalone

import (
	"fmt"
	"log/slog"
	"os"
	"strings"

	"k8s.io/klog/v2"
)

// openLogs sends what this process's parts say to files: the terminal is for progress.
func (i *Instance) openLogs() error {
	open := func(name string) (*slog.Logger, error) {
		f, err := os.OpenFile(i.dir.Log(name), os.O_CREATE|os.O_APPEND|os.O_WRONLY, 0o600)
		if err != nil {
			return nil, fmt.Errorf("open log: %w", err)
		}
		i.onStop("log", f.Close)
		return slog.New(slog.NewTextHandler(f, nil)), nil
	}
	own, err := open("standalone")
	if err != nil {
		return err
	}
	server, err := open("kube-apiserver")
	if err != nil {
		return err
	}
	i.log = own
	// The log of Kubernetes code is the process's; there is no other way to move it.
	klog.SetSlogLogger(server)
	return nil
}

// logHint points an error at the log of a part. Logs of an ephemeral instance go away with it, so their last line is quoted.
func (i *Instance) logHint(name string) string {
	path := i.dir.Log(name)
	if !i.dir.Ephemeral() {
		return "its log is " + path
	}
	text, err := os.ReadFile(path)
	if err != nil {
		return "it has no log"
	}
	lines := strings.Split(strings.TrimSpace(string(text)), "\n")
	return "its log ends with: " + lines[len(lines)-1]
}
