// Package datapathtest is the tables of package datapath in memory, for tests: changes go in, write by write if wanted; verdicts come
// out, found as the kernel program finds them, and the tables as text. It is strict where the kernel is not: a change that breaks the
// rules of datapath.Change is an error. It holds no policy and touches no kernel.
package datapathtest

import (
	"cmp"
	"fmt"
	"math/rand"
	"net/netip"
	"slices"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Tables are the tables. The zero value is not usable; see New. It is not safe for concurrent use.
type Tables struct {
	Endpoints  map[netip.Addr]datapath.Endpoint
	Networks   map[netip.Prefix]datapath.GroupID
	Profiles   map[datapath.ProfileIndex]datapath.Profile
	Interfaces map[uint32]bool
	Verdicts   map[datapath.VerdictKey]datapath.Verdict
	Ranges     map[datapath.RangeKey]datapath.Verdict
	// These make larger tables a refusal with datapath.ErrFull; 0: no limit.
	MaxVerdicts, MaxEndpoints, MaxRanges, MaxNetworks int
}

// New returns empty tables without limits.
func New() *Tables {
	return &Tables{
		Endpoints:  map[netip.Addr]datapath.Endpoint{},
		Networks:   map[netip.Prefix]datapath.GroupID{},
		Profiles:   map[datapath.ProfileIndex]datapath.Profile{},
		Interfaces: map[uint32]bool{},
		Verdicts:   map[datapath.VerdictKey]datapath.Verdict{},
		Ranges:     map[datapath.RangeKey]datapath.Verdict{},
	}
}

// Apply carries out a change. An error that wraps datapath.ErrFull means that nothing was applied; any other that the change breaks a
// rule, and that it was applied up to there.
func (t *Tables) Apply(c *datapath.Change) error {
	writes, err := t.Writes(c, nil)
	if err != nil {
		return err
	}
	for _, w := range writes {
		if err := w.Do(); err != nil {
			return fmt.Errorf("apply %s: %w", w.Name, err)
		}
	}
	return nil
}

// Write is one write of one entry.
type Write struct {
	Name string
	Do   func() error
	bits int // of the prefix of a network
}

// Writes returns the single writes of a change in the order of its fields. Within a field their order is the random source's, or
// any without one; but of networks the longest prefixes come first. The error wraps datapath.ErrFull.
func (t *Tables) Writes(c *datapath.Change, random *rand.Rand) ([]Write, error) {
	if overflows(t.MaxVerdicts, t.Verdicts, c.PutVerdicts) || overflows(t.MaxEndpoints, t.Endpoints, c.PutEndpoints) ||
		overflows(t.MaxRanges, t.Ranges, c.PutRanges) || overflows(t.MaxNetworks, t.Networks, c.PutNetworks) {
		return nil, fmt.Errorf("apply a change: %w", datapath.ErrFull)
	}
	var all []Write
	for _, field := range [][]Write{
		puts("verdict", t.Verdicts, c.PutVerdicts, checkVerdict), puts("range", t.Ranges, c.PutRanges, checkRange),
		t.putNetworks(c), t.putProfiles(c), t.putInterfaces(c), t.putEndpoints(c),
		t.deleteEndpoints(c), t.deleteInterfaces(c), t.deleteProfiles(c), t.deleteNetworks(c), t.deleteRanges(c), t.deleteVerdicts(c),
	} {
		if random != nil {
			slices.SortFunc(field, func(a, b Write) int { return cmp.Compare(a.Name, b.Name) })
			random.Shuffle(len(field), func(i, j int) { field[i], field[j] = field[j], field[i] })
		}
		slices.SortStableFunc(field, func(a, b Write) int { return cmp.Compare(b.bits, a.bits) })
		all = append(all, field...)
	}
	return all, nil
}

// overflows reports whether a table would have more entries than its limit.
func overflows[K comparable, V any](limit int, table, puts map[K]V) bool {
	entries := len(table)
	for k := range puts {
		if _, found := table[k]; !found {
			entries++
		}
	}
	return limit > 0 && entries > limit
}

// puts returns the writes of entries that must be new.
func puts[K comparable](what string, table, entries map[K]datapath.Verdict, check func(K) error) (writes []Write) {
	for k, v := range entries {
		writes = append(writes, Write{Name: fmt.Sprintf("put %s %+v", what, k), Do: func() error {
			if old, found := table[k]; found {
				return fmt.Errorf("the verdict exists already: %+v", old)
			}
			table[k] = v
			return check(k)
		}})
	}
	return writes
}

func checkVerdict(k datapath.VerdictKey) error {
	if k.Protocol == datapath.OtherProtocols && k.Port != 0 {
		return fmt.Errorf("other protocols have no ports")
	}
	return nil
}

func checkRange(k datapath.RangeKey) error {
	switch {
	case k.Bits < 1 || k.Bits > 16:
		return fmt.Errorf("a block has 1 to 16 bits, not %d", k.Bits)
	case uint32(k.Port)&(1<<(16-k.Bits)-1) != 0:
		return fmt.Errorf("no block of %d bits begins at port %d", k.Bits, k.Port)
	case k.Protocol == datapath.OtherProtocols:
		return fmt.Errorf("other protocols have no ports")
	}
	return nil
}

func (t *Tables) putNetworks(c *datapath.Change) (writes []Write) {
	for p, g := range c.PutNetworks {
		writes = append(writes, Write{Name: fmt.Sprintf("put network %s", p), bits: mapped(p).Bits(), Do: func() error {
			if p != p.Masked() {
				return fmt.Errorf("the prefix is not masked")
			}
			t.Networks[p] = g
			return nil
		}})
	}
	return writes
}

func (t *Tables) putProfiles(c *datapath.Change) (writes []Write) {
	for i, p := range c.PutProfiles {
		writes = append(writes, Write{Name: fmt.Sprintf("put profile %d", i), Do: func() error {
			old, found := t.Profiles[i]
			if found && old.Interface != p.Interface && t.refers(i) {
				return fmt.Errorf("the interface changes while endpoints refer to the profile")
			}
			if i >= datapath.OtherNodeIndex {
				return fmt.Errorf("the index is that of nodes")
			}
			t.Profiles[i] = p
			return t.hasVerdicts(p)
		}})
	}
	return writes
}

// hasVerdicts reports an error if a profile has no fallback: it must be complete before it is referred to.
func (t *Tables) hasVerdicts(p datapath.Profile) error {
	for _, id := range [...]datapath.ProfileID{p.Ingress, p.Egress} {
		for _, protocol := range [...]uint8{datapath.TCP, datapath.UDP, datapath.SCTP, datapath.OtherProtocols} {
			if _, found := t.Verdicts[datapath.VerdictKey{Profile: id, Protocol: protocol}]; id != 0 && !found {
				return fmt.Errorf("profile %d has no any-port verdict for protocol %d", id, protocol)
			}
		}
	}
	return nil
}

func (t *Tables) putInterfaces(c *datapath.Change) (writes []Write) {
	for _, i := range c.PutInterfaces {
		writes = append(writes, Write{Name: fmt.Sprintf("put interface %d", i), Do: func() error { t.Interfaces[i] = true; return nil }})
	}
	return writes
}

func (t *Tables) putEndpoints(c *datapath.Change) (writes []Write) {
	for a, e := range c.PutEndpoints {
		writes = append(writes, Write{Name: fmt.Sprintf("put endpoint %s", a), Do: func() error {
			if _, found := t.Profiles[e.Index]; e.Index != 0 && e.Index < datapath.OtherNodeIndex && !found {
				return fmt.Errorf("profile index %d does not exist", e.Index)
			}
			t.Endpoints[a] = e
			return nil
		}})
	}
	return writes
}

func (t *Tables) deleteEndpoints(c *datapath.Change) []Write {
	return removals("endpoint", t.Endpoints, c.DeleteEndpoints, func(netip.Addr) error { return nil })
}

func (t *Tables) deleteInterfaces(c *datapath.Change) []Write {
	return removals("interface", t.Interfaces, c.DeleteInterfaces, func(uint32) error { return nil })
}

func (t *Tables) deleteProfiles(c *datapath.Change) []Write {
	return removals("profile", t.Profiles, c.DeleteProfiles, func(i datapath.ProfileIndex) error {
		if t.refers(i) {
			return fmt.Errorf("endpoints refer to it")
		}
		return nil
	})
}

func (t *Tables) deleteNetworks(c *datapath.Change) []Write {
	return removals("network", t.Networks, c.DeleteNetworks, func(netip.Prefix) error { return nil })
}

func (t *Tables) deleteRanges(c *datapath.Change) []Write {
	return removals("range", t.Ranges, c.DeleteRanges, func(datapath.RangeKey) error { return nil })
}

func (t *Tables) deleteVerdicts(c *datapath.Change) []Write {
	return removals("verdict", t.Verdicts, c.DeleteVerdicts, func(datapath.VerdictKey) error { return nil })
}

func removals[K comparable, V any](what string, table map[K]V, keys []K, check func(K) error) (writes []Write) {
	for _, k := range keys {
		writes = append(writes, Write{Name: fmt.Sprintf("delete %s %+v", what, k), Do: func() error {
			if _, found := table[k]; !found {
				return fmt.Errorf("it does not exist")
			}
			delete(table, k)
			return check(k)
		}})
	}
	return writes
}

func (t *Tables) refers(i datapath.ProfileIndex) bool {
	for _, e := range t.Endpoints {
		if e.Index == i {
			return true
		}
	}
	return false
}
