package cni_test

import (
	"context"
	"net/http"
	"net/netip"
	"os"
	"path/filepath"
	"testing"

	"github.com/containernetworking/cni/libcni"
	"github.com/containernetworking/cni/pkg/types"
	"github.com/vishvananda/netlink"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// gc runs GC as a runtime that has lost its memory of every attachment, so that it sends no DELs of its own.
func (w *world) gc(valid ...*pod) error {
	w.t.Helper()
	args := &libcni.GCArgs{}
	for _, p := range valid {
		args.ValidAttachments = append(args.ValidAttachments, types.GCAttachment{ContainerID: p.rt.ContainerID, IfName: p.rt.IfName})
	}
	return w.onNode(func(ctx context.Context) error {
		return newRuntimeState(w.t).GCNetworkList(ctx, w.list("1.1.0"), args)
	})
}

func TestGCKeepsWhatIsValid(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pod("a"), w.pod("b"), w.pod("c")
	for _, p := range []*pod{a, b, c} {
		w.mustAdd(p)
	}
	if err := w.gc(b); err != nil {
		t.Fatal(err)
	}
	if err := w.check(b); err != nil {
		t.Errorf("the valid pod: %v", err)
	}
	if n, r, at := links(t, w.node), w.reserved(), w.agent.Attachments(); len(n) != 1 || len(r) != 2 || len(at) != 1 {
		t.Errorf("left: interfaces %v, addresses %v, attachments %v", n, r, at)
	}
	if err := w.gc(); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(a, b, c)
}

func TestGCTakesHalves(t *testing.T) {
	w := newWorld(t)
	a, b, c := w.pod("a"), w.pod("b"), w.pod("c")
	w.mustAdd(a)
	removeInterface(w, a) // an address and an attachment
	w.mustAdd(b)
	for name := range w.reserved() { // an interface and an attachment
		if err := os.Remove(filepath.Join(w.data, "hedgerow", name)); err != nil {
			t.Fatal(err)
		}
	}
	w.mustAdd(c)
	if err := w.agent.Client().Detach(t.Context(), c.rt.ContainerID, c.rt.IfName); err != nil {
		t.Fatal(err) // an interface and an address
	}
	// What an ADD leaves that is killed before it could write who the address is for.
	if err := os.WriteFile(filepath.Join(w.data, "hedgerow", "10.244.1.99"), nil, 0o600); err != nil {
		t.Fatal(err)
	}
	if err := w.gc(); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(a, b, c)
}

func TestGCLeavesOthersAlone(t *testing.T) {
	w := newWorld(t)
	other := agentapi.Attachment{
		ContainerID: "x", PodInterface: "eth0", HostInterface: "hrw000000000000", Namespace: "n", Pod: "p",
		Addresses: []netip.Addr{netip.MustParseAddr("10.99.0.1")},
	}
	if err := w.agent.Client().Attach(t.Context(), &other); err != nil {
		t.Fatal(err)
	}
	w.node.Do(func() {
		for name, alias := range map[string]string{"hrw000000000000": "hedgerow another: n/p", "eth7": ""} {
			attrs := netlink.NewLinkAttrs()
			attrs.Name = name
			veth := netlink.NewVeth(attrs)
			veth.PeerName = name[:4] + "peer"
			if err := netlink.LinkAdd(veth); err != nil {
				t.Fatal(err)
			}
			if err := netlink.LinkSetAlias(veth, alias); err != nil {
				t.Fatal(err)
			}
		}
	})
	p := w.pod("a")
	w.mustAdd(p)
	if err := w.gc(); err != nil {
		t.Fatal(err)
	}
	if l := links(t, w.node); len(l) != 4 {
		t.Errorf("interfaces of the node after GC: %v", l)
	}
	if got, want := w.agent.Dump(), "x/eth0 n/p [10.99.0.1]\n"; got != want {
		t.Errorf("attachments after GC: %s", got)
	}
}

// What the agent does not close keeps its address and interface.
func TestGCKeepsWhatMayBeOpen(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	w.agent.Refuse(http.MethodDelete, &agentapi.Error{Message: "map is locked", Code: "internal"})
	wantError(t, w.gc(), 102, "map is locked", "container-a/eth0")
	if n, r := links(t, w.node), w.reserved(); len(n) != 1 || len(r) != 2 {
		t.Errorf("left: interfaces %v, addresses %v", n, r)
	}
	w.agent.Stop()
	wantError(t, w.gc(), 11, "agent.sock")
	if n, r := links(t, w.node), w.reserved(); len(n) != 1 || len(r) != 2 {
		t.Errorf("left: interfaces %v, addresses %v", n, r)
	}
	w.agent.Listen(t)
	w.agent.Refuse(http.MethodDelete, nil)
	if err := w.gc(); err != nil {
		t.Fatal(err)
	}
	w.wantNothingLeft(p)
}
