package podnet

import (
	"encoding/json"
	"fmt"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/containernetworking/plugins/plugins/ipam/host-local/backend/allocator"
	"github.com/google/go-cmp/cmp"
)

func newPool(t *testing.T, dir, args string, subnets ...string) *Pool {
	t.Helper()
	var ranges [][]map[string]string
	for _, s := range subnets {
		ranges = append(ranges, []map[string]string{{"subnet": s}})
	}
	b, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "net", "ipam": map[string]any{"type": "host-local", "dataDir": dir, "ranges": ranges},
	})
	if err != nil {
		t.Fatal(err)
	}
	conf, _, err := allocator.LoadIPAMConfig(b, args)
	if err != nil {
		t.Fatal(err)
	}
	return NewPool(conf)
}

func mustReserve(t *testing.T, p *Pool, o Owner) string {
	t.Helper()
	list, err := p.Reserve(o)
	if err != nil {
		t.Fatal(err)
	}
	return fmt.Sprint(list)
}

func TestPool(t *testing.T) {
	p := newPool(t, t.TempDir(), "", "10.1.0.0/24", "fd00:1::/64")
	a, b := Owner{"a", "eth0"}, Owner{"b", "eth0"}
	if got := mustReserve(t, p, a); got != "[10.1.0.2 fd00:1::2]" {
		t.Errorf("a has %s", got)
	}
	if got := mustReserve(t, p, a); got != "[10.1.0.2 fd00:1::2]" {
		t.Errorf("a has %s the second time", got)
	}
	if got := mustReserve(t, p, b); got != "[10.1.0.3 fd00:1::3]" {
		t.Errorf("b has %s", got)
	}
	want := []Reservation{
		{netip.MustParseAddr("10.1.0.2"), a}, {netip.MustParseAddr("10.1.0.3"), b},
		{netip.MustParseAddr("fd00:1::2"), a}, {netip.MustParseAddr("fd00:1::3"), b},
	}
	got, err := p.Reservations()
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(want, got, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("reservations (-want +got):\n%s", diff)
	}
	for range 2 {
		if err := p.Release(a); err != nil {
			t.Fatal(err)
		}
	}
	if held, err := p.Held(a); len(held) > 0 || err != nil {
		t.Errorf("a holds %v, %v", held, err)
	}
	if held, err := p.Held(b); len(held) != 2 || err != nil {
		t.Errorf("b holds %v, %v", held, err)
	}
	// The freed address is the last to be given out again.
	if got := mustReserve(t, p, Owner{"c", "eth0"}); got != "[10.1.0.4 fd00:1::4]" {
		t.Errorf("c has %s", got)
	}
}

func TestPoolWithoutStore(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "missing")
	p := newPool(t, dir, "", "10.1.0.0/24")
	if err := p.Release(Owner{"a", "eth0"}); err != nil {
		t.Error(err)
	}
	if held, err := p.Held(Owner{"a", "eth0"}); len(held) > 0 || err != nil {
		t.Errorf("held %v, %v", held, err)
	}
	if _, err := os.Stat(dir); err == nil {
		t.Error("looking made the store")
	}
}

func TestPoolExhausted(t *testing.T) {
	p := newPool(t, t.TempDir(), "", "fd00:1::/64", "10.1.0.0/30")
	mustReserve(t, p, Owner{"a", "eth0"})
	b := Owner{"b", "eth0"}
	if _, err := p.Reserve(b); err == nil {
		t.Fatal("two pods on one address")
	}
	if err := p.Release(b); err != nil {
		t.Fatal(err)
	}
	if all, err := p.Reservations(); len(all) != 2 || err != nil {
		t.Errorf("reserved: %v, %v", all, err)
	}
}

func TestPoolRequested(t *testing.T) {
	dir := t.TempDir()
	if got := mustReserve(t, newPool(t, dir, "IP=10.1.0.9", "10.1.0.0/24", "fd00:1::/64"), Owner{"a", "eth0"}); got != "[10.1.0.9 fd00:1::2]" {
		t.Errorf("got %s", got)
	}
	for _, ip := range []string{"10.1.0.9", "10.1.0.1", "10.2.0.1"} { // taken, the gateway, elsewhere
		if list, err := newPool(t, dir, "IP="+ip, "10.1.0.0/24").Reserve(Owner{"b", "eth0"}); err == nil {
			t.Errorf("asked for %s, got %v", ip, list)
		}
	}
}

func TestPoolOfTheKilled(t *testing.T) {
	dir := t.TempDir()
	p := newPool(t, dir, "", "10.1.0.0/24")
	mustReserve(t, p, Owner{"a", "eth0"})
	if err := os.WriteFile(filepath.Join(dir, "net", "10.1.0.3"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if got := mustReserve(t, p, Owner{"b", "eth0"}); got != "[10.1.0.4]" {
		t.Errorf("got %s: an address of which nobody knows who has it", got)
	}
	nobody := Reservation{Address: netip.MustParseAddr("10.1.0.3")}
	wrong := Reservation{Address: netip.MustParseAddr("10.1.0.2")}
	for _, r := range []Reservation{nobody, wrong} {
		if err := p.Discard(r); err != nil {
			t.Fatal(err)
		}
	}
	if all, err := p.Reservations(); len(all) != 2 || err != nil {
		t.Errorf("reserved: %v, %v", all, err)
	}
}

func TestPoolContains(t *testing.T) {
	p := newPool(t, t.TempDir(), "", "10.1.0.0/24", "fd00:1::/64")
	for a, want := range map[string]bool{"10.1.0.77": true, "fd00:1::9": true, "10.1.1.1": false, "fd00:2::1": false} {
		if got := p.Contains(netip.MustParseAddr(a)); got != want {
			t.Errorf("Contains(%s) = %v", a, got)
		}
	}
}

func TestPoolUnderContention(t *testing.T) {
	dir := t.TempDir()
	const n = 30
	got := make([]string, n)
	errs := make([]error, n)
	var wg sync.WaitGroup
	for i := range n {
		p := newPool(t, dir, "", "10.1.0.0/24")
		wg.Go(func() {
			list, err := p.Reserve(Owner{fmt.Sprint("c", i), "eth0"})
			got[i], errs[i] = fmt.Sprint(list), err
		})
	}
	wg.Wait()
	seen := map[string]bool{}
	for i := range n {
		if errs[i] != nil || seen[got[i]] {
			t.Errorf("%s given out twice, or error %v", got[i], errs[i])
		}
		seen[got[i]] = true
	}
}
