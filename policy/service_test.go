package policy

import (
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
)

func TestFromService(t *testing.T) {
	s := FromService(decode[corev1.Service](t, `
metadata: {namespace: shop, name: web}
spec:
  clusterIP: 10.96.0.1
  selector: {app: web}
  ports: [{name: http, port: 80, targetPort: web}, {port: 81, targetPort: 8081}, {protocol: UDP, port: 53}, {port: 0}, {protocol: X, port: 1}]`))
	want := &Service{Namespace: "shop", Name: "web", Selector: map[string]string{"app": "web"}, ClusterIPs: []string{"10.96.0.1"}, Ports: []ServicePort{
		{Name: "http", Protocol: TCP, Port: 80, Target: Port{Protocol: TCP, Name: "web"}},
		{Protocol: TCP, Port: 81, Target: Port{Protocol: TCP, Number: 8081}},
		{Protocol: UDP, Port: 53, Target: Port{Protocol: UDP, Number: 53}},
	}}
	if diff := cmp.Diff(want, s); diff != "" {
		t.Errorf("service (-want +got):\n%s", diff)
	}
	external := FromService(decode[corev1.Service](t, `{metadata: {namespace: shop, name: out}, spec: {type: ExternalName, selector: {app: web}}}`))
	web := map[string]string{"app": "web", "x": "y"}
	for _, test := range []struct {
		name    string
		service *Service
		pod     Pod
		want    bool
	}{
		{"its labels", s, Pod{Namespace: "shop", Labels: web}, true},
		{"another namespace", s, Pod{Namespace: "bank", Labels: web}, false},
		{"other labels", s, Pod{Namespace: "shop", Labels: map[string]string{"app": "db"}}, false},
		{"no labels", s, Pod{Namespace: "shop"}, false},
		{"over", s, Pod{Namespace: "shop", Labels: web, Terminated: true}, false},
		{"a name for something outside", external, Pod{Namespace: "shop", Labels: web}, false},
		{"no selector", &Service{Namespace: "shop"}, Pod{Namespace: "shop", Labels: web}, false},
	} {
		if got := test.service.Selects(&test.pod); got != test.want {
			t.Errorf("%s: selects %t, want %t", test.name, got, test.want)
		}
	}
}
