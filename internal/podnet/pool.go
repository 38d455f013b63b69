package podnet

import (
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"path/filepath"
	"strings"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/disk"
)

// defaultDataDir is where host-local keeps its files unless it is told otherwise.
const defaultDataDir = "/var/lib/cni/networks"

// Pool hands out the addresses of one network on this node. What is handed out is a file in the host-local plugin's folder
// and format, so that what reads or cleans that folder goes on working. It is safe for use by several processes.
type Pool struct {
	conf *allocator.IPAMConfig
}

// NewPool returns the pool of a configuration that allocator.LoadIPAMConfig has accepted. It touches no file.
func NewPool(conf *allocator.IPAMConfig) *Pool { return &Pool{conf: conf} }

// Reservation is one address that is handed out. Its owner is empty when whoever reserved it died before saying who it is.
type Reservation struct {
	Address netip.Addr
	Owner   Owner
}

// Reserve returns the owner's addresses, one of each range set, in their order. What the owner has already is kept. After
// an error, Release takes back what was reserved.
func (p *Pool) Reserve(o Owner) ([]netip.Addr, error) {
	store, err := disk.New(p.conf.Name, p.conf.DataDir)
	if err != nil {
		return nil, fmt.Errorf("open the address store: %w", err)
	}
	defer store.Close()
	requested := append([]net.IP(nil), p.conf.IPArgs...)
	held := store.GetByID(o.Container, o.Interface)
	var list []netip.Addr
	for i := range p.conf.Ranges {
		ranges := &p.conf.Ranges[i]
		ip := take(&held, ranges)
		want := take(&requested, ranges)
		if ip == nil {
			got, err := allocator.NewIPAllocator(ranges, store, i).Get(o.Container, o.Interface, want)
			if err != nil {
				return nil, fmt.Errorf("reserve an address of range %s: %w", ranges, err)
			}
			ip = got.Address.IP
		}
		list = append(list, fromIP(ip))
	}
	if len(requested) > 0 {
		return nil, fmt.Errorf("reserve address %s, which the runtime asks for: no range set left that holds it", requested[0])
	}
	return list, nil
}

// take removes and returns the first address that lies in the ranges, or nil.
func take(list *[]net.IP, ranges *allocator.RangeSet) net.IP {
	for i, ip := range *list {
		if ranges.Contains(ip) {
			*list = append((*list)[:i:i], (*list)[i+1:]...)
			return ip
		}
	}
	return nil
}

// Release gives the owner's addresses back. An owner without any is a success.
func (p *Pool) Release(o Owner) error {
	return p.each(func(path string, r Reservation) error {
		if r.Owner != o {
			return nil
		}
		return os.Remove(path)
	})
}

// Discard gives one address back, if it still has the owner that the reservation names.
func (p *Pool) Discard(want Reservation) error {
	return p.each(func(path string, r Reservation) error {
		if r != want {
			return nil
		}
		return os.Remove(path)
	})
}

// Held returns the owner's addresses, in no order.
func (p *Pool) Held(o Owner) ([]netip.Addr, error) {
	var list []netip.Addr
	err := p.each(func(_ string, r Reservation) error {
		if r.Owner == o {
			list = append(list, r.Address)
		}
		return nil
	})
	return list, err
}

// Reservations returns everything that is handed out, in the order of the files.
func (p *Pool) Reservations() ([]Reservation, error) {
	var list []Reservation
	err := p.each(func(_ string, r Reservation) error {
		list = append(list, r)
		return nil
	})
	return list, err
}

// Contains reports whether the address lies in one of the pool's ranges.
func (p *Pool) Contains(a netip.Addr) bool {
	for i := range p.conf.Ranges {
		if p.conf.Ranges[i].Contains(a.AsSlice()) {
			return true
		}
	}
	return false
}

// each calls f for every reservation while it holds the store's lock, so that none is half written unless its writer is
// dead. Where no store was ever made there is nothing to call f for, and none is made.
func (p *Pool) each(f func(path string, r Reservation) error) error {
	lock, err := disk.NewFileLock(p.dir())
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	} else if err != nil {
		return fmt.Errorf("open the lock of the address store: %w", err)
	}
	defer lock.Close()
	if err := lock.Lock(); err != nil {
		return fmt.Errorf("lock the address store: %w", err)
	}
	entries, err := os.ReadDir(p.dir())
	if err != nil {
		return fmt.Errorf("read the address store: %w", err)
	}
	for _, e := range entries {
		path := filepath.Join(p.dir(), e.Name())
		r, ok, err := readReservation(path)
		if err == nil && ok {
			err = f(path, r)
		}
		if err != nil && !errors.Is(err, fs.ErrNotExist) {
			return fmt.Errorf("address store: %w", err)
		}
	}
	return nil
}

func (p *Pool) dir() string {
	dir := p.conf.DataDir
	if dir == "" {
		dir = defaultDataDir
	}
	return filepath.Join(dir, p.conf.Name)
}

// readReservation reads one file of the store. Those that are not named by an address are the store's own.
func readReservation(path string) (r Reservation, ok bool, err error) {
	a, err := netip.ParseAddr(filepath.Base(path))
	if err != nil {
		return r, false, nil
	}
	data, err := os.ReadFile(path)
	if err != nil {
		return r, false, err
	}
	container, iface, _ := strings.Cut(strings.TrimSpace(string(data)), disk.LineBreak)
	return Reservation{Address: a, Owner: Owner{Container: container, Interface: iface}}, true, nil
}

func fromIP(ip net.IP) netip.Addr {
	a, _ := netip.AddrFromSlice(ip)
	return a.Unmap()
}
