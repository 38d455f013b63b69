package pods

import (
	"encoding/json"
	"net/netip"
	"regexp"
	"strings"
	"testing"

	types100 "github.com/containernetworking/cni/pkg/types/100"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// FuzzExpand: expansion is that of a plainer one by a regular expression, and a text in which every dollar is doubled is the text.
func FuzzExpand(f *testing.F) {
	for _, text := range []string{
		"", "plain", "$(A)", "x$(A)y$(A)", "$(EMPTY)", "$(NONE)", "$$(A)", "$$$(A)", "$$", "$", "$A", "$(A", "$(A$$", "$(REF)", "$()", "$(a$(A))", "$($$(A))", "\xff$(\x00)",
	} {
		f.Add(text)
	}
	values := map[string]string{"A": "a", "EMPTY": "", "REF": "$(A)"}
	value := func(name string) (string, bool) { v, ok := values[name]; return v, ok }
	token := regexp.MustCompile(`(?s)\$\$|\$\([^)]*\)`)
	f.Fuzz(func(t *testing.T, text string) {
		want := token.ReplaceAllStringFunc(text, func(found string) string {
			if found == "$$" {
				return "$"
			}
			if v, ok := value(found[2 : len(found)-1]); ok {
				return v
			}
			return found
		})
		if got := expand(text, value); got != want {
			t.Errorf("expand(%q) = %q, want %q", text, got, want)
		}
		if got := expand(strings.ReplaceAll(text, "$", "$$"), value); got != text {
			t.Errorf("%q with its dollars doubled became %q", text, got)
		}
	})
}

// FuzzPod: whatever a Pod of the API asks for, it is refused with field paths, or its containers have what a container needs.
func FuzzPod(f *testing.F) {
	for _, text := range []string{
		`{}`, `{"metadata":{"name":"p"},"spec":{"containers":[{"name":"c","command":["sh","$(A)"],"args":["$(B)"],"env":[{"name":"A","value":"1"},{"name":"B","value":"$(A)"}]}]}}`,
		`{"metadata":{"name":"p","labels":{"a":"b"},"annotations":{"c":"d"}},"spec":{"containers":[{"name":"c","env":[{"name":"A","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['a']"}}},{"name":"I","valueFrom":{"fieldRef":{"fieldPath":"status.podIPs"}}}]}]}}`,
		`{"spec":{"containers":[{"env":[{"name":"A","valueFrom":{}},{"name":"B","valueFrom":{"fieldRef":{"fieldPath":"metadata.labels['"}}}]}]}}`,
		`{"metadata":{"name":"` + strings.Repeat("a", 62) + `-b"},"spec":{"hostname":"h","hostnameOverride":"","containers":[{"securityContext":{"capabilities":{"add":["ALL","x"],"drop":["NET_RAW"]},"runAsNonRoot":true}}]}}`,
		`{"spec":{"securityContext":{"runAsUser":7,"fsGroup":1,"supplementalGroups":[1,2]},"initContainers":[{"restartPolicy":"Always","securityContext":{"privileged":true}}],"containers":[{"ports":[{"hostPort":1}],"volumeMounts":[{"name":"v","mountPath":"/x","subPath":"a"}],"livenessProbe":{"grpc":{"port":1}}}],"volumes":[{"name":"v","emptyDir":{"medium":"Memory","sizeLimit":"1Mi"}},{"name":"w","hostPath":{"path":"/"}}]}}`,
		`{"spec":{"dnsPolicy":"None","dnsConfig":{"nameservers":["10.0.0.1"],"searches":["a"],"options":[{"name":"ndots","value":"1"},{"name":"ndots"},{"name":"x"}]},"hostAliases":[{"ip":"10.0.0.2","hostnames":["a","b"]}],"containers":[null]}}`,
		`{"spec":{"securityContext":{"runAsUser":4294967296,"runAsNonRoot":true,"supplementalGroups":[-1]},"containers":[{"name":"c"}]}}`,
		`{"status":{"phase":"Running","podIP":"10.0.0.1","containerStatuses":[{"state":{"running":{}},"lastState":{"terminated":{}}}]},"spec":{"restartPolicy":"Never"}}`,
	} {
		f.Add([]byte(text))
	}
	m := &Manager{cfg: Config{ClusterDomain: "cluster.local", Nameservers: []netip.Addr{netip.MustParseAddr("10.96.0.10")}}}
	f.Fuzz(func(t *testing.T, data []byte) {
		pod := &v1.Pod{}
		if json.Unmarshal(data, pod) != nil {
			return
		}
		problems := unsupported(pod)
		for _, problem := range problems {
			if !strings.HasPrefix(problem, "spec.") {
				t.Errorf("a problem without its field: %q", problem)
			}
		}
		if name := hostname(pod); len(name) > 63 {
			t.Errorf("host name %q is too long for the kernel", name)
		}
		m.resolvConf(pod)
		hostsFile(pod, nil)
		for i := range pod.Spec.Volumes {
			if v := pod.Spec.Volumes[i].EmptyDir; v != nil && !strings.HasPrefix(memoryOptions(v), "mode=0777") {
				t.Errorf("volume %d is mounted with %q", i, memoryOptions(v))
			}
		}
		for i := range pod.Spec.Containers {
			checkContainer(t, pod, &pod.Spec.Containers[i], len(problems) == 0)
		}
		checkResumed(t, pod)
	})
}

// checkContainer: what is declared is in the environment once, and nobody runs as root who must not.
func checkContainer(t *testing.T, pod *v1.Pod, c *v1.Container, supported bool) {
	t.Helper()
	env, err := declared(pod, c, &facts{})
	if err != nil {
		if !strings.HasPrefix(err.Error(), "env ") {
			t.Errorf("an error without its variable: %v", err)
		}
		return
	}
	for i := range c.Env {
		if _, ok := env.get(c.Env[i].Name); !ok {
			t.Errorf("variable %q is missing", c.Env[i].Name)
		}
		if from := c.Env[i].ValueFrom; supported && from != nil && from.FieldRef == nil {
			t.Errorf("variable %q is from %+v, which nobody refused", c.Env[i].Name, from)
		}
	}
	image := &image{entrypoint: []string{"/entry"}, command: []string{"default"}}
	if line := commandLine(image, c, env); len(line) == 0 {
		t.Error("nothing to run")
	}
	spec := &container.Spec{}
	if secure(spec, pod.Spec.SecurityContext, c.SecurityContext) != nil {
		return
	}
	if nonRoot(pod, c) && spec.Command.UID == 0 {
		t.Errorf("runs as root in spite of runAsNonRoot: %+v", spec.Command)
	}
}

// nonRoot reports whether the container must not run as root.
func nonRoot(pod *v1.Pod, c *v1.Container) bool {
	if c.SecurityContext != nil && c.SecurityContext.RunAsNonRoot != nil {
		return *c.SecurityContext.RunAsNonRoot
	}
	return pod.Spec.SecurityContext != nil && orZero(pod.Spec.SecurityContext.RunAsNonRoot)
}

// checkResumed: nothing of a pod runs, and no address is its, when the node starts again.
func checkResumed(t *testing.T, pod *v1.Pod) {
	t.Helper()
	status, changed := resume(pod, metav1.Time{})
	if !changed {
		return
	}
	if status.PodIP != "" || len(status.PodIPs) > 0 {
		t.Errorf("still has %s", status.PodIP)
	}
	for _, list := range [][]v1.ContainerStatus{status.InitContainerStatuses, status.ContainerStatuses} {
		for i := range list {
			if list[i].State.Running != nil || list[i].Ready && list[i].State.Terminated == nil {
				t.Errorf("container %d still runs: %+v", i, list[i])
			}
		}
	}
}

// FuzzAddressesOf: the result of a CNI plugin is refused, or gives addresses as the rest of the node writes them.
func FuzzAddressesOf(f *testing.F) {
	for _, text := range []string{
		`{"cniVersion":"1.1.0","interfaces":[{"name":"eth0","sandbox":"/x"}],"ips":[{"interface":0,"address":"10.244.1.2/32"},{"address":"fd00::2/128"}]}`,
		`{"cniVersion":"1.0.0","ips":[null,{"interface":1},{"address":"10.0.0.1/8"}],"interfaces":[null],"routes":[null]}`,
		`{"cniVersion":"1.1.0","ips":[{"address":"::ffff:10.0.0.1/128"}]}`, `{"cniVersion":"1.1.0"}`, `{"cniVersion":"1.1.0","ips":[{"address":""}]}`, `null`, `[]`, ``,
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		result, err := types100.NewResult(data)
		if err != nil {
			return
		}
		addresses, err := addressesOf(result)
		if (err == nil) != (len(addresses) > 0) {
			t.Errorf("%v and the error %v", addresses, err)
		}
		for _, a := range addresses {
			if !a.IsValid() || a.Is4In6() {
				t.Errorf("the address %v", a)
			}
		}
	})
}

// FuzzHTTPRequest: the path of a probe or hook is refused, or is asked for at the pod, whatever else is written into it.
func FuzzHTTPRequest(f *testing.F) {
	for _, path := range []string{
		"", "/", "/healthz?x=1#y", "healthz", "//other.example/x", "http://other.example:1/x", "https://a:b@other.example", "mailto:a@other.example", "x:y//z",
		"/%zz", "/a b", "/\x00", "?x", "#", "/..//.", "@other.example", ":80/x", "\\other.example",
	} {
		f.Add(path, "Host", "name.example")
		f.Add(path, "X", "1\r\nHost: x")
	}
	const address = "[fd00::1]:8080"
	f.Fuzz(func(t *testing.T, path, header, value string) {
		action := &v1.HTTPGetAction{Path: path, HTTPHeaders: []v1.HTTPHeader{{Name: header, Value: value}}}
		request, err := httpRequest(t.Context(), action, address)
		if err != nil {
			return
		}
		if request.URL.Host != address || request.URL.Scheme != "http" {
			t.Errorf("%q is asked for at %q by %q", path, request.URL.Host, request.URL.Scheme)
		}
		if uri := request.URL.RequestURI(); !strings.HasPrefix(uri, "/") {
			t.Errorf("%q is asked for as %q", path, uri)
		}
	})
}
