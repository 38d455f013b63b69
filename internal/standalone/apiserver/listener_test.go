package apiserver

import (
	"io"
	"net"
	"net/netip"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	"k8s.io/apimachinery/pkg/runtime/schema"
	controlplane "k8s.io/kubernetes/pkg/controlplane/apiserver"
)

func TestMerge(t *testing.T) {
	first, second := listen(t), listen(t)
	m := Merge(first, second)
	if m.Addr() != first.Addr() {
		t.Errorf("address is %v, want the first listener's %v", m.Addr(), first.Addr())
	}
	for _, l := range []net.Listener{first, second} {
		client, err := net.Dial("tcp", l.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer client.Close()
		server, err := m.Accept()
		if err != nil {
			t.Fatal(err)
		}
		if server.LocalAddr().String() != l.Addr().String() {
			t.Errorf("accepted at %v, want %v", server.LocalAddr(), l.Addr())
		}
		m.Cut()
		if _, err := client.Read(make([]byte, 1)); err != io.EOF {
			t.Errorf("after Cut the client reads %v, want EOF", err)
		}
		if len(m.open) != 0 {
			t.Errorf("%d connections are still remembered", len(m.open))
		}
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if _, err := m.Accept(); err != net.ErrClosed {
		t.Errorf("Accept after Close: %v, want closed", err)
	}
	if _, err := net.Dial("tcp", second.Addr().String()); err == nil {
		t.Error("the second listener still listens")
	}
}

// TestRelease: the sockets are closed, and a server that is still there does not notice.
func TestRelease(t *testing.T) {
	first, second := listen(t), listen(t)
	m := Merge(first, second)
	ended := make(chan error)
	go func() {
		_, err := m.Accept()
		ended <- err
	}()
	if err := m.Release(); err != nil {
		t.Error(err)
	}
	for _, l := range []net.Listener{first, second} {
		if _, err := net.Dial("tcp", l.Addr().String()); err == nil {
			t.Errorf("%s still listens", l.Addr())
		}
	}
	select {
	case err := <-ended:
		t.Fatalf("Accept ended with %v", err)
	case <-time.After(50 * time.Millisecond):
	}
	if err := m.Close(); err != nil {
		t.Error(err)
	}
	if err := <-ended; err != net.ErrClosed {
		t.Errorf("Accept after Close: %v, want closed", err)
	}
}

func listen(t *testing.T) net.Listener {
	t.Helper()
	l, err := net.Listen("tcp", netip.AddrPortFrom(netip.MustParseAddr("127.0.0.1"), 0).String())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { l.Close() })
	return l
}

func TestPriorities(t *testing.T) {
	stock := controlplane.DefaultGenericAPIServicePriorities()
	all := priorities([]string{
		"/api/v1", "/apis", "/apis/apps", "/apis/apps/v1", "/apis/batch/v1", "/apis/batch/v2alpha1", "/apis/zoo.example/v1",
		"/apis/extensions/v1beta1", "/apis/events.k8s.io/v1", "/healthz", "/apis/apps/v1/deployments",
	})
	added := map[schema.GroupVersion]controlplane.APIServicePriority{}
	for gv, p := range all {
		if _, ok := stock[gv]; !ok {
			added[gv] = p
		}
	}
	want := map[schema.GroupVersion]controlplane.APIServicePriority{
		{Group: "apps", Version: "v1"}:            {Group: 17800, Version: 1},
		{Group: "batch", Version: "v1"}:           {Group: 17700, Version: 2},
		{Group: "batch", Version: "v2alpha1"}:     {Group: 17700, Version: 1},
		{Group: "extensions", Version: "v1beta1"}: {Group: 10000, Version: 1},
		{Group: "zoo.example", Version: "v1"}:     {Group: 9950, Version: 1},
	}
	if diff := cmp.Diff(want, added); diff != "" {
		t.Errorf("added priorities (-want +got):\n%s", diff)
	}
}
