// Package conntrack keeps the kernel's connection tracking on in one network namespace: the datapath judges packets as the flows they
// belong to, and the kernel tracks flows only where some rule asks for their state. The package holds a small nft table of ours with
// such a rule in a chain that no packet traverses, and puts it back when somebody takes it away. Nothing flows in but its options; out come the table,
// a count of restorations and a callback. It never touches anybody else's table and never looks at a packet.
package conntrack

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync/atomic"
	"time"

	"github.com/vishvananda/netns"
)

// Options are the keeper's. The zero value is good.
type Options struct {
	Logger *slog.Logger
	// Plain asks for a table that anybody may flush, as kernels before 6.9 have it. Otherwise the table is owned by this process and
	// outlives it, where the kernel can.
	Plain bool
	// OnRestore is called in the keeper's goroutine after the table was found missing or damaged and was put back.
	OnRestore func()
}

// poll is how often the table is looked at when nobody says that it changed.
const poll = 3 * time.Second

// Keeper keeps one table in place.
type Keeper struct {
	table    *table
	watch    *watch
	opts     Options
	restored atomic.Uint64
	owned    atomic.Bool
	done     chan struct{}
}

// Start puts the table into the network namespace of the calling thread, which must be locked to it, and keeps it there until ctx ends.
// When it returns without error, connections are tracked. The table stays when ctx ends, so that enforcement goes on; the
// next Start adopts it.
func Start(ctx context.Context, opts Options) (*Keeper, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	ns, err := netns.Get()
	if err != nil {
		return nil, fmt.Errorf("keep connection tracking: find the network namespace: %w", err)
	}
	k := &Keeper{table: &table{ns: ns, plain: opts.Plain}, opts: opts, done: make(chan struct{})}
	if k.watch, err = newWatch(ns); err == nil {
		_, err = k.table.ensure()
	}
	if err != nil {
		k.close()
		return nil, fmt.Errorf("keep connection tracking: %w", err)
	}
	k.owned.Store(k.table.owned)
	go k.run(ctx)
	return k, nil
}

// Restored returns how often the table was put back since Start.
func (k *Keeper) Restored() uint64 { return k.restored.Load() }

// Owned reports whether the kernel refuses to let others flush the table.
func (k *Keeper) Owned() bool { return k.owned.Load() }

// Wait returns when the keeper has ended after its context did.
func (k *Keeper) Wait() { <-k.done }

// run looks at the table whenever somebody changed something and, as a second line, every few seconds.
func (k *Keeper) run(ctx context.Context) {
	defer close(k.done)
	defer k.close()
	ticker := time.NewTicker(poll)
	defer ticker.Stop()
	failed := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-k.watch.changed:
		case <-ticker.C:
		}
		again, err := k.table.ensure()
		k.owned.Store(k.table.owned)
		if err != nil && !failed {
			k.opts.Logger.Error("connection tracking may be off: packets of isolated pods are dropped until the nft table is back",
				"table", tableName, "err", err)
		}
		failed = err != nil
		if again {
			k.restored.Add(1)
			k.opts.Logger.Warn("somebody removed our nft table; it is back", "table", tableName)
			if k.opts.OnRestore != nil {
				k.opts.OnRestore()
			}
		}
	}
}

func (k *Keeper) close() {
	if k.watch != nil {
		k.watch.close()
	}
	k.table.close()
	k.table.ns.Close()
}

// Remove deletes the table from the network namespace of the calling thread. Its keeper, if any, must have ended. It is not an error if there is
// no table.
func Remove() error {
	ns, err := netns.Get()
	if err != nil {
		return fmt.Errorf("remove the connection tracking table: %w", err)
	}
	defer ns.Close()
	t := &table{ns: ns}
	defer t.close()
	if err := t.remove(); err != nil {
		return fmt.Errorf("remove the connection tracking table: %w", err)
	}
	return nil
}

var errBusy = errors.New("the table is owned by another process")
