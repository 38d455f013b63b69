package policy

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"sigs.k8s.io/yaml"
)

func TestFromPod(t *testing.T) {
	for _, test := range []struct {
		name, object string
		want         Pod
	}{
		{"all of it", `
metadata: {namespace: ns, name: p, uid: u, labels: {a: b}}
spec:
  nodeName: node-1
  hostNetwork: true
  containers:
  - ports: [{name: web, containerPort: 80}, {containerPort: 81}, {name: dns, containerPort: 53, protocol: UDP}]
  initContainers:
  - {restartPolicy: Always, ports: [{name: side, containerPort: 9, protocol: SCTP}]}
  - {ports: [{name: gone, containerPort: 1}]}
status: {phase: Running, podIP: 10.0.0.1, podIPs: [{ip: 10.0.0.1}, {ip: "fd00::1"}, {ip: nonsense}]}`,
			Pod{Namespace: "ns", Name: "p", UID: "u", Labels: map[string]string{"a": "b"}, Node: "node-1", HostNetwork: true,
				Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")},
				Ports:     []NamedPort{{"web", TCP, 80}, {"dns", UDP, 53}, {"side", SCTP, 9}}}},
		{"a static pod", `metadata: {uid: u, annotations: {kubernetes.io/config.mirror: hash}}`, Pod{UID: "hash"}},
		{"only podIP, as IPv4 in IPv6", `status: {podIP: "::ffff:10.0.0.1"}`, Pod{Addresses: []netip.Addr{netip.MustParseAddr("10.0.0.1")}}},
		{"succeeded", `status: {phase: Succeeded}`, Pod{Terminated: true}},
		{"failed", `status: {phase: Failed}`, Pod{Terminated: true}},
		{"pending", `status: {phase: Pending}`, Pod{}},
		{"ports out of range", `spec: {containers: [{ports: [{name: a, containerPort: 0}, {name: b, containerPort: 65536}, {name: c, containerPort: 1, protocol: X}]}]}`, Pod{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			var pod corev1.Pod
			if err := yaml.UnmarshalStrict([]byte(test.object), &pod); err != nil {
				t.Fatalf("read the pod: %v", err)
			}
			if diff := cmp.Diff(&test.want, FromPod(&pod), cmp.Comparer(func(a, b netip.Addr) bool { return a == b })); diff != "" {
				t.Errorf("pod (-want +got):\n%s", diff)
			}
		})
	}
}

func TestFromNamespace(t *testing.T) {
	for _, test := range []struct {
		annotations map[string]string
		isolated    bool
		problem     bool
	}{
		{nil, false, false},
		{map[string]string{IsolationAnnotation: "off"}, false, false},
		{map[string]string{IsolationAnnotation: "on"}, true, false},
		{map[string]string{IsolationAnnotation: "maybe"}, true, true},
		{map[string]string{IsolationAnnotation: ""}, true, true},
	} {
		object := &corev1.Namespace{}
		object.Name, object.Labels, object.Annotations = "ns", map[string]string{"a": "b"}, test.annotations
		ns := FromNamespace(object)
		if ns.Name != "ns" || ns.Labels["a"] != "b" || (ns.Isolation != nil) != test.isolated {
			t.Errorf("%v: got %+v, want isolated %t", test.annotations, ns, test.isolated)
			continue
		}
		if !test.isolated {
			continue
		}
		p := ns.Isolation
		if !p.Isolates[Ingress] || p.Isolates[Egress] || p.Tier != NetworkPolicy || (p.Problem() != "") != test.problem || !p.Subject.Matches(ns, &Pod{Namespace: "ns"}) {
			t.Errorf("%v: isolation %+v, want problem %t", test.annotations, p, test.problem)
		}
	}
}
