package cluster

import (
	"reflect"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/util/json"
)

// FuzzStrip: what is thrown away of an object makes no difference to the world, whatever the object holds; and stripping again throws nothing away.
func FuzzStrip(f *testing.F) {
	for _, seed := range []struct {
		kind uint8
		text string
	}{
		{0, `{"metadata":{"name":"a","labels":{"x":"y"},"annotations":{"net.alpha.kubernetes.io/network-isolation":"on","other":"z"}}}`},
		{0, `{"metadata":{"annotations":{"net.alpha.kubernetes.io/network-isolation":"perhaps"}}}`},
		{1, `{"metadata":{"namespace":"a","name":"p","uid":"u","annotations":{"kubernetes.io/config.mirror":"m"}},"spec":{"nodeName":"n","hostNetwork":true,"containers":[{"name":"c","image":"i","ports":[{"containerPort":80},{"name":"web","containerPort":80}]}],"initContainers":[{"restartPolicy":"Always","ports":[{"name":"x","containerPort":1,"protocol":"UDP"}]},{"ports":[{"name":"y","containerPort":70000}]}]},"status":{"phase":"Failed","podIP":"10.0.0.1","podIPs":[{"ip":"10.0.0.2"},{"ip":"fd00::1%x"},{"ip":"none"}]}}`},
		{2, `{"metadata":{"name":"n","labels":{"a":"b"}},"spec":{"podCIDRs":["10.244.1.0/24","x"]},"status":{"addresses":[{"type":"InternalIP","address":"192.0.2.1"},{"address":"host"}]}}`},
		{3, `{"metadata":{"namespace":"a","name":"p"},"spec":{"podSelector":{},"policyTypes":["Egress"],"ingress":[{"from":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":"web"}]}]}}`},
		{4, `{"metadata":{"namespace":"a","name":"p","labels":{"x":"y"}},"spec":{"allowIncoming":{"form":[]}},"status":{},"other":1}`},
		{5, `{"metadata":{"name":"p","annotations":1},"spec":{"tier":"Admin","priority":1,"subject":{"namespaces":{}},"ingress":[{"action":"Accept","from":[{"namespaces":{}}]}]},"status":{"conditions":[]}}`},
		{6, `{"metadata":[],"spec":null}`}, {7, `{"metadata":{"name":1}}`}, {1, `null`},
	} {
		f.Add(seed.kind, []byte(seed.text))
	}
	custom := append([]API{alphaAPI()}, ClusterAPIs()...)
	f.Fuzz(func(t *testing.T, kind uint8, data []byte) {
		switch kind %= 4 + uint8(len(custom)); kind {
		case 0:
			checkStripped(t, data, new(corev1.Namespace), namespaceUpdate)
		case 1:
			checkStripped(t, data, new(corev1.Pod), podUpdate)
		case 2:
			checkStripped(t, data, new(corev1.Node), nodeUpdate(""))
		case 3:
			checkStripped(t, data, new(networkingv1.NetworkPolicy), networkPolicyUpdate)
		default:
			o := &unstructured.Unstructured{}
			if json.Unmarshal(data, &o.Object) == nil && o.Object != nil {
				checkStripped(t, []byte(`{}`), o, custom[kind-4].update)
			}
		}
	})
}

// checkStripped reads an object, and fails when the world is another with it and with what is left of it.
func checkStripped[T any](t *testing.T, data []byte, object T, update func(T) Update) {
	t.Helper()
	if _, custom := any(object).(*unstructured.Unstructured); !custom && json.Unmarshal(data, object) != nil {
		return
	}
	worlds := [3]*World{NewWorld(), NewWorld(), NewWorld()}
	var kept any = object
	for i, w := range worlds {
		if i > 0 {
			var err error
			if kept, err = strip(kept); err != nil {
				t.Fatal(err)
			}
		}
		same, ok := kept.(T)
		if !ok {
			t.Fatalf("a %T became a %T", object, kept)
		}
		update(same)(w)
	}
	for i, w := range worlds[1:] {
		if !reflect.DeepEqual(worlds[0], w) {
			t.Errorf("stripped %d times: another world\n%+v\n%+v", i+1, policiesOf(worlds[0]), policiesOf(w))
		}
	}
}

// policiesOf is what there is to see of a world with one object.
func policiesOf(w *World) []any {
	var list []any
	for _, p := range w.Policies {
		list = append(list, p.Ref, words(p))
	}
	for _, p := range w.Pods {
		list = append(list, *p)
	}
	for _, n := range w.Namespaces {
		list = append(list, *n, n.Isolation)
	}
	for _, n := range w.Nodes {
		list = append(list, *n)
	}
	return append(list, w.PodCIDRs)
}
