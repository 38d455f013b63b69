package cluster

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/json"
	"sigs.k8s.io/yaml"

	"github.com/hedgerow-net/hedgerow/policy"
)

// FuzzConvert: whatever an API server has stored, converting it does not panic and leaves it as it is; and a field that its API does not have,
// wherever it stands, never makes the policy allow more than it does without that field. Another policy stands behind it that would accept what
// a Pass rule passes by.
func FuzzConvert(f *testing.F) {
	for _, seed := range []struct {
		api  uint8
		spec string
	}{
		{0, `{podSelector: {app: web}, allowIncoming: {from: [{pods: {app: db}}, {namespaces: {ns: b}}, {pods: {}, namespaces: {}}], toPorts: [{port: 80}, {port: web, protocol: udp}]}}`},
		{0, `{allowIncoming: {}}`},
		{1, `{tier: Admin, priority: 1, subject: {namespaces: {matchLabels: {ns: a}}}, ingress: [{action: Accept, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {number: 80}}}, {destinationNamedPort: web}]}, {action: Pass, from: [{pods: {podSelector: {}, namespaceSelector: {}}}]}]}`},
		{1, `{tier: Baseline, priority: 1, subject: {pods: {podSelector: {matchExpressions: [{key: app, operator: In, values: [web]}]}}}, egress: [{action: Deny, to: [{networks: [192.0.2.0/24]}, {nodes: {}}], protocols: [{udp: {destinationPort: {range: {start: 1, end: 99}}}}]}, {action: Accept, to: [{namespaces: {}}, {domainNames: [a.example]}]}]}`},
		{1, `{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{namespaces: {}}]}]}`},
		{2, `{priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {matchLabels: {ns: a}}}], ports: [{portNumber: {port: 80, protocol: TCP}}, {namedPort: web}]}], egress: [{action: Deny, to: [{networks: [192.0.2.1/32]}]}, {action: Pass, to: [{nodes: {}}]}]}`},
		{3, `{subject: {pods: {namespaceSelector: {}, podSelector: {matchLabels: {app: web}}}}, ingress: [{action: Deny, from: [{namespaces: {}}], ports: [{portRange: {start: 1, end: 80}}]}, {name: x, action: Allow, from: [{namespaces: {}}]}]}`},
		{1, `{ingress: everything, egress: [null, [], {action: 1}, {action: Accept, to: {}}], subject: 1, priority: x}`},
		{2, `[]`}, {0, `null`}, {3, `{ingress: [{action: Deny}], egress: [{action: Allow, to: [{}]}]}`},
	} {
		spec, err := yaml.YAMLToJSON([]byte(seed.spec))
		if err != nil {
			f.Fatal(err)
		}
		for at := range uint8(8) {
			f.Add(seed.api, spec, at, []string{"Ingress", "From", "x"}[at%3], []byte(`{}`))
		}
	}
	apis := append([]API{alphaAPI()}, ClusterAPIs()...)
	f.Fuzz(func(t *testing.T, which uint8, data []byte, at uint8, name string, extra []byte) {
		var spec, value any
		if json.Unmarshal(data, &spec) != nil || json.Unmarshal(extra, &value) != nil {
			return
		}
		api := apis[int(which)%len(apis)]
		plain := stored(spec)
		before := plain.DeepCopy()
		without := api.Convert(plain)
		if diff := cmp.Diff(before, plain); diff != "" {
			t.Fatalf("the object was changed (-before +after):\n%s", diff)
		}
		labels := clusterLabels
		if api.Kind == policy.KindAlphaNetworkPolicy {
			labels = alphaLabels
		}
		places := objectsOf(before.Object["spec"], labels)
		if len(places) == 0 {
			return
		}
		if name == "" || 'a' <= name[0] && name[0] <= 'z' {
			name = "?" + name // fields of the APIs begin with a small letter
		}
		places[int(at)%len(places)][name] = runtime.DeepCopyJSONValue(value)
		with := api.Convert(before)
		if len(with.Problems) == 0 {
			t.Errorf("nothing is said of the field %q in %v", name, before.Object["spec"])
		}
		checkNoWider(t, without, with)
	})
}

// stored is an object as informers hand it over.
func stored(spec any) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"metadata": map[string]any{"namespace": "a", "name": "p"}, "spec": runtime.DeepCopyJSONValue(spec),
	}}
}

// The fields whose objects are maps of labels: any name is known in them.
var (
	alphaLabels   = []string{"podSelector", "pods", "namespaces"}
	clusterLabels = []string{"matchLabels"}
)

// objectsOf lists the objects in a value that have fields of an API, the value itself first.
func objectsOf(value any, labels []string) []map[string]any {
	var list []map[string]any
	switch value := value.(type) {
	case map[string]any:
		list = append(list, value)
		for _, name := range slices.Sorted(maps.Keys(value)) {
			inside := objectsOf(value[name], labels)
			if _, isMap := value[name].(map[string]any); isMap && slices.Contains(labels, name) {
				inside = inside[1:]
			}
			list = append(list, inside...)
		}
	case []any:
		for _, entry := range value {
			list = append(list, objectsOf(entry, labels)...)
		}
	}
	return list
}

// checkNoWider fails when a flow is accepted under with that is not under without.
func checkNoWider(t *testing.T, without, with *policy.Policy) {
	t.Helper()
	narrow, wide := fuzzedSet(without), fuzzedSet(with)
	for _, flow := range fuzzedFlows() {
		if policy.Decide(wide, flow).Action() == policy.Accept && policy.Decide(narrow, flow).Action() != policy.Accept {
			t.Fatalf("accepts %+v although\n%s\ndoes not:\n%s", flow, words(without), words(with))
		}
	}
}

// fuzzedSet holds the policy and three namespaces: a is isolated as the alpha API has it, b by a policy both ways, c is open.
func fuzzedSet(p *policy.Policy) *policy.Set {
	isolation := &policy.Policy{
		Ref:  policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "b", Name: "isolation"},
		Tier: policy.NetworkPolicy, Subject: policy.PodSelector{Namespace: "b", Pods: policy.Everything()}, Isolates: [2]bool{true, true},
	}
	var namespaces []*policy.Namespace
	for name, isolated := range map[string]string{"a": "on", "b": "off", "c": "off"} {
		namespaces = append(namespaces, policy.FromNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{
			Name: name, Labels: map[string]string{"ns": name}, Annotations: map[string]string{policy.IsolationAnnotation: isolated},
		}}))
	}
	return policy.NewSet(namespaces, nil, []*policy.Policy{isolation, behind(), p})
}

// behind is a policy of the last priority that lets everybody into the isolated namespace b.
func behind() *policy.Policy {
	b, _ := policy.SelectLabels(map[string]string{"ns": "b"})
	return &policy.Policy{
		Ref: policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: "z"}, Tier: policy.Admin, Priority: 1000,
		Subject: policy.PodSelector{Namespaces: b, Pods: policy.Everything()},
		Rules:   [2][]policy.Rule{policy.Ingress: {{Action: policy.Accept}}},
	}
}

func fuzzedFlows() []policy.Flow {
	ends := []policy.End{policy.OutsideEnd(netip.MustParseAddr("192.0.2.1"))}
	for i, namespace := range []string{"a", "b", "c"} {
		for j, app := range []string{"web", "db"} {
			ends = append(ends, policy.PodEnd(&policy.Pod{
				Namespace: namespace, Name: app, Labels: map[string]string{"app": app}, Ports: []policy.NamedPort{{Name: "web", Protocol: policy.TCP, Number: 80}},
				Addresses: []netip.Addr{netip.MustParseAddr(fmt.Sprintf("10.0.%d.%d", i, j))},
			}))
		}
	}
	var flows []policy.Flow
	for _, source := range ends {
		for _, destination := range ends {
			for _, what := range []policy.Flow{{Protocol: policy.TCP, Port: 80}, {Protocol: policy.UDP, Port: 53}, {}} {
				flows = append(flows, policy.Flow{Source: source, Destination: destination, Protocol: what.Protocol, Port: what.Port})
			}
		}
	}
	return flows
}
