// Package ebpf is the datapath in the kernel: one program of type netfilter and its maps, loaded with cilium/ebpf. Changes to the
// tables come in through Apply, dropped packets go out through Events. It decides nothing and knows no policy.
//
// An instance is one program with maps of its own, pinned in one directory of a bpffs. Enforcement belongs to the instance, not to the
// process: it goes on when the process dies. A new process fills a new instance, attaches it beside the old one and then
// removes the old one (Attach); both must accept a packet meanwhile, so there is no window.
package ebpf

import (
	"errors"
	"fmt"
	"log/slog"
	"os"
	"path/filepath"
	"sync"

	cebpf "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/cilium/ebpf/ringbuf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Sizes are the limits of the tables, in entries. Zero means the default.
type Sizes struct {
	Endpoints uint32 // default 262,144
	Networks  uint32 // default 65,536
	Ranges    uint32 // blocks of ports, default 65,536
	Verdicts  uint32 // default 1,048,576
	Rules     uint32 // rules with counters of their own, default 16,384
}

// Options say where an instance lives.
type Options struct {
	// Dir is a directory in a bpffs that belongs to this node alone. The bpffs must be the host's: when it is unmounted,
	// enforcement ends.
	Dir    string
	Sizes  Sizes
	Logger *slog.Logger
}

// Datapath is one instance. Apply and Attach must be called from one goroutine at a time; the rest is safe for concurrent use.
type Datapath struct {
	parent   string // Options.Dir
	dir      string // of this instance
	objects  programObjects
	events   *ringbuf.Reader
	profiles *profileTable
	links    map[string]link.Link
	used     map[string]int // entries by name of the hash table, for the limits
	networks *trie[networkKey, uint32]
	ranges   *trie[rangeKey, uint64]
	sizes    Sizes
	log      *slog.Logger

	generation uint64 // see Barrier

	closeOnce sync.Once
}

// Open loads a new instance with empty tables into a new directory below opts.Dir. It enforces nothing before Attach. The error says what
// the kernel lacks, if that is the cause.
func Open(opts Options) (*Datapath, error) {
	if opts.Logger == nil {
		opts.Logger = slog.New(slog.DiscardHandler)
	}
	spec, err := loadProgram()
	if err != nil {
		return nil, fmt.Errorf("read the built-in program: %w", err)
	}
	d := &Datapath{parent: opts.Dir, log: opts.Logger, links: map[string]link.Link{}, used: map[string]int{}}
	d.sizes = resize(spec, opts.Sizes)
	if err := spec.LoadAndAssign(&d.objects, &cebpf.CollectionOptions{}); err != nil {
		return nil, fmt.Errorf("load the program into the kernel: %w", explain(err))
	}
	d.networks, d.ranges = newTrie[networkKey, uint32]("networks", d.objects.Networks), newTrie[rangeKey, uint64]("ranges", d.objects.Ranges)
	if d.events, err = ringbuf.NewReader(d.objects.Events); err != nil {
		d.objects.Close()
		return nil, fmt.Errorf("open the event ring: %w", err)
	}
	if d.dir, err = newInstanceDir(opts.Dir); err != nil {
		d.closeHandles()
		return nil, err
	}
	if err := d.pinMaps(); err != nil {
		d.closeHandles()
		removeInstance(d.dir)
		return nil, err
	}
	if d.profiles, err = newProfileTable(d.objects.Profiles); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

// resize puts the wanted limits into the maps and returns those in force.
func resize(spec *cebpf.CollectionSpec, s Sizes) Sizes {
	set := func(name string, n uint32) uint32 {
		if n != 0 {
			spec.Maps[name].MaxEntries = n
		}
		return spec.Maps[name].MaxEntries
	}
	return Sizes{
		Endpoints: set("endpoints", s.Endpoints),
		Networks:  set("networks", s.Networks),
		Ranges:    set("ranges", s.Ranges),
		Verdicts:  set("verdicts", s.Verdicts),
		Rules:     set("counters", s.Rules),
	}
}

// pinMaps makes the maps visible to tools; the program itself keeps them alive.
func (d *Datapath) pinMaps() error {
	m := &d.objects.programMaps
	for name, pinned := range map[string]*cebpf.Map{
		"endpoints": m.Endpoints, "profiles": m.Profiles, "networks": m.Networks, "verdicts": m.Verdicts, "ranges": m.Ranges,
		"interfaces": m.Interfaces, "generation": m.Generation, "counters": m.Counters, "reasons": m.Reasons,
	} {
		if err := pinned.Pin(filepath.Join(d.dir, name)); err != nil {
			return fmt.Errorf("pin map %s in %s: %w", name, d.dir, err)
		}
	}
	return nil
}

// Instance returns the directory of this instance in the bpffs.
func (d *Datapath) Instance() string { return d.dir }

// Close gives back the process's handles. An attached instance goes on enforcing; one that was never attached is removed.
func (d *Datapath) Close() error {
	var err error
	d.closeOnce.Do(func() {
		if len(d.links) == 0 {
			err = removeInstance(d.dir)
		}
		for _, l := range d.links {
			err = errors.Join(err, l.Close())
		}
		err = errors.Join(err, d.closeHandles())
	})
	return err
}

func (d *Datapath) closeHandles() error { return errors.Join(d.events.Close(), d.objects.Close()) }

var _ interface {
	Apply(*datapath.Change) error
} = (*Datapath)(nil)

// newInstanceDir makes the next free directory v1-N below parent.
func newInstanceDir(parent string) (string, error) {
	if err := checkBPFFS(parent); err != nil {
		return "", err
	}
	for n := 1; ; n++ {
		dir := filepath.Join(parent, fmt.Sprintf("v1-%d", n))
		err := os.Mkdir(dir, 0o700)
		if err == nil {
			return dir, nil
		}
		if !errors.Is(err, os.ErrExist) {
			return "", fmt.Errorf("make instance directory: %w", err)
		}
	}
}
