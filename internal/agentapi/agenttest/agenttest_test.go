package agenttest

import (
	"context"
	"errors"
	"net/http"
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

var frontend = agentapi.Attachment{
	ContainerID: "c/1", PodInterface: "eth0", HostInterface: "hrw1", HostIndex: 7,
	Addresses: []netip.Addr{netip.MustParseAddr("10.1.0.2"), netip.MustParseAddr("fd00::2")}, Namespace: "tenant-a", Pod: "frontend",
}

var sameAddr = cmp.Comparer(func(a, b netip.Addr) bool { return a == b })

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	var e *agentapi.Error
	if !errors.As(err, &e) || e.Code != code {
		t.Errorf("got error %v, want code %q", err, code)
	}
}

func TestAttachments(t *testing.T) {
	s := Start(t)
	c, ctx := s.Client(), t.Context()
	_, err := c.Attachment(ctx, "c/1", "eth0")
	wantCode(t, err, "pod-unknown")
	for range 2 {
		if err := c.Attach(ctx, &frontend); err != nil {
			t.Fatal(err)
		}
	}
	if got, want := s.Dump(), "c/1/eth0 tenant-a/frontend [10.1.0.2 fd00::2]\n"; got != want {
		t.Errorf("dump %q, want %q", got, want)
	}
	got, err := c.Attachment(ctx, "c/1", "eth0")
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(&frontend, got, sameAddr); diff != "" {
		t.Errorf("attachment (-want +got):\n%s", diff)
	}
	list, err := c.Attachments(ctx)
	if diff := cmp.Diff([]agentapi.Attachment{frontend}, list, sameAddr); diff != "" || err != nil {
		t.Errorf("%v, attachments (-want +got):\n%s", err, diff)
	}
	for range 2 {
		if err := c.Detach(ctx, "c/1", "eth0"); err != nil {
			t.Fatal(err)
		}
	}
	if s.Dump() != "" {
		t.Errorf("after Detach: %s", s.Dump())
	}
}

func TestStatus(t *testing.T) {
	s := Start(t)
	s.SetStatus(agentapi.Status{Node: "n", Problems: []string{"p"}})
	if err := s.Client().Attach(t.Context(), &frontend); err != nil {
		t.Fatal(err)
	}
	got, err := s.Client().Status(t.Context())
	if diff := cmp.Diff(&agentapi.Status{Node: "n", Problems: []string{"p"}, Attachments: 1}, got); diff != "" || err != nil {
		t.Errorf("%v, status (-want +got):\n%s", err, diff)
	}
}

func TestRefuse(t *testing.T) {
	s := Start(t)
	for _, code := range []string{"not-ready", "pod-unknown", "invalid", "full", "internal"} {
		s.Refuse(http.MethodPut, &agentapi.Error{Message: "no", Code: code})
		wantCode(t, s.Client().Attach(t.Context(), &frontend), code)
	}
	if s.Dump() != "" {
		t.Errorf("refused, and yet: %s", s.Dump())
	}
	s.Refuse(http.MethodPut, nil)
	if err := s.Client().Attach(t.Context(), &frontend); err != nil {
		t.Error(err)
	}
}

func TestHold(t *testing.T) {
	s := Start(t)
	hold := s.Hold(t, http.MethodPut)
	done := make(chan error, 1)
	go func() { done <- s.Client().Attach(t.Context(), &frontend) }()
	hold.Wait(t)
	if s.Dump() != "" {
		t.Errorf("held back, and yet: %s", s.Dump())
	}
	hold.Release()
	hold.Release()
	if err := <-done; err != nil {
		t.Error(err)
	}
	if s.Dump() == "" {
		t.Error("released without effect")
	}
}

func TestStopAndListen(t *testing.T) {
	s := Start(t)
	if err := s.Client().Attach(t.Context(), &frontend); err != nil {
		t.Fatal(err)
	}
	s.Stop()
	s.Stop()
	var e *agentapi.Error
	if _, err := s.Client().Status(t.Context()); err == nil || errors.As(err, &e) {
		t.Errorf("a stopped agent answers: %v", err)
	}
	s.Listen(t)
	if list, err := s.Client().Attachments(t.Context()); err != nil || len(list) != 1 {
		t.Errorf("after Listen: %v, %v", list, err)
	}
}

func TestDenials(t *testing.T) {
	s := Start(t)
	s.Deny(agentapi.Denial{Source: "a/1", Reason: "first"})
	var kept []string
	collect := func(d agentapi.Denial) error {
		kept = append(kept, d.Reason)
		return nil
	}
	if err := s.Client().Denials(t.Context(), false, collect); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff([]string{"first"}, kept); diff != "" {
		t.Errorf("kept (-want +got):\n%s", diff)
	}
	ctx, cancel := context.WithCancel(t.Context())
	defer cancel()
	enough := errors.New("enough")
	var followed []string
	err := s.Client().Denials(ctx, true, func(d agentapi.Denial) error {
		followed = append(followed, d.Reason)
		if len(followed) == 2 {
			return enough
		}
		s.Deny(agentapi.Denial{Source: "a/2", Reason: "second"})
		return nil
	})
	if diff := cmp.Diff([]string{"first", "second"}, followed); diff != "" || !errors.Is(err, enough) {
		t.Errorf("%v, followed (-want +got):\n%s", err, diff)
	}
}
