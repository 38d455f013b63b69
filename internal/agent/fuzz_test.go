package agent

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/google/go-cmp/cmp/cmpopts"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// sameAddresses compares addresses as values.
var sameAddresses = cmpopts.EquateComparable(netip.Addr{})

// served runs an agent that knows the world and applies nothing, until the test ends.
func served(t *testing.T, stateDir string) *Agent {
	t.Helper()
	a, err := New(Options{NodeName: "n", StateDir: stateDir, Logger: slog.New(slog.NewTextHandler(io.Discard, nil))})
	if err != nil {
		t.Fatal(err)
	}
	a.status.Store(&agentapi.Status{Node: "n", Ready: true})
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			select {
			case r := <-a.requests:
				a.take(r)
				a.answer(nil)
			case <-ctx.Done():
				return
			}
		}
	}()
	t.Cleanup(func() { cancel(); <-done })
	return a
}

// ask sends one request to the agent's routes. false: it cannot be written as a request.
func ask(a *Agent, method, container, iface string, body []byte) (*httptest.ResponseRecorder, bool) {
	path := agentapi.AttachmentsPath + "/" + url.PathEscape(container) + "/" + url.PathEscape(iface)
	r, err := http.NewRequest(method, "http://agent"+path, bytes.NewReader(body))
	if err != nil {
		return nil, false
	}
	w := httptest.NewRecorder()
	a.routes().ServeHTTP(w, r)
	return w, true
}

const soundBody = `{"netns":"/run/netns/x","hostInterface":"lo","hostIndex":1,"addresses":["10.244.1.2","fd00::2"],"namespace":"a","pod":"b","uid":"u"}`

// FuzzAttachment: what is said on the socket is refused with words and changes nothing, or can be enforced: it is answered as it was said, also by the
// next agent, and is gone when it is withdrawn.
func FuzzAttachment(f *testing.F) {
	for _, body := range []string{
		soundBody, "", "null", "{}", "[]", soundBody + "{", `{"containerID":"other","podInterface":"x","hostIndex":2,"addresses":["10.0.0.1"],"namespace":"a","pod":"b"}`,
		`{"hostIndex":1,"addresses":[""],"namespace":"a","pod":"b"}`, `{"hostIndex":1,"addresses":["fe80::1%eth0","::ffff:10.0.0.1"],"namespace":"a","pod":"b"}`,
		`{"hostIndex":1,"addresses":["0.0.0.0"],"namespace":"a","pod":"b"}`, `{"hostIndex":-1}`, `{"hostIndex":4294967296}`, `{"addresses":[null]}`, `{"addresses":"10.0.0.1"}`,
	} {
		f.Add("c1", "eth0", []byte(body))
	}
	for _, key := range [][2]string{{"a/b", "c"}, {"a", "b/c"}, {"\xff", "eth0"}, {"..", "eth0"}, {"", "eth0"}, {"a", ""}, {"a%2fb", "%"}, {"ü", "\n"}} {
		f.Add(key[0], key[1], []byte(soundBody))
	}
	f.Fuzz(func(t *testing.T, container, iface string, body []byte) {
		dir := t.TempDir()
		a := served(t, dir)
		said, ok := ask(a, http.MethodPut, container, iface, body)
		if !ok {
			return
		}
		if said.Code != http.StatusOK {
			checkRefused(t, a, said)
			return
		}
		got := &agentapi.Attachment{}
		w, _ := ask(a, http.MethodGet, container, iface, nil)
		if err := json.Unmarshal(w.Body.Bytes(), got); err != nil || w.Code != http.StatusOK {
			t.Fatalf("accepted, and then %d: %v", w.Code, err)
		}
		if got.ContainerID != container || got.PodInterface != iface {
			t.Errorf("attachment of %q, %q became %q, %q", container, iface, got.ContainerID, got.PodInterface)
		}
		checkEnforceable(t, got)
		checkKept(t, dir, got)
		if w, _ := ask(a, http.MethodDelete, container, iface, nil); w.Code != http.StatusOK {
			t.Errorf("withdrawn: %d %s", w.Code, w.Body)
		}
		if left, err := os.ReadDir(filepath.Join(dir, "attachments")); err != nil || len(left) > 0 {
			t.Errorf("left after it was withdrawn: %v %v", left, err)
		}
	})
}

// checkRefused: a refusal that is the agent's own has words and a code, and nothing is kept.
func checkRefused(t *testing.T, a *Agent, said *httptest.ResponseRecorder) {
	t.Helper()
	refusal := &agentapi.Error{}
	if said.Header().Get("Content-Type") == "application/json" {
		if err := json.Unmarshal(said.Body.Bytes(), refusal); err != nil || refusal.Code != "invalid" || refusal.Message == "" || said.Code != http.StatusBadRequest {
			t.Errorf("refused by %d %s", said.Code, said.Body)
		}
	}
	list, err := a.listAttachments(t.Context())
	if err != nil || len(list) > 0 {
		t.Errorf("kept in spite of %q: %v %v", refusal.Message, list, err)
	}
}

func checkEnforceable(t *testing.T, at *agentapi.Attachment) {
	t.Helper()
	if at.HostIndex == 0 || len(at.Addresses) == 0 || at.Namespace == "" || at.Pod == "" {
		t.Errorf("accepted %+v", at)
	}
	for _, address := range at.Addresses {
		if !address.IsValid() || address.Is4In6() || address.Zone() != "" || address.IsUnspecified() || address.IsMulticast() || address.IsLoopback() {
			t.Errorf("accepted the address %v", address)
		}
	}
}

// checkKept: the next agent knows the attachment if its interface is there, and forgets it if not.
func checkKept(t *testing.T, dir string, at *agentapi.Attachment) {
	t.Helper()
	copied := t.TempDir()
	if err := os.CopyFS(copied, os.DirFS(dir)); err != nil {
		t.Fatal(err)
	}
	next, err := loadAttachments(copied)
	if err != nil {
		t.Fatal(err)
	}
	want := map[string]*agentapi.Attachment{}
	if interfaceExists(at) {
		want[at.Key()] = at
	}
	if diff := cmp.Diff(want, next.byKey, sameAddresses); diff != "" {
		t.Errorf("known to the next agent (-want +got):\n%s", diff)
	}
}

// FuzzReadAttachment: a file in the folder of attachments is forgotten, or holds one that can be enforced and whose file this is.
func FuzzReadAttachment(f *testing.F) {
	const kept = `{"containerID":"c1","podInterface":"eth0","hostInterface":"lo","hostIndex":1,"addresses":["10.244.1.2"],"namespace":"a","pod":"b"}`
	name := filepath.Base((&attachments{}).path("c1/eth0"))
	for _, text := range []string{kept, kept[:len(kept)-1], "", "null", "{}", `{"hostInterface":"lo","hostIndex":1}`, `{"hostInterface":"lo","hostIndex":1,"addresses":[""]}`} {
		for _, file := range []string{name, name + ".new", "x"} {
			f.Add(file, []byte(text))
		}
	}
	f.Fuzz(func(t *testing.T, name string, data []byte) {
		if name == "" || filepath.Base(name) != name || len(name) > 200 || name == "." || name == ".." {
			return
		}
		dir := t.TempDir()
		path := filepath.Join(dir, "attachments", name)
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, data, 0o600); err != nil {
			return // no name of a file
		}
		s, err := loadAttachments(dir)
		if err != nil {
			t.Fatal(err)
		}
		_, err = os.Stat(path)
		if there := err == nil; there != (len(s.byKey) == 1) {
			t.Errorf("the file is there: %v; known: %v", there, s.byKey)
		}
		for key, at := range s.byKey {
			checkEnforceable(t, at)
			if s.path(key) != path {
				t.Errorf("%s is known from %s", key, path)
			}
		}
	})
}
