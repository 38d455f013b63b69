package cni_test

import (
	"context"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

func (w *world) status() error {
	w.t.Helper()
	return w.onNode(func(ctx context.Context) error { return w.cni.GetStatusNetworkList(ctx, w.list("1.1.0")) })
}

func TestStatus(t *testing.T) {
	w := newWorld(t)
	if err := w.status(); err != nil {
		t.Errorf("ready: %v", err)
	}
	w.agent.SetStatus(agentapi.Status{Node: "node-1", Problems: []string{"the API server does not answer", "no conntrack"}})
	wantError(t, w.status(), 50, "node-1", "the API server does not answer; no conntrack", "/v1/status")
	w.agent.SetStatus(agentapi.Status{Node: "node-1"})
	wantError(t, w.status(), 50, "still starting")
	w.agent.Stop()
	wantError(t, w.status(), 50, "agent.sock", "start hedgerow-agent")
	w.node.Sysctl("ipv6/conf/all/forwarding", "0")
	wantError(t, w.status(), 50, "sysctl -w net.ipv6.conf.all.forwarding=1")
}
