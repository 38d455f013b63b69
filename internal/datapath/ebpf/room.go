package ebpf

import (
	"errors"
	"fmt"

	cebpf "github.com/cilium/ebpf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
)

// checkRoom refuses a change that adds more than is free. What it replaces needs no room.
func (d *Datapath) checkRoom(c *datapath.Change) error {
	m := &d.objects.programMaps
	if err := room("networks", len(d.networks.keys), d.sizes.Networks, len(c.PutNetworks), func() (int, error) {
		return fresh(d.networks, c.PutNetworks, networkKeyOf), nil
	}); err != nil {
		return err
	}
	if err := room("ranges", len(d.ranges.keys), d.sizes.Ranges, len(c.PutRanges), func() (int, error) {
		return fresh(d.ranges, c.PutRanges, rangeKeyOf), nil
	}); err != nil {
		return err
	}
	if err := room("endpoints", d.used["endpoints"], d.sizes.Endpoints, len(c.PutEndpoints), func() (int, error) {
		return missing(m.Endpoints, c.PutEndpoints, keyOf)
	}); err != nil {
		return err
	}
	return d.roomForVerdicts(c)
}

func (d *Datapath) roomForVerdicts(c *datapath.Change) error {
	if d.used["verdicts"]+len(c.PutVerdicts) <= int(d.sizes.Verdicts) {
		return nil
	}
	// The count is too high when verdicts were written anew.
	n, err := countVerdicts(d.objects.Verdicts)
	if err != nil {
		return fmt.Errorf("look for room in verdicts: %w", err)
	}
	d.used["verdicts"] = n
	return room("verdicts", n, d.sizes.Verdicts, len(c.PutVerdicts), func() (int, error) {
		return missing(d.objects.Verdicts, c.PutVerdicts, verdictKeyOf)
	})
}

// room asks how many entries are new only when they would not fit if all were.
func room(table string, used int, limit uint32, put int, fresh func() (int, error)) error {
	if put == 0 || used+put <= int(limit) {
		return nil
	}
	added, err := fresh()
	if err != nil {
		return fmt.Errorf("look for room in %s: %w", table, err)
	}
	if used+added > int(limit) {
		return fmt.Errorf("%d more %s beside %d, limit %d: %w", added, table, used, limit, datapath.ErrFull)
	}
	return nil
}

// missing counts the keys that a hash table does not have.
func missing[K comparable, V, R any](m *cebpf.Map, put map[K]V, raw func(K) R) (int, error) {
	n := 0
	for k := range put {
		value, err := m.LookupBytes(raw(k))
		if err != nil {
			return 0, err
		}
		if value == nil {
			n++
		}
	}
	return n, nil
}

// countVerdicts walks the table: about 0.3 s for a million entries.
func countVerdicts(m *cebpf.Map) (int, error) {
	keys, words := make([]verdictKey, batch), make([]uint64, batch)
	var cursor cebpf.MapBatchCursor
	for n := 0; ; {
		k, err := m.BatchLookup(&cursor, keys, words, nil)
		n += k
		if errors.Is(err, cebpf.ErrKeyNotExist) {
			return n, nil
		}
		if err != nil {
			return 0, err
		}
	}
}
