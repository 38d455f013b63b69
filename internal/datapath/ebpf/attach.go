package ebpf

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/cilium/ebpf/link"
	"golang.org/x/sys/unix"
)

// defrag makes the kernel reassemble fragments before the hook (BPF_F_NETFILTER_IP_DEFRAG, Linux 6.6).
const defrag link.NetfilterAttachFlags = 1

// hook is one place where the program is attached.
type hook struct {
	name   string
	family link.NetfilterProtocolFamily
	number link.NetfilterInetHook
	// first and step give the priorities to try. Forward and output run after destination NAT (-100) and before the filters of others
	// (0); input runs after IPVS (+99) has taken what it forwards itself.
	first, step int32
}

var hooks = []hook{
	{"forward4", link.NetfilterProtoIPv4, link.NetfilterInetForward, -11, -1},
	{"forward6", link.NetfilterProtoIPv6, link.NetfilterInetForward, -11, -1},
	{"input4", link.NetfilterProtoIPv4, link.NetfilterInetLocalIn, 111, 1},
	{"input6", link.NetfilterProtoIPv6, link.NetfilterInetLocalIn, 111, 1},
	{"output4", link.NetfilterProtoIPv4, link.NetfilterInetLocalOut, -11, -1},
	{"output6", link.NetfilterProtoIPv6, link.NetfilterInetLocalOut, -11, -1},
}

// priorities is how many places are tried at each hook. A place is taken when any hook at all, ours or others', has its priority.
const priorities = 64

// Attach puts the program into force in the network namespace of the calling thread and then removes the older instances below the same
// directory. When it cannot be attached everywhere nothing has changed: older instances go on enforcing. When an older instance cannot be removed,
// both enforce until the next Attach.
func (d *Datapath) Attach() error {
	for _, h := range hooks {
		l, err := d.attachHook(h)
		if err != nil {
			d.detach()
			return fmt.Errorf("attach to %s: %w", h.name, explain(err))
		}
		d.links[h.name] = l
		if err := l.Pin(filepath.Join(d.dir, "link-"+h.name)); err != nil {
			d.detach()
			return fmt.Errorf("pin the link of %s: %w", h.name, err)
		}
	}
	return d.removeOlder()
}

func (d *Datapath) attachHook(h hook) (link.Link, error) {
	var err error
	for i := range int32(priorities) {
		var l link.Link
		l, err = link.AttachNetfilter(link.NetfilterOptions{
			Program: d.objects.Hedgerow, ProtocolFamily: h.family, Hook: h.number,
			Priority: h.first + i*h.step, NetfilterFlags: defrag,
		})
		if err == nil {
			return l, nil
		}
		if !errors.Is(err, unix.EBUSY) {
			break
		}
	}
	return nil, err
}

// detach takes back the links made so far.
func (d *Datapath) detach() {
	for name, l := range d.links {
		l.Unpin()
		l.Close()
		delete(d.links, name)
	}
}

func (d *Datapath) removeOlder() error {
	dirs, err := instances(d.parent)
	if err != nil {
		return err
	}
	for _, dir := range dirs {
		if dir == d.dir {
			continue
		}
		if err := removeInstance(dir); err != nil {
			return fmt.Errorf("remove the former instance: %w", err)
		}
		d.log.Info("former instance removed", "instance", filepath.Base(dir))
	}
	return nil
}

// Remove ends enforcement: it takes away every instance below dir, attached or not. It is not an error if there is none.
func Remove(dir string) error {
	dirs, err := instances(dir)
	if err != nil {
		return err
	}
	for _, d := range dirs {
		err = errors.Join(err, removeInstance(d))
	}
	return err
}

// Enforcing reports whether an instance that is attached everywhere is pinned below dir.
func Enforcing(dir string) bool {
	dirs, _ := instances(dir)
	return slices.ContainsFunc(dirs, func(dir string) bool {
		links, _ := filepath.Glob(filepath.Join(dir, "link-*"))
		return len(links) == len(hooks)
	})
}

func instances(parent string) ([]string, error) {
	entries, err := os.ReadDir(parent)
	if errors.Is(err, os.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("list instances: %w", err)
	}
	var dirs []string
	for _, e := range entries {
		if e.IsDir() && strings.HasPrefix(e.Name(), "v") {
			dirs = append(dirs, filepath.Join(parent, e.Name()))
		}
	}
	return dirs, nil
}

// removeInstance detaches the links below dir, also when another process still holds them, and removes the directory.
func removeInstance(dir string) error {
	entries, err := os.ReadDir(dir)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("list instance: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(dir, e.Name())
		if strings.HasPrefix(e.Name(), "link-") {
			err = errors.Join(err, detachPinned(path))
		}
		err = errors.Join(err, os.Remove(path))
	}
	return errors.Join(err, os.Remove(dir))
}

func detachPinned(path string) error {
	l, err := link.LoadPinnedLink(path, nil)
	if err != nil {
		return fmt.Errorf("open pinned link: %w", err)
	}
	defer l.Close()
	if d, ok := l.(interface{ Detach() error }); ok {
		if err := d.Detach(); err != nil {
			return fmt.Errorf("detach link: %w", err)
		}
	}
	return nil
}
