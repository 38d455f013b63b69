package cni_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io/fs"
	"net"
	"net/netip"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/invoke"
	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/agentapi/agenttest"
	"github.com/hedgerow-net/hedgerow/internal/podnet/netnstest"
)

// binaries is the folder with the plugin, built once.
var binaries string

func TestMain(m *testing.M) { os.Exit(buildAndRun(m)) }

func buildAndRun(m *testing.M) int {
	dir, err := os.MkdirTemp("", "hedgerow-cni")
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer os.RemoveAll(dir)
	build := exec.Command("go", "build", "-o", dir, "github.com/hedgerow-net/hedgerow/cmd/hedgerow-cni")
	build.Env = append(os.Environ(), "CGO_ENABLED=0")
	if out, err := build.CombinedOutput(); err != nil {
		fmt.Fprintf(os.Stderr, "build hedgerow-cni: %v\n%s", err, out)
		return 1
	}
	binaries = dir
	return m.Run()
}

// world is one node with an agent, as a container runtime sees it.
type world struct {
	t     *testing.T
	node  *netnstest.NS
	agent *agenttest.Server
	data  string // the address store
	cni   *libcni.CNIConfig
	// conf is the network configuration; tests change it before the first call.
	conf map[string]any
}

// newRuntimeState is a runtime that remembers no result.
func newRuntimeState(t *testing.T) *libcni.CNIConfig {
	return libcni.NewCNIConfigWithCacheDir([]string{binaries}, t.TempDir(),
		&invoke.DefaultExec{RawExec: &invoke.RawExec{Stderr: os.Stderr}})
}

const (
	range4 = "10.244.1.0/24"
	range6 = "fd00:10:244:1::/64"
)

func newWorld(t *testing.T) *world {
	w := &world{t: t, node: netnstest.New(t), agent: agenttest.Start(t), data: t.TempDir()}
	w.node.Sysctl("ipv4/ip_forward", "1")
	w.node.Sysctl("ipv6/conf/all/forwarding", "1")
	w.cni = newRuntimeState(t)
	w.conf = map[string]any{
		"type": "hedgerow-cni", "socket": w.agent.Socket, "mtu": 1400,
		"ipam": ipam(w.data, range4, range6),
	}
	return w
}

func ipam(data string, subnets ...string) map[string]any {
	var ranges [][]map[string]string
	for _, s := range subnets {
		ranges = append(ranges, []map[string]string{{"subnet": s}})
	}
	return map[string]any{"type": "host-local", "dataDir": data, "ranges": ranges}
}

// list returns the configuration as the runtime reads it from its file.
func (w *world) list(version string) *libcni.NetworkConfigList {
	w.t.Helper()
	b, err := json.Marshal(map[string]any{"cniVersion": version, "name": "hedgerow", "plugins": []any{w.conf}})
	if err != nil {
		w.t.Fatal(err)
	}
	list, err := libcni.NetworkConfFromBytes(b)
	if err != nil {
		w.t.Fatal(err)
	}
	return list
}

// pod is one sandbox.
type pod struct {
	name  string
	netns *netnstest.NS
	rt    *libcni.RuntimeConf
}

func (w *world) pod(name string) *pod {
	ns := netnstest.New(w.t)
	return &pod{name: name, netns: ns, rt: &libcni.RuntimeConf{
		ContainerID: "container-" + name,
		NetNS:       ns.Path(),
		IfName:      "eth0",
		Args: [][2]string{
			{"IgnoreUnknown", "1"}, {"K8S_POD_NAMESPACE", "tenant-a"}, {"K8S_POD_NAME", name},
			{"K8S_POD_INFRA_CONTAINER_ID", "container-" + name}, {"K8S_POD_UID", "uid-" + name},
		},
	}}
}

// onNode runs a call of the runtime in the node's namespace.
func (w *world) onNode(f func(context.Context) error) (err error) {
	w.t.Helper()
	w.node.Do(func() { err = f(w.t.Context()) })
	return err
}

func (w *world) add(p *pod) (*current.Result, error) {
	w.t.Helper()
	var r types.Result
	err := w.onNode(func(ctx context.Context) (err error) {
		r, err = w.cni.AddNetworkList(ctx, w.list("1.1.0"), p.rt)
		return err
	})
	if err != nil {
		return nil, err
	}
	return current.NewResultFromResult(r)
}

func (w *world) mustAdd(p *pod) *current.Result {
	w.t.Helper()
	r, err := w.add(p)
	if err != nil {
		w.t.Fatalf("ADD %s: %v", p.name, err)
	}
	return r
}

func (w *world) del(p *pod) error {
	w.t.Helper()
	return w.onNode(func(ctx context.Context) error { return w.cni.DelNetworkList(ctx, w.list("1.1.0"), p.rt) })
}

func (w *world) mustDel(p *pod) {
	w.t.Helper()
	if err := w.del(p); err != nil {
		w.t.Fatalf("DEL %s: %v", p.name, err)
	}
}

func (w *world) check(p *pod) error {
	w.t.Helper()
	return w.onNode(func(ctx context.Context) error { return w.cni.CheckNetworkList(ctx, w.list("1.1.0"), p.rt) })
}

// start begins a call of the plugin and returns its process, for tests that kill it.
func (w *world) start(command string, p *pod) *exec.Cmd {
	w.t.Helper()
	conf := map[string]any{"cniVersion": "1.1.0", "name": "hedgerow"}
	for k, v := range w.conf {
		conf[k] = v
	}
	b, err := json.Marshal(conf)
	if err != nil {
		w.t.Fatal(err)
	}
	cmd := exec.Command(filepath.Join(binaries, "hedgerow-cni"))
	cmd.Stdin = bytes.NewReader(b)
	cmd.Env = append(os.Environ(), "CNI_COMMAND="+command, "CNI_CONTAINERID="+p.rt.ContainerID, "CNI_NETNS="+p.rt.NetNS,
		"CNI_IFNAME="+p.rt.IfName, "CNI_PATH="+binaries, "CNI_ARGS=IgnoreUnknown=1;K8S_POD_NAMESPACE=tenant-a;K8S_POD_NAME="+p.name)
	w.node.Do(func() { err = cmd.Start() })
	if err != nil {
		w.t.Fatal(err)
	}
	return cmd
}

// links returns the names of the namespace's veth interfaces: the kernel puts others there by itself.
func links(t *testing.T, ns *netnstest.NS) []string {
	t.Helper()
	var names []string
	ns.Do(func() {
		list, err := netlink.LinkList()
		if err != nil {
			t.Error(err)
		}
		for _, l := range list {
			if l.Type() == "veth" {
				names = append(names, l.Attrs().Name)
			}
		}
	})
	return names
}

// reserved returns the addresses that the store has handed out, with the content of their files.
func (w *world) reserved() map[string]string {
	w.t.Helper()
	all := map[string]string{}
	err := filepath.WalkDir(w.data, func(path string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return err
		}
		if _, err := netip.ParseAddr(d.Name()); err != nil {
			return nil
		}
		b, err := os.ReadFile(path)
		all[d.Name()] = strings.ReplaceAll(string(b), "\r\n", "/")
		return err
	})
	if err != nil {
		w.t.Fatal(err)
	}
	return all
}

// wantNothingLeft fails the test unless node, agent, address store and the pods are as they were before any ADD.
func (w *world) wantNothingLeft(pods ...*pod) {
	w.t.Helper()
	if l := links(w.t, w.node); len(l) > 0 {
		w.t.Errorf("interfaces left on the node: %v", l)
	}
	for _, p := range pods {
		if l := links(w.t, p.netns); len(l) > 0 {
			w.t.Errorf("interfaces left in pod %s: %v", p.name, l)
		}
	}
	if r := w.reserved(); len(r) > 0 {
		w.t.Errorf("addresses left: %v", r)
	}
	if a := w.agent.Dump(); a != "" {
		w.t.Errorf("attachments left at the agent:\n%s", a)
	}
}

// wantError fails the test unless err is a CNI error with that code, whose text holds all the words.
func wantError(t *testing.T, err error, code uint, words ...string) {
	t.Helper()
	var e *types.Error
	if !errors.As(err, &e) {
		t.Fatalf("got error %v, want a CNI error with code %d", err, code)
	}
	if e.Code != code {
		t.Errorf("error %q has code %d, want %d", e, e.Code, code)
	}
	for _, word := range words {
		if !strings.Contains(e.Error(), word) {
			t.Errorf("error %q does not say %q", e, word)
		}
	}
}

func address(t *testing.T, r *current.Result, six bool) netip.Addr {
	t.Helper()
	for _, ip := range r.IPs {
		if a, ok := netip.AddrFromSlice(ip.Address.IP); ok && a.Unmap().Is6() == six {
			return a.Unmap()
		}
	}
	t.Fatalf("no such address in %v", r)
	return netip.Addr{}
}

func cidr(t *testing.T, s string) net.IPNet {
	t.Helper()
	n, err := types.ParseCIDR(s)
	if err != nil {
		t.Fatal(err)
	}
	return *n
}

func toJSON(t *testing.T, v any) string {
	t.Helper()
	b, err := json.MarshalIndent(v, "", "  ")
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}
