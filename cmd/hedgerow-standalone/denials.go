package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/spf13/cobra"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/standalone/datadir"
)

func denialsCommand() *cobra.Command {
	var dir string
	var follow bool
	c := &cobra.Command{
		Use:   "denials",
		Short: "Say which packets were denied lately, and why",
		Long: `Say which packets were denied lately on the nodes of an instance, and why: the policies that isolate, or the rule that denies. What was
denied several times for the same reason is one line, with the time of the last. Every node keeps its latest 1024, since its agent started.

The instance is the one in --data-dir; without that flag the one that KUBECONFIG belongs to, the one in the default data folder or, if none is up there, the
only ephemeral instance that is up.`,
		Example: `  # what was denied so far?
  sudo hedgerow-standalone denials

  # and what is from now on?
  sudo hedgerow-standalone denials --follow`,
		Args: cobra.NoArgs,
		RunE: func(c *cobra.Command, _ []string) error {
			dir := instanceMeant(dir)
			if !datadir.Live(dir) {
				return noInstance(dir)
			}
			nodes, err := agents(dir)
			if err != nil {
				return err
			}
			ctx, stop := signal.NotifyContext(c.Context(), os.Interrupt, syscall.SIGTERM)
			defer stop()
			if follow {
				return followDenials(ctx, c.OutOrStdout(), nodes)
			}
			return listDenials(ctx, c.OutOrStdout(), nodes)
		},
	}
	c.Flags().StringVar(&dir, "data-dir", "", "data folder of the instance")
	c.Flags().BoolVarP(&follow, "follow", "f", false, "print denials as they happen, one line each, until Ctrl-C")
	return c
}

// instanceMeant returns the data folder of the instance that is asked about.
func instanceMeant(dir string) string {
	if dir != "" {
		return dir
	}
	if file := os.Getenv("KUBECONFIG"); file != "" && datadir.Live(filepath.Dir(file)) {
		return filepath.Dir(file)
	}
	return findInstance()
}

// agents returns a client for the agent of each node of the instance, by the node's name.
func agents(dir string) (map[string]*agentapi.Client, error) {
	sockets, err := filepath.Glob(filepath.Join(dir, "run", "*", "agent.sock"))
	if err != nil {
		return nil, fmt.Errorf("look for agents in %s: %w", dir, err)
	}
	if len(sockets) == 0 {
		return nil, noInstance(dir)
	}
	nodes := map[string]*agentapi.Client{}
	for _, socket := range sockets {
		nodes[filepath.Base(filepath.Dir(socket))] = agentapi.NewClient(socket)
	}
	return nodes, nil
}

func noInstance(dir string) error {
	return fmt.Errorf("no instance is up in %s: start one with up, or name one with --data-dir", dir)
}

// repeated is what one node denied for one reason.
type repeated struct {
	node, reason string
	last         time.Time
	times        int
}

// listDenials prints what the nodes have kept, the latest last.
func listDenials(ctx context.Context, out io.Writer, nodes map[string]*agentapi.Client) error {
	var found []*repeated
	for node, agent := range nodes {
		of := map[string]*repeated{}
		err := agent.Denials(ctx, false, func(d agentapi.Denial) error {
			r := of[d.Reason]
			if r == nil {
				r = &repeated{node: node, reason: d.Reason}
				of[d.Reason], found = r, append(found, r)
			}
			r.last = d.Time
			r.times++
			return nil
		})
		if err != nil {
			return fmt.Errorf("%s: %w", node, err)
		}
	}
	slices.SortFunc(found, func(a, b *repeated) int { return a.last.Compare(b.last) })
	for _, r := range found {
		printDenial(out, r)
	}
	if len(found) == 0 {
		fmt.Fprintln(os.Stderr, "nothing was denied")
	}
	return nil
}

// followDenials prints what the nodes deny from now on, until ctx ends or a node is not heard any more: one that is not heard would look like one
// that denies nothing.
func followDenials(ctx context.Context, out io.Writer, nodes map[string]*agentapi.Client) error {
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	begin, lines, ended := time.Now(), make(chan *repeated), make(chan error, len(nodes))
	for node, agent := range nodes {
		go func() { ended <- followNode(ctx, node, agent, lines) }()
	}
	var errs []error
	for len(errs) < len(nodes) {
		select {
		case r := <-lines:
			if r.last.After(begin) {
				printDenial(out, r)
			}
		case err := <-ended:
			stop()
			errs = append(errs, err)
		}
	}
	return errors.Join(errs...)
}

// followNode sends what a node keeps and what it denies from now on. It returns nil when ctx ends.
func followNode(ctx context.Context, node string, agent *agentapi.Client, lines chan<- *repeated) error {
	err := agent.Denials(ctx, true, func(d agentapi.Denial) error {
		select {
		case lines <- &repeated{node: node, reason: d.Reason, last: d.Time, times: 1}:
			return nil
		case <-ctx.Done():
			return ctx.Err()
		}
	})
	switch {
	case ctx.Err() != nil:
		return nil
	case err == nil:
		return fmt.Errorf("%s: the agent ended", node)
	}
	return fmt.Errorf("%s: %w", node, err)
}

func printDenial(out io.Writer, r *repeated) {
	times := ""
	if r.times > 1 {
		times = fmt.Sprintf(" (%d times)", r.times)
	}
	fmt.Fprintf(out, "%s %s %s%s\n", r.last.Local().Format("15:04:05.000"), r.node, r.reason, times)
}
