package ebpf

import (
	"cmp"
	"errors"
	"fmt"
	"maps"
	"slices"

	cebpf "github.com/cilium/ebpf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// Apply carries out one change, its parts in the order of Change's fields. A change that does not fit is refused before anything is
// written (datapath.ErrFull). Any other error means that the kernel refused a write: the tables then hold a part of the change, and which part
// is not known.
func (d *Datapath) Apply(c *datapath.Change) error {
	if err := d.checkRoom(c); err != nil {
		return err
	}
	if err := d.put(c); err != nil {
		return err
	}
	return d.delete(c)
}

func (d *Datapath) put(c *datapath.Change) error {
	for _, part := range []func(*datapath.Change) error{
		d.putVerdicts, d.putRanges, d.putNetworks, d.putProfiles, d.putInterfaces, d.putEndpoints,
	} {
		if err := part(c); err != nil {
			return err
		}
	}
	return nil
}

// batch is how many entries one system call carries.
const batch = 4096

func (d *Datapath) putVerdicts(c *datapath.Change) error {
	m := d.objects.Verdicts
	if len(c.PutVerdicts) < 16 {
		for k, v := range c.PutVerdicts {
			key := verdictKeyOf(k)
			if err := d.write("verdicts", m, key, verdictWord(key, v)); err != nil {
				return err
			}
		}
		return nil
	}
	keys, words := make([]verdictKey, 0, batch), make([]uint64, 0, batch)
	flush := func() error {
		if _, err := m.BatchUpdate(keys, words, nil); err != nil {
			return fmt.Errorf("write %d verdicts: %w", len(keys), err)
		}
		// Too many, should some have been there already; checkRoom counts anew before it refuses.
		d.used["verdicts"] += len(keys)
		keys, words = keys[:0], words[:0]
		return nil
	}
	for k, v := range c.PutVerdicts {
		key := verdictKeyOf(k)
		keys, words = append(keys, key), append(words, verdictWord(key, v))
		if len(keys) == batch {
			if err := flush(); err != nil {
				return err
			}
		}
	}
	if len(keys) == 0 {
		return nil
	}
	return flush()
}

func (d *Datapath) putRanges(c *datapath.Change) error {
	keys, words := make([]rangeKey, 0, len(c.PutRanges)), make([]uint64, 0, len(c.PutRanges))
	for k, v := range c.PutRanges {
		key := rangeKeyOf(k)
		keys, words = append(keys, key), append(words, rangeWord(key, v))
	}
	return d.ranges.put(keys, words)
}

// putNetworks writes longer prefixes first: an address that a longer one holds never gets the group of a shorter one in between.
func (d *Datapath) putNetworks(c *datapath.Change) error {
	groupOf := make(map[networkKey]uint32, len(c.PutNetworks))
	for prefix, group := range c.PutNetworks {
		groupOf[networkKeyOf(prefix)] = uint32(group)
	}
	keys := slices.SortedFunc(maps.Keys(groupOf), func(a, b networkKey) int { return cmp.Compare(b.Bits, a.Bits) })
	groups := make([]uint32, len(keys))
	for i, key := range keys {
		groups[i] = groupOf[key]
	}
	return d.networks.put(keys, groups)
}

func (d *Datapath) putProfiles(c *datapath.Change) error {
	for index, p := range c.PutProfiles {
		if err := d.profiles.put(index, p); err != nil {
			return err
		}
	}
	return nil
}

func (d *Datapath) putInterfaces(c *datapath.Change) error {
	for _, i := range c.PutInterfaces {
		if err := d.write("interfaces", d.objects.Interfaces, i, uint32(1)); err != nil {
			return err
		}
	}
	return nil
}

func (d *Datapath) putEndpoints(c *datapath.Change) error {
	for addr, e := range c.PutEndpoints {
		key := keyOf(addr)
		if err := d.write("endpoints", d.objects.Endpoints, key, endpointWord(key, e)); err != nil {
			return err
		}
	}
	return nil
}

// write puts one entry and keeps the table's count: an entry that was there already does not count again.
func (d *Datapath) write(table string, m *cebpf.Map, key, value any) error {
	err := m.Update(key, value, cebpf.UpdateNoExist)
	if errors.Is(err, cebpf.ErrKeyExist) {
		err = m.Update(key, value, cebpf.UpdateExist)
	} else if err == nil {
		d.used[table]++
	}
	if err != nil {
		return fmt.Errorf("write into %s: %w", table, err)
	}
	return nil
}

func (d *Datapath) delete(c *datapath.Change) error {
	m := &d.objects.programMaps
	for _, addr := range c.DeleteEndpoints {
		if err := d.erase("endpoints", m.Endpoints, keyOf(addr)); err != nil {
			return err
		}
	}
	for _, i := range c.DeleteInterfaces {
		if err := d.erase("interfaces", m.Interfaces, i); err != nil {
			return err
		}
	}
	for _, index := range c.DeleteProfiles {
		if err := d.profiles.clear(index); err != nil {
			return err
		}
	}
	for _, prefix := range c.DeleteNetworks {
		if err := d.networks.delete(networkKeyOf(prefix)); err != nil {
			return err
		}
	}
	for _, k := range c.DeleteRanges {
		if err := d.ranges.delete(rangeKeyOf(k)); err != nil {
			return err
		}
	}
	for _, k := range c.DeleteVerdicts {
		if err := d.erase("verdicts", m.Verdicts, verdictKeyOf(k)); err != nil {
			return err
		}
	}
	return nil
}

// erase removes one entry; one that is not there is fine.
func (d *Datapath) erase(table string, m *cebpf.Map, key any) error {
	err := m.Delete(key)
	if errors.Is(err, cebpf.ErrKeyNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("delete from %s: %w", table, err)
	}
	d.used[table]--
	return nil
}
