package cni_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// run runs the plugin with nothing but these variables and that input.
func run(t *testing.T, w *world, stdin string, env []string, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	cmd := exec.Command(filepath.Join(binaries, "hedgerow-cni"), args...)
	var out, errs bytes.Buffer
	cmd.Env, cmd.Stdin, cmd.Stdout, cmd.Stderr = env, strings.NewReader(stdin), &out, &errs
	var err error
	w.node.Do(func() { err = cmd.Run() })
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errs.String(), cmd.ProcessState.ExitCode()
}

func TestVersion(t *testing.T) {
	stdout, _, code := run(t, newWorld(t), `{"cniVersion":"1.1.0"}`, []string{"CNI_COMMAND=VERSION"})
	var got struct {
		CNIVersion        string
		SupportedVersions []string
	}
	if err := json.Unmarshal([]byte(stdout), &got); err != nil || code != 0 {
		t.Fatalf("exit code %d, %v:\n%s", code, err, stdout)
	}
	if diff := cmp.Diff([]string{"0.4.0", "1.0.0", "1.1.0"}, got.SupportedVersions); diff != "" || got.CNIVersion != "1.1.0" {
		t.Errorf("versions: %s", stdout)
	}
}

func TestByHand(t *testing.T) {
	w := newWorld(t)
	stdout, _, code := run(t, w, "", nil, "--help")
	if code != 0 || !strings.Contains(stdout, "CNI plugin") || !strings.Contains(stdout, "/etc/cni/net.d") {
		t.Errorf("--help: exit code %d:\n%s", code, stdout)
	}
	_, stderr, code := run(t, w, "", nil)
	if code != 0 || !strings.Contains(stderr, "CNI plugin") || !strings.Contains(stderr, "0.4.0, 1.0.0, 1.1.0") {
		t.Errorf("without CNI_COMMAND: exit code %d:\n%s", code, stderr)
	}
}

func TestBadInput(t *testing.T) {
	good := func(w *world, change map[string]any) string {
		conf := map[string]any{"cniVersion": "1.1.0", "name": "hedgerow"}
		for k, v := range w.conf {
			conf[k] = v
		}
		for k, v := range change {
			conf[k] = v
		}
		return toJSON(t, conf)
	}
	changed := func(key string, value any) func(*world) string {
		return func(w *world) string { return good(w, map[string]any{key: value}) }
	}
	text := func(s string) func(*world) string { return func(*world) string { return s } }
	ranges := func(v any) func(*world) string {
		return changed("ipam", map[string]any{"type": "host-local", "ranges": v})
	}
	subnet := func(kv ...string) any {
		m := map[string]string{}
		for i := 0; i < len(kv); i += 2 {
			m[kv[i]] = kv[i+1]
		}
		return []any{[]any{m}}
	}
	tests := []struct {
		name  string
		stdin func(*world) string
		env   []string // in place of a good one
		code  uint
		words []string
	}{
		{"no JSON", text(`{"name": `), nil, 6, []string{"network config", "/etc/cni/net.d"}},
		{"nothing", text(""), nil, 6, []string{"network config", "/etc/cni/net.d"}},
		{"no name", changed("name", ""), nil, 7, []string{"name", "/etc/cni/net.d"}},
		{"bad name", changed("name", "../../etc"), nil, 7, []string{"name", "/etc/cni/net.d"}},
		{"version of the future", changed("cniVersion", "9.9.9"), nil, 1, []string{"1.1.0"}},
		{"version of the past", changed("cniVersion", "0.2.0"), nil, 1, []string{"0.4.0"}},
		{"socket is a number", changed("socket", 7), nil, 7, []string{"socket", "/etc/cni/net.d"}},
		{"MTU is a word", changed("mtu", "big"), nil, 7, []string{"mtu"}},
		{"MTU too small for IPv6", changed("mtu", 1279), nil, 7, []string{"1280", "65535"}},
		{"MTU too big", changed("mtu", 65536), nil, 7, []string{"65536"}},
		{"no ipam", changed("ipam", nil), nil, 7, []string{"ipam.type", "host-local"}},
		{"another ipam", changed("ipam", map[string]any{"type": "dhcp"}), nil, 7, []string{"dhcp", "host-local"}},
		{"no ranges", ranges([]any{}), nil, 7, []string{"no IP ranges"}},
		{"an empty range set", ranges([]any{[]any{}}), nil, 7, []string{"empty range set"}},
		{"no subnet", ranges(subnet("subnet", "10.244.1.0")), nil, 7, []string{"10.244.1.0", "CIDR"}},
		{"host bits", ranges(subnet("subnet", "10.244.1.7/24")), nil, 7, []string{"10.244.1.0"}},
		{"too small a subnet", ranges(subnet("subnet", "10.244.1.0/31")), nil, 7, []string{"too small"}},
		{"start outside", ranges(subnet("subnet", "10.244.1.0/24", "rangeStart", "10.0.0.1")), nil, 7, []string{"10.0.0.1"}},
		{"overlap", ranges(append(subnet("subnet", range4).([]any), subnet("subnet", range4).([]any)...)), nil, 7, []string{"overlap"}},
		{"routes", changed("ipam", map[string]any{"type": "host-local", "ranges": subnet("subnet", range4), "routes": []any{map[string]string{"dst": "10.0.0.0/8"}}}), nil, 2, []string{"ipam.routes", "take them out"}},
		{"not the first plugin", changed("prevResult", map[string]any{"cniVersion": "1.1.0"}), nil, 7, []string{"first plugin"}},
		{"bad CNI_ARGS", changed("mtu", 1400), []string{"CNI_ARGS=K8S_POD_NAME"}, 4, []string{"K8S_POD_NAME"}},
		{"no container id", changed("mtu", 1400), []string{"CNI_CONTAINERID="}, 4, []string{"CNI_CONTAINERID", "runtime"}},
		{"bad container id", changed("mtu", 1400), []string{"CNI_CONTAINERID=../x"}, 4, []string{"container", "runtime"}},
		{"bad interface name", changed("mtu", 1400), []string{"CNI_IFNAME=a/b"}, 4, []string{"interface", "runtime"}},
		{"unknown command", changed("mtu", 1400), []string{"CNI_COMMAND=FROB"}, 4, []string{"FROB"}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			w := newWorld(t)
			p := w.pod("a")
			env := append([]string{"CNI_COMMAND=ADD", "CNI_CONTAINERID=a", "CNI_IFNAME=eth0", "CNI_PATH=" + binaries, "CNI_NETNS=" + p.rt.NetNS,
				"CNI_ARGS=K8S_POD_NAMESPACE=n;K8S_POD_NAME=p"}, test.env...)
			stdout, _, code := run(t, w, test.stdin(w), env)
			if code != 1 {
				t.Errorf("exit code %d", code)
			}
			wantPrintedError(t, stdout, test.code, test.words...)
			w.wantNothingLeft(p)
		})
	}
}

// wantPrintedError fails the test unless stdout is exactly one error of the specification.
func wantPrintedError(t *testing.T, stdout string, code uint, words ...string) {
	t.Helper()
	var e struct {
		CNIVersion, Msg, Details string
		Code                     uint
	}
	dec := json.NewDecoder(strings.NewReader(stdout))
	if err := dec.Decode(&e); err != nil || dec.More() {
		t.Fatalf("standard output is not one JSON object (%v):\n%s", err, stdout)
	}
	if e.Code != code || e.CNIVersion == "" || e.Msg == "" || e.Details == "" {
		t.Errorf("want code %d, and something to do, in:\n%s", code, stdout)
	}
	for _, word := range words {
		if !strings.Contains(e.Msg+e.Details, word) {
			t.Errorf("%q is not said in:\n%s", word, stdout)
		}
	}
}
