package ebpf

import (
	"bufio"
	"encoding/gob"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
	"time"

	cebpf "github.com/cilium/ebpf"
	"github.com/cilium/ebpf/link"
	"github.com/google/nftables"
	"golang.org/x/sys/unix"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/lab"
)

// attached returns the netfilter links of an open instance.
func attached(t testing.TB, d *Datapath) map[string]link.NetfilterInfo {
	t.Helper()
	return linksOf(t, programID(t, d))
}

// programID returns the kernel's number of an instance's program.
func programID(t testing.TB, d *Datapath) cebpf.ProgramID {
	t.Helper()
	info, err := d.objects.Hedgerow.Info()
	if err != nil {
		t.Fatal(err)
	}
	id, ok := info.ID()
	if !ok {
		t.Fatal("the program has no id")
	}
	return id
}

// linksOf returns the netfilter links of a program, by family and hook.
func linksOf(t testing.TB, program cebpf.ProgramID) map[string]link.NetfilterInfo {
	t.Helper()
	found := map[string]link.NetfilterInfo{}
	it := new(link.Iterator)
	defer it.Close()
	for it.Next() {
		info, err := it.Link.Info()
		if errors.Is(err, os.ErrNotExist) {
			continue
		}
		if err != nil {
			t.Fatal(err)
		}
		if nf := info.Netfilter(); nf != nil && info.Program == program {
			for _, h := range hooks {
				if uint32(h.family) == uint32(nf.ProtocolFamily) && uint32(h.number) == uint32(nf.Hook) {
					found[h.name] = *nf
				}
			}
		}
	}
	if err := it.Err(); err != nil {
		t.Fatal(err)
	}
	return found
}

// wantInstances makes sure that so many instances are pinned.
func (b *testbed) wantInstances(want int) {
	b.Helper()
	dirs, err := instances(b.dir)
	if err != nil {
		b.Fatal(err)
	}
	if len(dirs) != want {
		b.Errorf("instances %v, want %d", dirs, want)
	}
}

// wantIsolated makes sure that pod b accepts what allowedWays says and nothing else.
func (b *testbed) wantIsolated(f family) {
	b.Helper()
	b.wantPass(b.a, b.b, probes[1].packet(f.of(b.a), f.of(b.b), 81))
	arrived := b.b.Tap(func(s lab.Seen) bool { return s.Destination.Port() == 82 })
	defer arrived.Close()
	b.c.Inject(probes[1].packet(f.of(b.c), f.of(b.b), 82).Bytes(), probes[0].packet(f.of(b.c), f.of(b.b), 82).Bytes())
	// What comes after them from the same pod shows that they are through.
	b.wantPass(b.c, b.a, probes[1].packet(f.of(b.c), f.of(b.a), 82))
	if n := arrived.Count(); n != 0 {
		b.Errorf("%d forbidden packets arrived", n)
	}
}

// wantOpen makes sure that pod c reaches pod b.
func (b *testbed) wantOpen(f family) {
	b.Helper()
	b.wantPass(b.c, b.b, probes[1].packet(f.of(b.c), f.of(b.b), 82))
}

func TestNothingBeforeAttach(t *testing.T) {
	t.Parallel()
	b := newUnattached(t)
	b.isolateIngress(b.b, allowedWays...)
	if Enforcing(b.dir) {
		t.Error("enforcing before Attach")
	}
	for _, f := range families {
		b.wantOpen(f)
	}
	dir := b.d.Instance()
	b.d.Close()
	if _, err := os.Stat(dir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("an instance that was never attached is left behind: %v", err)
	}
}

func TestCloseKeepsEnforcing(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.isolateIngress(b.b, allowedWays...)
		if err := b.d.Close(); err != nil {
			t.Fatal(err)
		}
		b.wantIsolated(f)
		if !Enforcing(b.dir) {
			t.Error("Enforcing says no")
		}
	})
}

func TestRemove(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.isolateIngress(b.b, allowedWays...)
	for _, f := range families {
		b.wantIsolated(f)
	}
	if got := len(attached(t, b.d)); got != len(hooks) {
		t.Fatalf("%d links, want %d", got, len(hooks))
	}
	id := programID(t, b.d)
	for range 2 {
		if err := Remove(b.dir); err != nil {
			t.Fatal(err)
		}
		for _, f := range families {
			b.wantOpen(f)
		}
		// The process's own handles keep a detached link's number alive.
		b.d.Close()
		if got := linksOf(t, id); len(got) != 0 {
			t.Errorf("links left: %v", got)
		}
		if left, _ := filepath.Glob(filepath.Join(b.dir, "*")); len(left) != 0 {
			t.Errorf("pins left: %v", left)
		}
		if Enforcing(b.dir) {
			t.Error("Enforcing says yes")
		}
	}
}

// TestAgentKilled kills a process that attached an instance, and lets another take over.
func TestAgentKilled(t *testing.T) {
	bothFamilies(t, func(b *testbed, f family) {
		b.d.Close() // never used: the other process has its own
		if err := Remove(b.dir); err != nil {
			t.Fatal(err)
		}
		tables := b.basics()
		tables.PutProfiles[b.index(b.b)] = datapath.Profile{Ingress: 77, Interface: b.b.HostIndex}
		tables.PutVerdicts = verdictsOf(77, 7, allowedWays).PutVerdicts
		b.runAndKill(tables)
		if !Enforcing(b.dir) {
			t.Error("Enforcing says no")
		}
		tr := b.startTraffic(f)

		b.d = b.open()
		if err := b.d.Apply(tables); err != nil {
			t.Fatal(err)
		}
		b.attach(b.d)
		b.wantInstances(1)
		tr.check(b)
		b.wantIsolated(f)
		b.apply(&datapath.Change{PutProfiles: map[datapath.ProfileIndex]datapath.Profile{b.index(b.b): {Interface: b.b.HostIndex}}})
		b.wantOpen(f)
	})
}

// agentDir names the directory to a test process that plays the agent; its tables come on its standard input.
const agentDir = "HEDGEROW_TEST_AGENT"

// runAndKill runs a process in the node that attaches an instance with these tables, and kills it as soon as it says so.
func (b *testbed) runAndKill(tables *datapath.Change) {
	b.Helper()
	cmd := exec.Command("/proc/self/exe")
	cmd.Env = append(os.Environ(), agentDir+"="+b.dir)
	cmd.Stderr = os.Stderr
	in, err := cmd.StdinPipe()
	if err != nil {
		b.Fatal(err)
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		b.Fatal(err)
	}
	b.node.Do(func() { err = cmd.Start() })
	if err != nil {
		b.Fatal(err)
	}
	if err := gob.NewEncoder(in).Encode(tables); err != nil {
		b.Error(err)
	}
	line, err := bufio.NewReader(out).ReadString('\n')
	if strings.TrimSpace(line) != "attached" {
		b.Errorf("the agent's process said %q: %v", line, err)
	}
	if err := cmd.Process.Kill(); err != nil {
		b.Error(err)
	}
	cmd.Wait()
}

// agent is the other process of runAndKill. It does not return unless it fails.
func agent(dir string) error {
	var tables datapath.Change
	if err := gob.NewDecoder(os.Stdin).Decode(&tables); err != nil {
		return err
	}
	d, err := Open(Options{Dir: dir})
	if err != nil {
		return err
	}
	if err := errors.Join(d.Apply(&tables), d.Attach()); err != nil {
		return err
	}
	if _, err := os.Stdout.WriteString("attached\n"); err != nil {
		return err
	}
	time.Sleep(time.Hour) // select {} would be found out as a deadlock
	return nil
}

// chains hooks empty nft chains into the node: other people's firewalls.
func (b *testbed) chains(family nftables.TableFamily, hook *nftables.ChainHook, priorities ...int32) {
	b.Helper()
	c, err := nftables.New(nftables.WithNetNSFd(int(b.node.FD())))
	if err != nil {
		b.Fatal(err)
	}
	table := c.AddTable(&nftables.Table{Name: "others", Family: family})
	for _, p := range priorities {
		c.AddChain(&nftables.Chain{
			Name: fmt.Sprintf("hook%d-%d", *hook, uint32(p)), Table: table,
			Type: nftables.ChainTypeFilter, Hooknum: hook, Priority: nftables.ChainPriorityRef(nftables.ChainPriority(p)),
		})
	}
	if err := c.Flush(); err != nil {
		b.Fatal(err)
	}
}

// TestTakenPriorities: others' hooks sit where the program wants to be.
func TestTakenPriorities(t *testing.T) {
	t.Parallel()
	b := newUnattached(t)
	b.isolateIngress(b.b, allowedWays...)
	for _, family := range []nftables.TableFamily{nftables.TableFamilyIPv4, nftables.TableFamilyIPv6} {
		b.chains(family, nftables.ChainHookForward, 0, -11, -12)
		b.chains(family, nftables.ChainHookInput, 0, 111)
		b.chains(family, nftables.ChainHookOutput, 0, -11, -13)
	}
	b.attach(b.d)
	for name, info := range attached(t, b.d) {
		want := map[string]int32{"forward": -13, "input": 112, "output": -12}[strings.TrimRight(name, "46")]
		if info.Priority != want {
			t.Errorf("%s: priority %d, want %d", name, info.Priority, want)
		}
	}
	for _, f := range families {
		b.wantIsolated(f)
	}
}

// TestAttachFailsHalfWay leaves no free place at the last hook. The former instance must go on, and nothing of the new one be in force.
func TestAttachFailsHalfWay(t *testing.T) {
	t.Parallel()
	b := newTestbed(t)
	b.isolateIngress(b.b, allowedWays...)
	var all []int32
	for p := int32(-11); p > -11-priorities; p-- {
		if p != attached(t, b.d)["output6"].Priority {
			all = append(all, p)
		}
	}
	b.chains(nftables.TableFamilyIPv6, nftables.ChainHookOutput, all...)

	next := b.open()
	var err error
	b.node.Do(func() { err = next.Attach() })
	if !errors.Is(err, unix.EBUSY) {
		t.Fatalf("Attach: got %v, want %v", err, unix.EBUSY)
	}
	if got := attached(t, next); len(got) != 0 {
		t.Errorf("links of the failed instance: %v", got)
	}
	if left, _ := filepath.Glob(filepath.Join(next.Instance(), "link-*")); len(left) != 0 {
		t.Errorf("pins of the failed instance: %v", left)
	}
	if got := len(attached(t, b.d)); got != len(hooks) {
		t.Errorf("%d links of the former instance, want %d", got, len(hooks))
	}
	for _, f := range families {
		b.wantIsolated(f)
	}
	next.Close()
	b.wantInstances(1)
}

// TestEnforcingNeedsWholeInstance: two halves, left by two processes that were killed while they attached, are no whole.
func TestEnforcingNeedsWholeInstance(t *testing.T) {
	dir := t.TempDir()
	for i, h := range hooks {
		for _, instance := range []string{fmt.Sprintf("v1-%d", i%2), "v1-7"} {
			if Enforcing(dir) {
				t.Errorf("enforcing with %d links", i)
			}
			path := filepath.Join(dir, instance)
			if err := errors.Join(os.MkdirAll(path, 0o700), os.WriteFile(filepath.Join(path, "link-"+h.name), nil, 0o600)); err != nil {
				t.Fatal(err)
			}
		}
	}
	if !Enforcing(dir) {
		t.Error("not enforcing with a whole instance")
	}
}
