package cni

import (
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/containernetworking/cni/pkg/skel"
	"github.com/containernetworking/cni/pkg/types"

	"github.com/hedgerow-net/hedgerow/internal/podnet"
)

const fuzzedRanges = `"ipam":{"type":"host-local","ranges":[[{"subnet":"10.244.1.0/24"}],[{"subnet":"fd00:10:244:1::/64"}]]}`

// checkFailure: an error of the plugin has a code, begins with what it is about, and says what to do.
func checkFailure(t *testing.T, err error, about ...string) {
	t.Helper()
	var e *types.Error
	if !errors.As(err, &e) || e.Code == 0 || e.Details == "" {
		t.Fatalf("an error without code or advice: %#v", err)
	}
	for _, prefix := range about {
		if strings.HasPrefix(e.Msg, prefix) {
			return
		}
	}
	t.Errorf("error %q begins with none of %q", e.Msg, about)
}

// FuzzLoadConfig: a configuration is refused with advice, or its ranges can be allocated from and its MTU carries their families.
func FuzzLoadConfig(f *testing.F) {
	const head = `{"cniVersion":"1.1.0","name":"hedgerow","type":"hedgerow-cni",`
	for _, seed := range []struct{ stdin, args string }{
		{head + fuzzedRanges + `}`, "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b"},
		{head + `"mtu":1500,"socket":"/run/a.sock",` + fuzzedRanges + `}`, "IP=10.244.1.9"},
		{head + `"mtu":1279,` + fuzzedRanges + `}`, "IgnoreUnknown=0;X=1"},
		{head + `"ipam":{"type":"host-local","subnet":"10.0.0.0/24","rangeStart":"10.0.0.9","rangeEnd":"10.0.0.3","gateway":"10.0.0.1"}}`, "IP=x"},
		{head + `"ipam":{"type":"host-local","ranges":[[]]}}`, ""},
		{head + `"ipam":{"type":"host-local","ranges":[null,[{"subnet":"::/0"},{"subnet":"10.0.0.0/8"}]],"routes":[{"dst":"0.0.0.0/0"}]}}`, "A"},
		{head + `"runtimeConfig":{"ips":["10.244.1.7/24"]},"args":{"cni":{"ips":["10.244.1.8"]}},` + fuzzedRanges + `}`, "=;=="},
		{head + `"ipam":{"type":"dhcp"}}`, ""}, {`null`, ""}, {`[]`, ""}, {`{"ipam":null}`, "CommonArgs=1"}, {`{`, "\x00"},
	} {
		f.Add([]byte(seed.stdin), seed.args)
	}
	f.Fuzz(func(t *testing.T, stdin []byte, args string) {
		c, err := loadConfig(&skel.CmdArgs{StdinData: stdin, Args: args})
		if err != nil {
			checkFailure(t, err, "network configuration: ", "CNI_ARGS: ", "ipam.routes and ipam.resolvConf ")
			return
		}
		if len(c.ipam.Ranges) == 0 {
			t.Fatal("accepted without a range")
		}
		for _, set := range c.ipam.Ranges {
			for _, r := range set {
				if r.RangeStart == nil || r.RangeEnd == nil || !r.Contains(r.RangeStart) || !r.Contains(r.RangeEnd) {
					t.Errorf("nothing can be allocated from %s", r.String())
				}
				if r.Subnet.IP.To4() == nil && c.MTU != 0 && c.MTU < leastMTU6 {
					t.Errorf("an MTU of %d with the range %s", c.MTU, r.String())
				}
			}
		}
	})
}

// FuzzLoadPodArgs: whoever a pod is taken for is said so in CNI_ARGS, and is the same when nothing else is in them.
func FuzzLoadPodArgs(f *testing.F) {
	for _, args := range []string{
		"", "K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_UID=c", "IgnoreUnknown=1;K8S_POD_NAMESPACE=a;K8S_POD_NAME=b;K8S_POD_INFRA_CONTAINER_ID=d",
		"K8S_POD_NAMESPACE=a;K8S_POD_NAMESPACE=b;K8S_POD_NAME=c", "K8S_POD_NAMESPACE=;K8S_POD_NAME=b", "K8S_POD_NAME=b=c;K8S_POD_NAMESPACE=a",
		"IgnoreUnknown=maybe", "CommonArgs=x", "=", ";;", "k8s_pod_name=b", "K8S_POD_NAME",
	} {
		f.Add(args)
	}
	f.Fuzz(func(t *testing.T, text string) {
		a, err := loadPodArgs(&skel.CmdArgs{Args: text})
		if err != nil {
			checkFailure(t, err, "CNI_ARGS")
			return
		}
		alone := ""
		for _, v := range []struct {
			name  string
			value types.UnmarshallableString
		}{{"K8S_POD_NAMESPACE", a.K8S_POD_NAMESPACE}, {"K8S_POD_NAME", a.K8S_POD_NAME}, {"K8S_POD_UID", a.K8S_POD_UID}} {
			pair := v.name + "=" + string(v.value)
			if v.value != "" && !strings.Contains(";"+text+";", ";"+pair+";") {
				t.Errorf("%s is not in %q", pair, text)
			}
			if v.value != "" {
				alone += pair + ";"
			}
		}
		again, err := loadPodArgs(&skel.CmdArgs{Args: strings.TrimSuffix(alone, ";")})
		if err != nil || again.K8S_POD_NAMESPACE != a.K8S_POD_NAMESPACE || again.K8S_POD_NAME != a.K8S_POD_NAME || again.K8S_POD_UID != a.K8S_POD_UID {
			t.Errorf("read again from %q: %v, %v", alone, again, err)
		}
	})
}

// FuzzLoadPrevious: the result of ADD that comes back with CHECK is refused with advice, or holds our host interface and addresses of the
// pod that can be compared with others.
func FuzzLoadPrevious(f *testing.F) {
	const container, iface = "c1", "eth0"
	host := podnet.HostName(podnet.Owner{Container: container, Interface: iface})
	interfaces := `"interfaces":[{"name":"` + host + `"},{"name":"eth0","mac":"02:00:00:00:00:01","sandbox":"/run/netns/x"}]`
	for _, seed := range []struct{ version, result string }{
		{"1.1.0", `{"cniVersion":"1.1.0",` + interfaces + `,"ips":[{"interface":1,"address":"10.244.1.9/32"},{"interface":1,"address":"fd00::9/128"}]}`},
		{"0.4.0", `{"cniVersion":"0.4.0",` + interfaces + `,"ips":[{"version":"4","interface":1,"address":"10.244.1.9/32"}]}`},
		{"1.0.0", `{"cniVersion":"1.0.0",` + interfaces + `,"ips":[{"interface":1},{"interface":-1,"address":"10.0.0.1/8"},{"address":"10.0.0.1/8"}]}`},
		{"1.0.0", `{"cniVersion":"1.0.0","interfaces":[null],"ips":[null],"routes":[null]}`},
		{"0.4.0", `{"cniVersion":"0.4.0","interfaces":[null],"ips":[null],"routes":[null]}`},
		{"0.2.0", `{"ip4":{"ip":"10.0.0.1/8"}}`}, {"", `{}`}, {"1.1.0", `null`}, {"1.1.0", `[]`}, {"9.9.9", `{}`},
	} {
		f.Add(seed.version, []byte(seed.result))
	}
	f.Fuzz(func(t *testing.T, version string, result []byte) {
		if !json.Valid(result) {
			return // then all of the configuration is refused: see FuzzLoadConfig
		}
		quoted, err := json.Marshal(version)
		if err != nil {
			t.Fatal(err)
		}
		args := &skel.CmdArgs{ContainerID: container, IfName: iface, StdinData: []byte(
			`{"cniVersion":` + string(quoted) + `,"name":"n",` + fuzzedRanges + `,"prevResult":` + string(result) + `}`)}
		conf, err := loadConfig(args)
		if err != nil {
			checkFailure(t, err, "network configuration: ")
			return
		}
		p, err := (&command{args: args, conf: conf}).loadPrevious()
		if err != nil {
			checkFailure(t, err, "network configuration: ")
			return
		}
		if p.hostName != host || len(p.addresses) == 0 {
			t.Errorf("accepted %+v", p)
		}
		for _, a := range p.addresses {
			if !a.IsValid() || a.Is4In6() {
				t.Errorf("accepted the address %v", a)
			}
		}
	})
}
