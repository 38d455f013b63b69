package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"runtime"
	"sort"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/cilium/ebpf/link"
	"github.com/google/go-cmp/cmp"
	"github.com/google/nftables"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
)

// machine is everything of this machine that an instance must leave as it was, as text by kind.
type machine map[string][]string

// lookAtMachine looks at the network namespace and the mounts of the machine.
func lookAtMachine() (machine, error) {
	m := machine{}
	for kind, list := range map[string]func() ([]string, error){
		"links": links, "addresses": addresses, "routes": routes, "rules": rules, "nft": nft, "settings": settings,
		"mounts": mounts,
	} {
		entries, err := list()
		if err != nil {
			return nil, fmt.Errorf("look at the machine's %s: %w", kind, err)
		}
		sort.Strings(entries)
		m[kind] = entries
	}
	return m, nil
}

func links() ([]string, error) {
	all, err := netlink.LinkList()
	var list []string
	for _, l := range all {
		a := l.Attrs()
		list = append(list, fmt.Sprint(a.Index, " ", a.Name, " ", l.Type(), " ", a.HardwareAddr, " ", a.Flags, " mtu ", a.MTU, " master ", a.MasterIndex))
	}
	return list, err
}

func addresses() ([]string, error) {
	all, err := netlink.AddrList(nil, netlink.FAMILY_ALL)
	var list []string
	for _, a := range all {
		list = append(list, fmt.Sprint(a.IPNet, " on ", a.LinkIndex))
	}
	return list, err
}

func routes() ([]string, error) {
	all, err := netlink.RouteListFiltered(netlink.FAMILY_ALL, &netlink.Route{Table: unix.RT_TABLE_UNSPEC}, netlink.RT_FILTER_TABLE)
	var list []string
	for _, r := range all {
		list = append(list, r.String())
	}
	return list, err
}

func rules() ([]string, error) {
	all, err := netlink.RuleList(netlink.FAMILY_ALL)
	var list []string
	for _, r := range all {
		list = append(list, r.String())
	}
	return list, err
}

func nft() ([]string, error) {
	c, err := nftables.New()
	if err != nil {
		return nil, err
	}
	tables, err := c.ListTables()
	if err != nil {
		return nil, err
	}
	chains, err := c.ListChains()
	var list []string
	for _, t := range tables {
		list = append(list, fmt.Sprint("table ", t.Family, " ", t.Name))
	}
	for _, ch := range chains {
		rules, err := c.GetRules(ch.Table, ch)
		if err != nil {
			return nil, err
		}
		list = append(list, fmt.Sprint("chain ", ch.Table.Family, " ", ch.Table.Name, " ", ch.Name, " of ", len(rules), " rules"))
	}
	return list, err
}

// settings are sysctls of the network that a careless program would change.
func settings() ([]string, error) {
	var list []string
	for _, name := range []string{
		"net/ipv4/ip_forward", "net/ipv4/conf/all/rp_filter", "net/ipv4/conf/default/rp_filter", "net/ipv4/conf/all/forwarding",
		"net/ipv6/conf/all/forwarding", "net/ipv6/conf/default/accept_dad", "net/ipv6/conf/all/disable_ipv6",
	} {
		text, err := os.ReadFile("/proc/sys/" + name)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		list = append(list, name+" = "+strings.TrimSpace(string(text)))
	}
	return list, nil
}

func mounts() ([]string, error) {
	text, err := os.ReadFile("/proc/self/mountinfo")
	return strings.Split(strings.TrimSpace(string(text)), "\n"), err
}

// enforcement lists the ids of the eBPF links that the agents of an instance have pinned.
func (i *instance) enforcement(t *testing.T) []link.ID {
	t.Helper()
	pins, err := filepath.Glob(i.inside(i.file("run", "bpf", "*", "*", "link-*")))
	must(t, err)
	var list []link.ID
	for _, pin := range pins {
		l, err := link.LoadPinnedLink(pin, nil)
		must(t, err)
		info, err := l.Info()
		must(t, err)
		list = append(list, info.ID)
		must(t, l.Close())
	}
	if len(list) == 0 {
		t.Fatalf("no link is pinned in %s", i.file("run", "bpf"))
	}
	return list
}

// checkUnlinked fails the test unless the kernel forgets the links.
func checkUnlinked(t *testing.T, list []link.ID) {
	t.Helper()
	eventually(t, "eBPF links are gone", func(context.Context) error {
		for _, id := range list {
			l, err := link.NewFromID(id)
			if err == nil {
				return errors.Join(fmt.Errorf("link %d is still there", id), l.Close())
			}
			if !errors.Is(err, os.ErrNotExist) {
				return err
			}
		}
		return nil
	})
}

// await waits until the machine is as it was and returns "", or the difference that stays.
func (before machine) await() string {
	var diff string
	// The kernel takes namespaces back a moment after their last process.
	for end := time.Now().Add(waitTime); time.Now().Before(end); time.Sleep(50 * time.Millisecond) {
		now, err := lookAtMachine()
		if err != nil {
			return err.Error()
		}
		if diff = cmp.Diff(before, now); diff == "" {
			return ""
		}
	}
	return diff
}

// checkUntouched fails the test unless the machine becomes as it was before anything was started.
func checkUntouched(t *testing.T) {
	t.Helper()
	if diff := untouched.await(); diff != "" {
		t.Errorf("the machine is not as before (-before +now):\n%s", diff)
	}
}

// process is one process of this machine; a process id that is used again is another process.
type process struct {
	pid   int
	start string // from /proc/PID/stat, in clock ticks after boot
	name  string
}

// descendants lists a process and all that it started.
func descendants(t *testing.T, root int) []process {
	t.Helper()
	children := map[int][]int{}
	all := map[int]process{}
	entries, err := filepath.Glob("/proc/[0-9]*")
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range entries {
		pid, _ := strconv.Atoi(filepath.Base(e))
		p, parent, ok := readProcess(pid)
		if ok {
			all[pid], children[parent] = p, append(children[parent], pid)
		}
	}
	list := []process{all[root]}
	for k := 0; k < len(list); k++ {
		for _, pid := range children[list[k].pid] {
			list = append(list, all[pid])
		}
	}
	return list
}

// readProcess reads /proc/PID/stat (see proc_pid_stat(5)). Zombies count as gone.
func readProcess(pid int) (p process, parent int, ok bool) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/stat", pid))
	open, end := strings.Index(string(text), "("), strings.LastIndex(string(text), ")")
	if err != nil || open < 0 || end < open {
		return process{}, 0, false
	}
	fields := strings.Fields(string(text[end+1:]))
	if len(fields) < 20 || fields[0] == "Z" || fields[0] == "X" {
		return process{}, 0, false
	}
	parent, _ = strconv.Atoi(fields[1])
	return process{pid: pid, start: fields[19], name: string(text[open+1 : end])}, parent, true
}

// checkGone fails the test unless all the processes end.
func checkGone(t *testing.T, list []process) {
	t.Helper()
	for _, p := range list {
		for end := time.Now().Add(waitTime); ; time.Sleep(10 * time.Millisecond) {
			now, _, ok := readProcess(p.pid)
			if !ok || now.start != p.start {
				break
			}
			if time.Now().After(end) {
				t.Errorf("process %d (%s) is still there", p.pid, p.name)
				break
			}
		}
	}
}

// lockThread binds the calling goroutine to a thread for good.
func lockThread() { runtime.LockOSThread() }

// inNetns calls do on a thread inside a network namespace. What do starts on other goroutines is not inside.
func inNetns(path string, do func() error) error {
	done := make(chan error, 1)
	go func() {
		lockThread() // the thread ends with the goroutine
		fd, err := unix.Open(path, unix.O_RDONLY|unix.O_CLOEXEC, 0)
		if err != nil {
			done <- fmt.Errorf("open network namespace %s: %w", path, err)
			return
		}
		defer unix.Close(fd)
		if err := unix.Setns(fd, unix.CLONE_NEWNET); err != nil {
			done <- fmt.Errorf("enter network namespace %s: %w", path, err)
			return
		}
		done <- do()
	}()
	return <-done
}
