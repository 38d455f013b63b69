package pods

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/netip"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// stubCall is what the stub plugin writes down about a call.
type stubCall struct {
	Command, ContainerID, Netns, IfName, Args string
	Inside                                    string // the network namespace that the plugin ran in
}

// stubPlugin acts as a CNI plugin that connects nothing: it writes down how it was called, behaves as its configuration says, and ends the process.
func stubPlugin() {
	var config struct {
		Record, Behave string
	}
	stdin, err := io.ReadAll(os.Stdin)
	if err == nil {
		err = json.Unmarshal(stdin, &config)
	}
	inside, linkErr := os.Readlink("/proc/self/ns/net")
	call, marshalErr := json.Marshal(&stubCall{
		Command: os.Getenv("CNI_COMMAND"), ContainerID: os.Getenv("CNI_CONTAINERID"), Netns: os.Getenv("CNI_NETNS"),
		IfName: os.Getenv("CNI_IFNAME"), Args: os.Getenv("CNI_ARGS"), Inside: inside,
	})
	if err := errors.Join(err, linkErr, marshalErr, appendLine(config.Record, string(call))); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	if os.Getenv("CNI_COMMAND") != "ADD" {
		os.Exit(0)
	}
	switch config.Behave {
	case "hang":
		time.Sleep(time.Hour)
	case "refuse":
		fmt.Println(`{"cniVersion": "1.1.0", "code": 11, "msg": "agent is not ready", "details": "try again"}`)
		os.Exit(1)
	case "crash":
		fmt.Fprintln(os.Stderr, "out of luck")
		os.Exit(3)
	case "nothing":
		fmt.Println(`{"cniVersion": "1.1.0", "ips": []}`)
	default:
		fmt.Println(`{"cniVersion": "1.1.0", "ips": [{"address": "10.1.2.3/32"}, {"address": "fd00::3/128"}]}`)
	}
	os.Exit(0)
}

func appendLine(name, line string) error {
	f, err := os.OpenFile(name, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	if err != nil {
		return err
	}
	if _, err := fmt.Fprintln(f, line); err != nil {
		return err
	}
	return f.Close()
}

// newStub returns a network whose plugin is this binary, a function that reads the calls so far, and the node's network namespace.
func newStub(t *testing.T, behave string) (network *CNI, calls func() []stubCall, netns string) {
	t.Helper()
	dir := t.TempDir()
	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Symlink(self, filepath.Join(dir, "stub")); err != nil {
		t.Fatal(err)
	}
	record := filepath.Join(dir, "calls")
	config, err := json.Marshal(map[string]any{
		"cniVersion": "1.1.0", "name": "test", "plugins": []any{map[string]any{"type": "stub", "record": record, "behave": behave}},
	})
	if err != nil {
		t.Fatal(err)
	}
	spawner := spawn.New()
	t.Cleanup(spawner.Close)
	netns = newNetns(t)
	if network, err = NewCNI(config, []string{dir}, filepath.Join(dir, "cache"), netns, spawner); err != nil {
		t.Fatal(err)
	}
	return network, func() []stubCall { return readCalls(t, record) }, netns
}

func readCalls(t *testing.T, name string) []stubCall {
	t.Helper()
	text, err := os.ReadFile(name)
	if err != nil && !os.IsNotExist(err) {
		t.Fatal(err)
	}
	var list []stubCall
	for dec := json.NewDecoder(strings.NewReader(string(text))); dec.More(); {
		var c stubCall
		if err := dec.Decode(&c); err != nil {
			t.Fatal(err)
		}
		list = append(list, c)
	}
	return list
}

var testSandbox = &Sandbox{ID: "0123", Netns: "/run/netns/0123", Namespace: "tenant-a", Pod: "web", UID: "u"}

func TestCNICalls(t *testing.T) {
	network, calls, netns := newStub(t, "")
	addresses, err := network.Add(t.Context(), testSandbox)
	if err != nil {
		t.Fatal(err)
	}
	want := []netip.Addr{netip.MustParseAddr("10.1.2.3"), netip.MustParseAddr("fd00::3")}
	if diff := cmp.Diff(want, addresses, cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
		t.Errorf("addresses: %s", diff)
	}
	for range 2 {
		if err := network.Remove(t.Context(), testSandbox); err != nil {
			t.Fatal(err)
		}
	}
	if err := network.Clean(t.Context()); err != nil {
		t.Fatal(err)
	}
	var inside string
	if err := inNetns(netns, func() (err error) { inside, err = os.Readlink("/proc/thread-self/ns/net"); return err }); err != nil {
		t.Fatal(err)
	}
	add := stubCall{
		Command: "ADD", ContainerID: "0123", Netns: "/run/netns/0123", IfName: "eth0", Inside: inside,
		Args: "IgnoreUnknown=1;K8S_POD_NAMESPACE=tenant-a;K8S_POD_NAME=web;K8S_POD_INFRA_CONTAINER_ID=0123;K8S_POD_UID=u",
	}
	remove := add
	remove.Command = "DEL"
	got := calls()
	if len(got) != 4 {
		t.Fatalf("got %d calls: %+v", len(got), got)
	}
	if diff := cmp.Diff([]stubCall{add, remove, remove}, got[:3]); diff != "" {
		t.Errorf("calls: %s", diff)
	}
	if got[3].Command != "GC" || got[3].Inside != inside {
		t.Errorf("last call: %+v", got[3])
	}
}

func TestCNIErrors(t *testing.T) {
	for behave, want := range map[string]string{
		"refuse": "agent is not ready; try again", "crash": "exit status 3: out of luck", "nothing": "the CNI plugin gave no address",
	} {
		network, _, _ := newStub(t, behave)
		if _, err := network.Add(t.Context(), testSandbox); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("%s: got error %v, want %q", behave, err, want)
		}
	}
	if _, err := NewCNI([]byte("{"), nil, "", "", nil); err == nil {
		t.Error("malformed configuration was taken")
	}
	config := []byte(`{"cniVersion": "1.1.0", "name": "test", "plugins": [{"type": "missing"}]}`)
	network, err := NewCNI(config, []string{t.TempDir()}, t.TempDir(), "/proc/self/ns/net", spawn.New())
	if err != nil {
		t.Fatal(err)
	}
	if _, err := network.Add(t.Context(), testSandbox); err == nil || !strings.Contains(err.Error(), `failed to find plugin "missing"`) {
		t.Errorf("missing plugin: %v", err)
	}
}

func TestCNIPluginThatHangs(t *testing.T) {
	network, calls, _ := newStub(t, "hang")
	ctx, cancel := context.WithCancel(t.Context())
	done := make(chan error, 1)
	go func() {
		_, err := network.Add(ctx, testSandbox)
		done <- err
	}()
	for end := time.Now().Add(deadline); len(calls()) == 0; time.Sleep(time.Millisecond) {
		if time.Now().After(end) {
			t.Fatal("the plugin was never called")
		}
	}
	cancel()
	if err := <-done; !errors.Is(err, context.Canceled) {
		t.Errorf("got %v", err)
	}
	if left := children(t); len(left) != 0 {
		t.Errorf("the plugin is still there: %v", left)
	}
}
