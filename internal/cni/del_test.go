package cni_test

import (
	"net/http"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

func TestDelAgainAndAgain(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	for range 5 {
		w.mustDel(p)
	}
	w.wantNothingLeft(p)
}

func TestDelOfWhatWasNeverAdded(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustDel(p)
	w.agent.Stop()
	w.mustDel(p)
	w.wantNothingLeft(p)
}

func TestDelWhenPartsAreGone(t *testing.T) {
	tests := []struct {
		name string
		lose func(*world, *pod)
	}{
		{"namespace", func(w *world, p *pod) { p.netns.Close() }},
		{"path of the namespace", func(w *world, p *pod) { p.rt.NetNS = "/nonexistent" }},
		{"name of the namespace", func(w *world, p *pod) { p.rt.NetNS = "" }},
		{"interface", func(w *world, p *pod) { removeInterface(w, p) }},
		{"attachment", func(w *world, p *pod) {
			if err := w.agent.Client().Detach(w.t.Context(), p.rt.ContainerID, p.rt.IfName); err != nil {
				w.t.Fatal(err)
			}
		}},
		{"result of ADD", func(w *world, p *pod) { w.cni = newRuntimeState(w.t) }},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pod("a")
			w.mustAdd(p)
			test.lose(w, p)
			w.mustDel(p)
			w.wantNothingLeft()
		})
	}
}

func removeInterface(w *world, p *pod) {
	w.t.Helper()
	w.node.Do(func() {
		if err := podnet.Remove(podnet.Owner{Container: p.rt.ContainerID, Interface: p.rt.IfName}); err != nil {
			w.t.Error(err)
		}
	})
}

// While the agent cannot say that it has closed the address, DEL fails and touches nothing.
func TestDelNeedsTheAgent(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	r := w.mustAdd(p)
	w.agent.Stop()
	err := w.del(p)
	wantError(t, err, 11, "close the pod's addresses", "start hedgerow-agent")
	if _, ok := w.reserved()[address(t, r, false).String()]; !ok {
		t.Errorf("DEL gave back an address that may be open: %v", w.reserved())
	}
	if len(links(t, w.node)) != 1 {
		t.Error("DEL removed the interface")
	}
	w.agent.Listen(t)
	w.mustDel(p)
	w.wantNothingLeft(p)
}

// An address without an interface is still one that may be open.
func TestDelNeedsTheAgentForAnAddressAlone(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	removeInterface(w, p)
	w.agent.Refuse(http.MethodDelete, &agentapi.Error{Message: "map is locked", Code: "internal"})
	wantError(t, w.del(p), 102, "map is locked")
	if len(w.reserved()) != 2 {
		t.Errorf("DEL gave back an address that may be open: %v", w.reserved())
	}
}

// The agent is asked before the interface goes.
func TestDelAsksTheAgentFirst(t *testing.T) {
	w := newWorld(t)
	p := w.pod("a")
	w.mustAdd(p)
	hold := w.agent.Hold(t, http.MethodDelete)
	done := make(chan error, 1)
	go func() { done <- w.del(p) }()
	hold.Wait(t)
	if len(links(t, w.node)) != 1 || len(w.reserved()) != 2 {
		t.Errorf("before the agent answered: interfaces %v, addresses %v", links(t, w.node), w.reserved())
	}
	hold.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
}

func TestDelLeavesOthersAlone(t *testing.T) {
	w := newWorld(t)
	a, b := w.pod("a"), w.pod("b")
	w.mustAdd(a)
	w.mustAdd(b)
	w.mustDel(a)
	if err := w.check(b); err != nil {
		t.Error(err)
	}
}
