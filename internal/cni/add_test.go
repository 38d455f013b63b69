package cni_test

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/containernetworking/cni/pkg/types"
	current "github.com/containernetworking/cni/pkg/types/100"
	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
	"github.com/hedgerow-net/hedgerow/internal/podnet/netnstest"
)

func TestAddSaysWhatItMade(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	r := w.mustAdd(p)

	host := podnet.HostName(podnet.Owner{Container: "container-a", Interface: "eth0"})
	var hostLink, podLink netlink.Link
	w.node.Do(func() { hostLink, _ = netlink.LinkByName(host) })
	p.netns.Do(func() { podLink, _ = netlink.LinkByName("eth0") })
	if hostLink == nil || podLink == nil {
		t.Fatalf("interfaces: node %v, pod %v", links(t, w.node), links(t, p.netns))
	}
	gateway4, gateway6 := podnet.Gateway4.AsSlice(), podnet.Gateway6.AsSlice()
	want := &current.Result{
		CNIVersion: "1.1.0",
		Interfaces: []*current.Interface{
			{Name: host, Mac: hostLink.Attrs().HardwareAddr.String(), Mtu: 1400},
			{Name: "eth0", Mac: podLink.Attrs().HardwareAddr.String(), Mtu: 1400, Sandbox: p.netns.Path()},
		},
		IPs: []*current.IPConfig{
			{Interface: current.Int(1), Address: cidr(t, "10.244.1.2/32"), Gateway: gateway4},
			{Interface: current.Int(1), Address: cidr(t, "fd00:10:244:1::2/128"), Gateway: gateway6},
		},
		Routes: []*types.Route{{Dst: cidr(t, "0.0.0.0/0"), GW: gateway4}, {Dst: cidr(t, "::/0"), GW: gateway6}},
	}
	if diff := cmp.Diff(toJSON(t, want), toJSON(t, r)); diff != "" {
		t.Errorf("result (-want +got):\n%s", diff)
	}
	wantAttachments := []agentapi.Attachment{{
		ContainerID: "container-a", PodInterface: "eth0", Netns: p.netns.Path(),
		HostInterface: host, HostIndex: uint32(hostLink.Attrs().Index),
		Addresses: []netip.Addr{netip.MustParseAddr("10.244.1.2"), netip.MustParseAddr("fd00:10:244:1::2")},
		Namespace: "tenant-a", Pod: "a", UID: "uid-a",
	}}
	if diff := cmp.Diff(wantAttachments, w.agent.Attachments(), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("attachments at the agent (-want +got):\n%s", diff)
	}
	if hostLink.Attrs().Alias != "hedgerow hedgerow: tenant-a/a" {
		t.Errorf("alias of the host side is %q", hostLink.Attrs().Alias)
	}
}

func TestAddSpeaksOlderVersions(t *testing.T) {
	for _, version := range []string{"0.4.0", "1.0.0"} {
		t.Run(version, func(t *testing.T) {
			w := newWorld(t)
			p := w.pod("a")
			var r types.Result
			err := w.onNode(func(ctx context.Context) (err error) {
				if r, err = w.cni.AddNetworkList(ctx, w.list(version), p.rt); err != nil {
					return err
				}
				if err = w.cni.CheckNetworkList(ctx, w.list(version), p.rt); err != nil {
					return err
				}
				return w.cni.DelNetworkList(ctx, w.list(version), p.rt)
			})
			if err != nil {
				t.Fatal(err)
			}
			if r.Version() != version {
				t.Errorf("result has version %s", r.Version())
			}
			w.wantNothingLeft(p)
		})
	}
}

func TestPodsReachEachOther(t *testing.T) {
	w := newWorld(t)
	a, b := w.pod("a"), w.pod("b")
	w.mustAdd(a)
	rb := w.mustAdd(b)
	for _, six := range []bool{false, true} {
		if err := netnstest.Connect(a.netns, b.netns, address(t, rb, six)); err != nil {
			t.Errorf("IPv6 %v: %v", six, err)
		}
	}
	w.mustDel(a)
	w.mustDel(b)
	w.wantNothingLeft(a, b)
}

func TestAddTwiceGivesTheSame(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	first := w.mustAdd(p)
	if diff := cmp.Diff(toJSON(t, first), toJSON(t, w.mustAdd(p))); diff != "" {
		t.Errorf("result of the second ADD (-first +second):\n%s", diff)
	}
	if n := len(w.reserved()); n != 2 {
		t.Errorf("%d addresses reserved, want 2: %v", n, w.reserved())
	}
	w.mustDel(p)
	w.wantNothingLeft(p)
}

// A repeated ADD that fails must not take down an interface that is in use.
func TestAddTwiceKeepsTheFirstWhenTheSecondFails(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	w.agent.Refuse(http.MethodPut, &agentapi.Error{Message: "no room", Code: "full"})
	_, err := w.add(p)
	wantError(t, err, 102, "no room")
	if err := w.check(p); err != nil {
		t.Errorf("CHECK after the failed ADD: %v", err)
	}
}

func TestAddIntoAnotherNamespaceReplaces(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	first := w.mustAdd(p)
	old := p.netns
	p.netns = netnstest.New(t)
	p.rt.NetNS = p.netns.Path()
	second := w.mustAdd(p)
	if a, b := address(t, first, false), address(t, second, false); a != b {
		t.Errorf("address was %s, is %s", a, b)
	}
	if l := links(t, old); len(l) > 0 {
		t.Errorf("interfaces left in the old namespace: %v", l)
	}
	if err := w.check(p); err != nil {
		t.Error(err)
	}
}

func TestAddKilledThenRepeated(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	hold := w.agent.Hold(t, http.MethodPut)
	cmd := w.start("ADD", p)
	hold.Wait(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // says that it was killed
	if len(links(t, w.node)) != 1 || len(w.reserved()) != 2 {
		t.Fatalf("the killed ADD had not come as far as this test wants: %v, %v", links(t, w.node), w.reserved())
	}
	hold.Release()
	w.mustAdd(p)
	if len(links(t, w.node)) != 1 || len(w.reserved()) != 2 {
		t.Errorf("after the second ADD: %v, %v", links(t, w.node), w.reserved())
	}
	if err := w.check(p); err != nil {
		t.Error(err)
	}
	w.mustDel(p)
	w.wantNothingLeft(p)
}

func TestDelAfterKilledAdd(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	hold := w.agent.Hold(t, http.MethodPut)
	cmd := w.start("ADD", p)
	hold.Wait(t)
	if err := cmd.Process.Kill(); err != nil {
		t.Fatal(err)
	}
	cmd.Wait() // says that it was killed
	w.mustDel(p)
	if l := links(t, w.node); len(l) > 0 {
		t.Errorf("interfaces left on the node: %v", l)
	}
	if r := w.reserved(); len(r) > 0 {
		t.Errorf("addresses left: %v", r)
	}
}

func TestAddWaitsForTheAgent(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	hold := w.agent.Hold(t, http.MethodPut)
	done := make(chan error, 1)
	go func() {
		_, err := w.add(p)
		done <- err
	}()
	hold.Wait(t)
	select {
	case err := <-done:
		t.Fatalf("ADD returned (%v) before the agent answered", err)
	default:
	}
	hold.Release()
	if err := <-done; err != nil {
		t.Fatal(err)
	}
}

func TestConcurrentAdds(t *testing.T) {
	w := newWorld(t)
	const n = 20
	pods := make([]*pod, n)
	for i := range pods {
		pods[i] = w.pod(string(rune('a' + i)))
	}
	var wg sync.WaitGroup
	errs := make([]error, n)
	results := make([]*current.Result, n)
	for i, p := range pods {
		wg.Go(func() { results[i], errs[i] = w.add(p) })
	}
	wg.Wait()
	seen := map[netip.Addr]bool{}
	for i, err := range errs {
		if err != nil {
			t.Fatalf("ADD %s: %v", pods[i].name, err)
		}
		for _, six := range []bool{false, true} {
			a := address(t, results[i], six)
			if seen[a] {
				t.Errorf("address %s was given out twice", a)
			}
			seen[a] = true
		}
	}
	for i, p := range pods {
		wg.Go(func() { errs[i] = w.del(p) })
	}
	wg.Wait()
	for i, err := range errs {
		if err != nil {
			t.Errorf("DEL %s: %v", pods[i].name, err)
		}
	}
	w.wantNothingLeft(pods...)
}

func TestAddWithoutAnAddressLeft(t *testing.T) {
	w := newWorld(t)
	w.conf["ipam"] = ipam(w.data, range6, "10.244.1.0/30") // the gateway's .1 and the pod's .2
	a, b := w.pod("a"), w.pod("b")
	w.mustAdd(a)
	_, err := w.add(b)
	wantError(t, err, 101, "10.244.1.1-10.244.1.2", "no IP addresses available", "larger range")
	if len(w.reserved()) != 2 || len(links(t, b.netns)) != 0 || len(w.agent.Attachments()) != 1 {
		t.Errorf("the failed ADD left something: %v, %v, %s", w.reserved(), links(t, b.netns), w.agent.Dump())
	}
	w.mustDel(a)
	w.mustAdd(b) // the freed address is given out again
}

func TestAddRequestedAddress(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	p.rt.Args = append(p.rt.Args, [2]string{"IP", "10.244.1.77"})
	if got := address(t, w.mustAdd(p), false).String(); got != "10.244.1.77" {
		t.Errorf("got address %s", got)
	}
	q := w.pod("b")
	q.rt.Args = append(q.rt.Args, [2]string{"IP", "10.9.9.9"})
	_, err := w.add(q)
	wantError(t, err, 101, "10.9.9.9")
	w.mustDel(p)
	w.wantNothingLeft(p, q)
}

func TestAddOneFamily(t *testing.T) {
	for _, subnet := range []string{range4, range6} {
		t.Run(subnet, func(t *testing.T) {
			w := newWorld(t)
			w.conf["ipam"] = ipam(w.data, subnet)
			a, b := w.pod("a"), w.pod("b")
			w.mustAdd(a)
			r := w.mustAdd(b)
			if len(r.IPs) != 1 || len(r.Routes) != 1 {
				t.Errorf("result: %s", toJSON(t, r))
			}
			if err := netnstest.Connect(a.netns, b.netns, address(t, r, subnet == range6)); err != nil {
				t.Error(err)
			}
		})
	}
}

func TestFailedAddLeavesNothing(t *testing.T) {
	tests := []struct {
		name  string
		spoil func(*world, *pod)
		code  uint
		words []string
	}{
		{"agent refuses", func(w *world, p *pod) {
			w.agent.Refuse(http.MethodPut, &agentapi.Error{Message: "tenant-a/a is not bound to this node", Code: "pod-unknown"})
		}, 102, []string{"not bound to this node"}},
		{"agent is not there", func(w *world, p *pod) { w.agent.Stop() }, 11, []string{"agent.sock", "start hedgerow-agent"}},
		{"socket in a wrong place", func(w *world, p *pod) { w.conf["socket"] = "/nonexistent/agent.sock" }, 11, []string{"/nonexistent/agent.sock", "correct \"socket\""}},
		{"namespace of the node", func(w *world, p *pod) { p.rt.NetNS = w.node.Path() }, 8, []string{"node's own"}},
		{"no such namespace", func(w *world, p *pod) { p.rt.NetNS = "/nonexistent" }, 8, []string{"/nonexistent", "CNI_NETNS"}},
		{"no namespace at all", func(w *world, p *pod) {
			p.rt.NetNS = filepath.Join(w.t.TempDir(), "file")
			if err := os.WriteFile(p.rt.NetNS, nil, 0o600); err != nil {
				w.t.Fatal(err)
			}
		}, 8, []string{"CNI_NETNS"}},
		{"no IPv4 forwarding", func(w *world, p *pod) { w.node.Sysctl("ipv4/ip_forward", "0") }, 103, []string{"sysctl -w net.ipv4.ip_forward=1"}},
		{"no IPv6 forwarding", func(w *world, p *pod) { w.node.Sysctl("ipv6/conf/all/forwarding", "0") }, 103, []string{"sysctl -w net.ipv6.conf.all.forwarding=1"}},
		{"interface name in use", func(w *world, p *pod) {
			addForeignInterface(w.t, p.netns)
			p.netns = netnstest.New(w.t) // the one that is looked at afterwards
		}, 100, []string{"eth0 is already"}},
		{"not a pod", func(w *world, p *pod) { p.rt.Args = nil }, 4, []string{"K8S_POD_NAMESPACE", "K8S_POD_NAME"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pod("a")
			test.spoil(w, p)
			_, err := w.add(p)
			wantError(t, err, test.code, test.words...)
			w.wantNothingLeft(p)
		})
	}
}

// A second interface of the same pod would take the first one's default route, and away with it when it goes.
func TestAddOfASecondInterfaceIsRefused(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	second := &pod{name: p.name, netns: p.netns, rt: ptr(*p.rt)}
	second.rt.IfName = "net1"
	_, err := w.add(second)
	wantError(t, err, 100, "only default route")
	if n, r := links(t, p.netns), w.reserved(); len(n) != 1 || len(r) != 2 {
		t.Errorf("left: interfaces %v, addresses %v", n, r)
	}
	if err := w.check(p); err != nil {
		t.Errorf("the first interface: %v", err)
	}
}

// addForeignInterface makes an eth0 that the plugin must leave alone.
func addForeignInterface(t *testing.T, ns *netnstest.NS) {
	t.Helper()
	ns.Do(func() {
		attrs := netlink.NewLinkAttrs()
		attrs.Name = "eth0"
		veth := netlink.NewVeth(attrs)
		veth.PeerName = "other"
		if err := netlink.LinkAdd(veth); err != nil {
			t.Fatal(err)
		}
	})
	t.Cleanup(func() {
		if l := links(t, ns); len(l) != 2 {
			t.Errorf("somebody else's interface was deleted: %v", l)
		}
	})
}
