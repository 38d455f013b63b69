package ebpf

import (
	"errors"
	"net/netip"
	"testing"

	cebpf "github.com/cilium/ebpf"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// small opens an instance with room for few entries. It is never attached.
func small(t *testing.T) *Datapath {
	t.Helper()
	d, err := Open(Options{Dir: lab.BPFFS(t), Sizes: Sizes{Endpoints: 4, Networks: 4, Ranges: 4, Verdicts: 40, Rules: 8}})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { d.Close() })
	return d
}

// countEntries returns how many entries a map has.
func countEntries[K, V any](t *testing.T, m *cebpf.Map) int {
	t.Helper()
	var k K
	var v V
	n := 0
	it := m.Iterate()
	for it.Next(&k, &v) {
		n++
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return n
}

// sizesOf returns how full the limited tables are.
func sizesOf(t *testing.T, d *Datapath) [4]int {
	t.Helper()
	return [4]int{
		countEntries[addressKey, uint64](t, d.objects.Endpoints), countEntries[networkKey, uint32](t, d.objects.Networks),
		countEntries[rangeKey, uint64](t, d.objects.Ranges), countEntries[verdictKey, uint64](t, d.objects.Verdicts),
	}
}

// fill makes a change with so many endpoints, networks, ranges and verdicts, numbered from first.
func fill(first, endpoints, networks, ranges, verdicts int) *datapath.Change {
	c := &datapath.Change{
		PutEndpoints: map[netip.Addr]datapath.Endpoint{}, PutNetworks: map[netip.Prefix]datapath.GroupID{},
		PutRanges: map[datapath.RangeKey]datapath.Verdict{}, PutVerdicts: map[datapath.VerdictKey]datapath.Verdict{},
	}
	for i := range endpoints {
		c.PutEndpoints[netip.AddrFrom4([4]byte{10, 0, 0, byte(first + i)})] = datapath.Endpoint{Group: datapath.FirstGroup}
	}
	for i := range networks {
		c.PutNetworks[netip.PrefixFrom(netip.AddrFrom4([4]byte{10, 0, byte(first + i), 0}), 24)] = datapath.FirstGroup
	}
	for i := range ranges {
		// One inside another: they differ in their length alone.
		c.PutRanges[datapath.RangeKey{Profile: 1, Protocol: datapath.TCP, Bits: uint8(first%8 + i + 1)}] = datapath.Verdict{}
	}
	for i := range verdicts {
		c.PutVerdicts[datapath.VerdictKey{Profile: datapath.ProfileID(first + i)}] = datapath.Verdict{}
	}
	return c
}

// TestFullIsRefusedWhole: of a change that does not fit into one table, nothing is in any.
func TestFullIsRefusedWhole(t *testing.T) {
	for _, tc := range []struct {
		name   string
		change *datapath.Change
	}{
		{"endpoints", fill(100, 3, 1, 1, 1)},
		{"networks", fill(100, 1, 3, 1, 1)},
		{"ranges", fill(100, 1, 1, 3, 1)},
		{"verdicts", fill(100, 1, 1, 1, 39)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := small(t)
			if err := d.Apply(fill(0, 2, 2, 2, 2)); err != nil {
				t.Fatal(err)
			}
			before := sizesOf(t, d)
			if err := d.Apply(tc.change); !errors.Is(err, datapath.ErrFull) {
				t.Fatalf("got %v, want %v", err, datapath.ErrFull)
			}
			if got := sizesOf(t, d); got != before {
				t.Errorf("entries after a refused change: %v, want %v", got, before)
			}
			if err := d.Apply(fill(100, 2, 2, 2, 38)); err != nil {
				t.Errorf("a change that just fits: %v", err)
			}
			if got, want := sizesOf(t, d), [4]int{4, 4, 4, 40}; got != want {
				t.Errorf("entries: %v, want %v", got, want)
			}
		})
	}
}

// TestFullUnexpectedly: when the kernel is out of room in the middle of a change, nobody is told that nothing was written.
func TestFullUnexpectedly(t *testing.T) {
	for _, tc := range []struct {
		name         string
		hide, change *datapath.Change
	}{
		{"endpoints", fill(0, 4, 0, 0, 0), fill(100, 1, 0, 0, 1)},
		{"networks", fill(0, 0, 4, 0, 0), fill(100, 0, 1, 0, 1)},
		{"ranges", fill(0, 0, 0, 4, 0), fill(4, 0, 0, 1, 1)},
		{"verdicts", fill(0, 0, 0, 0, 40), fill(100, 0, 0, 0, 20)},
	} {
		t.Run(tc.name, func(t *testing.T) {
			d := small(t)
			if err := d.Apply(tc.hide); err != nil {
				t.Fatal(err)
			}
			clear(d.used)
			clear(d.networks.keys)
			clear(d.ranges.keys)
			if err := d.Apply(tc.change); err == nil || errors.Is(err, datapath.ErrFull) {
				t.Errorf("got %v, want an error that is not %v", err, datapath.ErrFull)
			}
		})
	}
}

// TestReplacingNeedsNoRoom flips every word of a full table.
func TestReplacingNeedsNoRoom(t *testing.T) {
	d := small(t)
	for range 3 {
		if err := d.Apply(fill(0, 4, 4, 4, 40)); err != nil {
			t.Fatal(err)
		}
	}
	for what, c := range map[string]*datapath.Change{
		"endpoint": fill(1, 4, 0, 0, 0), "network": fill(1, 0, 4, 0, 0), "range": fill(1, 0, 0, 4, 0), "verdict": fill(1, 0, 0, 0, 40),
	} {
		if err := d.Apply(c); !errors.Is(err, datapath.ErrFull) {
			t.Errorf("one more %s: got %v, want %v", what, err, datapath.ErrFull)
		}
	}
}

// TestDeletingMakesRoom also deletes what is not there.
func TestDeletingMakesRoom(t *testing.T) {
	d := small(t)
	full := fill(0, 4, 4, 4, 40)
	for range 3 {
		if err := d.Apply(full); err != nil {
			t.Fatal(err)
		}
		gone := &datapath.Change{DeleteInterfaces: []uint32{77}}
		for a := range full.PutEndpoints {
			gone.DeleteEndpoints = append(gone.DeleteEndpoints, a, a.Next().Next().Next().Next())
		}
		for p := range full.PutNetworks {
			gone.DeleteNetworks = append(gone.DeleteNetworks, p)
		}
		for k := range full.PutRanges {
			gone.DeleteRanges = append(gone.DeleteRanges, k)
		}
		for k := range full.PutVerdicts {
			gone.DeleteVerdicts = append(gone.DeleteVerdicts, k)
		}
		for range 2 {
			if err := d.Apply(gone); err != nil {
				t.Fatal(err)
			}
		}
		if got := sizesOf(t, d); got != [4]int{} {
			t.Fatalf("entries left: %v", got)
		}
	}
}

// TestProfileIDsMustFit: 28 bits. Nodes have no profile.
func TestProfileIDsMustFit(t *testing.T) {
	d := small(t)
	for _, p := range []datapath.Profile{{Ingress: datapath.MaxProfileID + 1}, {Egress: datapath.MaxProfileID + 1}} {
		if err := d.Apply(&datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{1: p}}); err == nil {
			t.Errorf("%+v: no error", p)
		}
	}
	for _, index := range []datapath.ProfileIndex{datapath.NodeIndex, datapath.OtherNodeIndex} {
		if err := d.Apply(&datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{index: {}}}); err == nil {
			t.Errorf("a profile at index %d: no error", index)
		}
	}
}
