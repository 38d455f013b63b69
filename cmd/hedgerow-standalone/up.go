package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"syscall"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/standalone"
	"github.com/hedgerow-net/hedgerow/internal/standalone/privatens"
	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
)

func upCommand() *cobra.Command {
	var o standalone.Options
	c := &cobra.Command{
		Use:   "up",
		Short: "Start a cluster and keep it up until Ctrl-C",
		Long: `Start a cluster and keep it up until Ctrl-C.

Everything is kept in the data folder and is there again after the next start: objects in the API, keys, the port. With --ephemeral
nothing is kept. A second Ctrl-C ends at once.`,
		Example: `  # the default data folder
  sudo hedgerow-standalone up

  # a second instance beside the first
  sudo hedgerow-standalone up --data-dir /srv/other

  # three nodes, nothing kept, a fixed port
  sudo hedgerow-standalone up --ephemeral --nodes 3 --port 6443`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			return run(o, func(ctx context.Context, i *standalone.Instance, _ *progress.Reporter) error {
				sayNext(c.OutOrStdout(), i)
				return wait(ctx, i)
			})
		},
	}
	addOptions(c, &o)
	return c
}

// addOptions gives a command that starts an instance its flags.
func addOptions(c *cobra.Command, o *standalone.Options) {
	s := c.Flags()
	s.StringVar(&o.DataDir, "data-dir", "", "folder that keeps everything (default /var/lib/hedgerow-standalone)")
	s.BoolVar(&o.Ephemeral, "ephemeral", false, "keep nothing after the end")
	s.IntVar(&o.Port, "port", 0, "port of the API server on 127.0.0.1 (default: the last one, else any free one)")
	s.IntVar(&o.Nodes, "nodes", 1, "number of nodes")
	s.StringVar(&o.BinDir, "bin-dir", "", "folder of hedgerow-agent, hedgerow-cni and hedgerow-toolbox (default: that of this program)")
}

// run starts an instance, calls use, and stops the instance when use returns. Signals end the context; a second one ends the process
// at once.
func run(o standalone.Options, use func(ctx context.Context, i *standalone.Instance, p *progress.Reporter) error) error {
	if o.Nodes == 0 {
		return errors.New("--nodes is 0: must be 1 at least")
	}
	if err := standalone.Check(o); err != nil {
		return err
	}
	if err := privatens.Enter(); err != nil {
		return err
	}
	o.Progress = progress.New(os.Stderr)
	ctx, stop := context.WithCancel(context.Background())
	defer stop()
	go signals(o.Progress, stop)
	i, err := standalone.Start(ctx, o)
	if err != nil {
		if ctx.Err() != nil {
			return errors.New("interrupted while it started")
		}
		return err
	}
	used := use(ctx, i, o.Progress)
	phase := o.Progress.Start("stopped")
	return errors.Join(used, phase.End(i.Stop()))
}

// signals stops on the first signal and ends the process on the second: the kernel takes back everything but files, and those the next
// start or clean removes.
func signals(p *progress.Reporter, stop func()) {
	c := make(chan os.Signal, 2)
	signal.Notify(c, os.Interrupt, syscall.SIGTERM, syscall.SIGHUP)
	<-c
	p.Line("stopping (Ctrl-C again: at once)")
	stop()
	<-c
	os.Exit(130)
}

// wait returns when the context ends, or with an error when the instance fails.
func wait(ctx context.Context, i *standalone.Instance) error {
	select {
	case <-ctx.Done():
		return nil
	case err := <-i.Failed():
		return err
	}
}

// sayNext says what can be done now. The kubeconfig's line is for programs, too.
func sayNext(out io.Writer, i *standalone.Instance) {
	fmt.Fprintf(out, `
Hedgerow is up: API server %s, logs in %s
In another terminal:
  export KUBECONFIG=%s
  %[4]s kubectl get nodes,pods -A
  %[4]s denials --follow
Ctrl-C stops it.
`, i.URL(), i.LogDir(), i.KubeconfigPath(), program())
}

// program is how this program can be called from where it was called.
func program() string {
	if _, err := exec.LookPath("hedgerow-standalone"); err == nil {
		return "hedgerow-standalone"
	}
	if path, err := os.Executable(); err == nil {
		return path
	}
	return os.Args[0]
}
