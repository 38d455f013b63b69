// Package standalone runs a whole cluster on one machine: etcd, the real kube-apiserver and controllers, and nodes that are network
// namespaces, each with its agent and its pods. Options go in, a running Instance with a kubeconfig comes out. The machine's own network
// namespace is never changed, and when the process ends, however it ends, the kernel takes back everything but files in the data
// folder.
package standalone

import (
	"context"
	"fmt"
	"os"
	"path/filepath"

	"golang.org/x/sync/errgroup"

	"github.com/hedgerow-net/hedgerow/internal/standalone/datadir"
	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
	"github.com/hedgerow-net/hedgerow/internal/standalone/preflight"
	"github.com/hedgerow-net/hedgerow/internal/standalone/privatens"
	"github.com/hedgerow-net/hedgerow/internal/standalone/progress"
	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// Programs that standalone starts, looked for in Options.BinDir.
const (
	agentProgram   = "hedgerow-agent"
	cniProgram     = "hedgerow-cni"
	toolboxProgram = "hedgerow-toolbox"
)

// Options of one instance. The zero value is one node, kept in the default data folder.
type Options struct {
	// DataDir keeps everything; "" means datadir.Default. It must be empty if Ephemeral is set.
	DataDir string
	// Ephemeral keeps nothing: a fresh data folder that goes away at the end, and a store that does not wait for the disk.
	Ephemeral bool
	// Port of the API server. 0: the one of the last run in this data folder when it is free, else any.
	Port int
	// Nodes is how many nodes there are, 0 meaning 1, at most fabric.MaxNodes.
	Nodes int
	// BinDir is where the other programs are; "" means beside this one.
	BinDir string
	// Progress is told of every phase; nil tells nobody.
	Progress *progress.Reporter
}

// complete fills in defaults.
func (o Options) complete() (Options, error) {
	if o.Ephemeral && o.DataDir != "" {
		return o, fmt.Errorf("--ephemeral makes a data folder of its own: leave out --data-dir")
	}
	if o.DataDir == "" {
		o.DataDir = datadir.Default
	}
	if o.Nodes == 0 {
		o.Nodes = 1
	}
	if o.BinDir == "" {
		program, err := os.Executable()
		if err != nil {
			return o, fmt.Errorf("find own program: %w", err)
		}
		o.BinDir = filepath.Dir(program)
	}
	return o, nil
}

// Check returns the first thing that keeps an instance with these options from starting on this machine, in one line. It changes
// nothing.
func Check(o Options) error {
	o, err := o.complete()
	if err != nil {
		return err
	}
	return o.check()
}

// check is Check for options that are complete.
func (o Options) check() error {
	machine, err := preflight.ThisMachine()
	if err != nil {
		return err
	}
	if err := machine.Check(); err != nil {
		return err
	}
	if o.Nodes < 1 || o.Nodes > fabric.MaxNodes {
		return fmt.Errorf("--nodes is %d: must be 1 to %d", o.Nodes, fabric.MaxNodes)
	}
	if err := preflight.Programs(o.BinDir, agentProgram, cniProgram, toolboxProgram); err != nil {
		return err
	}
	if !o.Ephemeral {
		if err := datadir.CheckVersion(o.DataDir); err != nil {
			return err
		}
	}
	return checkPort(o.Port)
}

// Start starts an instance and returns when its nodes are ready. The process must be in a mount namespace of its own (see
// privatens.Enter) and can have one instance in its life. When Start fails it leaves nothing behind.
func Start(ctx context.Context, o Options) (*Instance, error) {
	o, err := o.complete()
	if err != nil {
		return nil, err
	}
	if err := o.check(); err != nil {
		return nil, err
	}
	if err := privatens.Require(); err != nil {
		return nil, fmt.Errorf("start standalone: %w", err)
	}
	if _, err := datadir.Sweep(datadir.EphemeralRoot); err != nil {
		return nil, err
	}
	dir, err := openDir(o)
	if err != nil {
		return nil, err
	}
	i := &Instance{options: o, dir: dir, failed: make(chan error, 1)}
	i.onStop("data folder", dir.Close)
	if err := i.start(ctx); err != nil {
		i.Stop()
		return nil, err
	}
	return i, nil
}

func openDir(o Options) (*datadir.Dir, error) {
	if o.Ephemeral {
		return datadir.NewEphemeral(datadir.EphemeralRoot)
	}
	return datadir.Open(o.DataDir)
}

// start brings everything up, in the order in which things need each other.
func (i *Instance) start(ctx context.Context) error {
	if err := i.openLogs(); err != nil {
		return err
	}
	i.spawner = spawn.New()
	i.onStop("child processes", func() error { i.spawner.Close(); return nil })
	var foundations errgroup.Group
	foundations.Go(i.startNetwork)
	foundations.Go(func() error { return i.startStore(ctx) })
	foundations.Go(i.openAuthority)
	if err := foundations.Wait(); err != nil {
		return err
	}
	if err := i.startAPIServer(ctx); err != nil {
		return err
	}
	if err := i.startControllers(); err != nil {
		return err
	}
	if err := i.startPolicyStatus(); err != nil {
		return err
	}
	return i.startNodes(ctx)
}
