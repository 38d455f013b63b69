package conntrack

import (
	"context"
	"errors"
	"net/netip"
	"testing"
	"time"

	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// network is a node and two pods that can talk.
type network struct {
	node *lab.Node
	a, b *lab.Pod
	t    *testing.T
}

func newNetwork(t *testing.T) *network {
	n := lab.NewNode(t)
	return &network{node: n, a: n.AddPod("a", "10.244.1.2", "fd00:10:244:1::2"), b: n.AddPod("b", "10.244.1.3", "fd00:10:244:1::3"), t: t}
}

// start starts a keeper in the node and returns what ends it.
func (n *network) start(opts Options) (*Keeper, func()) {
	n.t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	var k *Keeper
	var err error
	n.node.Do(func() { k, err = Start(ctx, opts) })
	if err != nil {
		cancel()
		n.t.Fatal(err)
	}
	end := func() { cancel(); k.Wait() }
	n.t.Cleanup(end)
	return k, end
}

// tracks sends one fresh datagram of each family from a to b and reports whether the node tracks them.
func (n *network) tracks(port uint16) bool {
	for _, pair := range [][2]netip.Addr{{n.a.Address4, n.b.Address4}, {n.a.Address6, n.b.Address6}} {
		to := netip.AddrPortFrom(pair[1], port)
		arrived := n.b.Tap(func(s lab.Seen) bool { return s.Destination == to })
		n.a.Inject(lab.UDPPacket(netip.AddrPortFrom(pair[0], port), to, []byte("x")).Bytes())
		lab.Eventually(n.t, "a datagram to pass", func() bool { return arrived.Count() == 1 })
		if !n.tracked(to) {
			return false
		}
	}
	return true
}

func (n *network) tracked(to netip.AddrPort) bool {
	family := netlink.InetFamily(unix.AF_INET)
	if to.Addr().Is6() {
		family = unix.AF_INET6
	}
	flows, err := n.node.Handle.ConntrackTableList(netlink.ConntrackTable, family)
	if err != nil {
		n.t.Fatal(err)
	}
	for _, f := range flows {
		if a, _ := netip.AddrFromSlice(f.Forward.DstIP); a.Unmap() == to.Addr() && f.Forward.DstPort == to.Port() {
			return true
		}
	}
	return false
}

func (n *network) nft(f func(*nftables.Conn)) error {
	c, err := nftables.New(nftables.WithNetNSFd(int(n.node.FD())))
	if err != nil {
		n.t.Fatal(err)
	}
	f(c)
	return c.Flush()
}

func ours() *nftables.Table {
	return &nftables.Table{Name: tableName, Family: nftables.TableFamilyINet}
}

func TestStartTurnsTrackingOn(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	if n.tracks(1000) {
		t.Fatal("connections are tracked without a keeper: the test proves nothing")
	}
	_, end := n.start(Options{})
	if !n.tracks(1001) {
		t.Fatal("connections are not tracked")
	}
	end()
	if !n.tracks(1002) {
		t.Fatal("tracking ended with the keeper")
	}
	var err error
	n.node.Do(func() { err = Remove() })
	if err != nil {
		t.Fatal(err)
	}
	if n.tracks(1003) {
		t.Fatal("connections are still tracked after Remove")
	}
	n.node.Do(func() { err = Remove() })
	if err != nil {
		t.Fatalf("second Remove: %v", err)
	}
}

func TestOwnedTableStays(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	k, end := n.start(Options{})
	if !k.Owned() {
		t.Fatal("the table is not owned on a kernel that can do it")
	}
	if err := n.nft(func(c *nftables.Conn) { c.FlushRuleset() }); err != nil {
		t.Fatal(err)
	}
	if !n.tracks(1000) {
		t.Fatal("flushing the ruleset turned tracking off")
	}
	if err := n.nft(func(c *nftables.Conn) { c.DelTable(ours()) }); !errors.Is(err, unix.EPERM) {
		t.Fatalf("delete an owned table: got %v, want %v", err, unix.EPERM)
	}
	var err error
	n.node.Do(func() { err = Remove() })
	if !errors.Is(err, errBusy) {
		t.Fatalf("Remove beside a keeper: got %v, want %v", err, errBusy)
	}
	end()
	next, _ := n.start(Options{})
	if !next.Owned() || next.Restored() != 0 {
		t.Fatalf("the next keeper: owned %v, restored %d; want true, 0", next.Owned(), next.Restored())
	}
	if err := n.nft(func(c *nftables.Conn) { c.FlushRuleset() }); err != nil {
		t.Fatal(err)
	}
	if !n.tracks(1001) {
		t.Fatal("the adopted table went with the ruleset")
	}
}

// TestNextKeeperTakesOver lets two keepers overlap, as a rolling update does.
func TestNextKeeperTakesOver(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	_, end := n.start(Options{})
	next, _ := n.start(Options{})
	if next.Owned() {
		t.Fatal("two keepers own the table")
	}
	end()
	lab.Eventually(t, "the next keeper to own the table", next.Owned)
	if !n.tracks(1000) || next.Restored() != 0 {
		t.Fatalf("tracking on, restored %d; want on, 0", next.Restored())
	}
}

func TestPlainTableIsRestored(t *testing.T) {
	t.Parallel()
	for _, damage := range []struct {
		name string
		do   func(*nftables.Conn)
	}{
		{"flush ruleset", func(c *nftables.Conn) { c.FlushRuleset() }},
		{"delete table", func(c *nftables.Conn) { c.DelTable(ours()) }},
		{"flush table", func(c *nftables.Conn) { c.FlushTable(ours()) }},
		{"delete chain", func(c *nftables.Conn) {
			chain := &nftables.Chain{Name: chainName, Table: ours()}
			c.FlushChain(chain)
			c.DelChain(chain)
		}},
	} {
		t.Run(damage.name, func(t *testing.T) {
			n := newNetwork(t)
			restored := make(chan struct{}, 16)
			k, _ := n.start(Options{Plain: true, OnRestore: func() { restored <- struct{}{} }})
			if k.Owned() {
				t.Fatal("a plain table is owned")
			}
			for i := range 3 {
				start := time.Now()
				if err := n.nft(damage.do); err != nil {
					t.Fatal(err)
				}
				select {
				case <-restored:
					t.Logf("restored after %v", time.Since(start))
				case <-time.After(poll / 2):
					t.Fatal("not restored at once")
				}
				if got, want := k.Restored(), uint64(i+1); got != want {
					t.Fatalf("restored %d times, want %d", got, want)
				}
				if !n.tracks(uint16(1000 + i)) {
					t.Fatal("connections are not tracked")
				}
			}
		})
	}
}

// TestRestoredWithoutNotification closes the keeper's ears: polling alone must notice.
func TestRestoredWithoutNotification(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	k, _ := n.start(Options{Plain: true})
	k.watch.close()
	if err := n.nft(func(c *nftables.Conn) { c.FlushRuleset() }); err != nil {
		t.Fatal(err)
	}
	lab.Eventually(t, "polling to restore the table", func() bool { return k.Restored() == 1 })
}

// TestPlainBecomesOwned: an agent that could not own the table leaves a plain one to its successor.
func TestPlainBecomesOwned(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	_, end := n.start(Options{Plain: true})
	end()
	k, _ := n.start(Options{})
	if !k.Owned() || !n.tracks(1000) {
		t.Fatalf("owned %v, or connections not tracked", k.Owned())
	}
}

func TestOthersAreLeftAlone(t *testing.T) {
	t.Parallel()
	n := newNetwork(t)
	other := &nftables.Table{Name: "theirs", Family: nftables.TableFamilyINet}
	if err := n.nft(func(c *nftables.Conn) { c.AddTable(other) }); err != nil {
		t.Fatal(err)
	}
	_, end := n.start(Options{Plain: true})
	end()
	var err error
	n.node.Do(func() { err = Remove() })
	if err != nil {
		t.Fatal(err)
	}
	c, err := nftables.New(nftables.WithNetNSFd(int(n.node.FD())))
	if err != nil {
		t.Fatal(err)
	}
	tables, err := c.ListTables()
	if err != nil || len(tables) != 1 || tables[0].Name != "theirs" {
		t.Fatalf("tables %v, error %v; want theirs alone", tables, err)
	}
}

func TestNoNamespaceIsAnError(t *testing.T) {
	k := &table{ns: -1}
	if _, err := k.ensure(); err == nil {
		t.Fatal("no error in a namespace that is not there")
	}
}
