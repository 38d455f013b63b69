package v1alpha1

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// published is the example that came with the API, byte for byte.
const published = `{ "kind": "NetworkPolicy", "metadata": {"name": "pol1"},
  "spec": { "allowIncoming": { "from":    [ {"pods": {"segment": "frontend"}} ],
                               "toPorts": [ {"port": 80, "protocol": "TCP"} ] },
            "podSelector": {"segment": "backend"} } }`

func labelsOf(pairs ...string) *map[string]string {
	labels := map[string]string{}
	for i := 0; i < len(pairs); i += 2 {
		labels[pairs[i]] = pairs[i+1]
	}
	return &labels
}

func TestDecodeSound(t *testing.T) {
	port := func(p intstr.IntOrString, protocol ...string) Port {
		out := Port{Port: &p}
		if len(protocol) > 0 {
			out.Protocol = &protocol[0]
		}
		return out
	}
	for _, test := range []struct {
		name, in string
		want     NetworkPolicySpec
	}{
		{"the published example", published, NetworkPolicySpec{
			AllowIncoming: &AllowIncoming{
				From:    []Peer{{Pods: labelsOf("segment", "frontend")}},
				ToPorts: []Port{port(intstr.FromInt32(80), "TCP")},
			},
			PodSelector: map[string]string{"segment": "backend"},
		}},
		{"nothing at all", `{}`, NetworkPolicySpec{}},
		{"an empty spec", `{"spec": {}}`, NetworkPolicySpec{}},
		{"lets everything in", `{"spec": {"allowIncoming": {}}}`, NetworkPolicySpec{AllowIncoming: &AllowIncoming{}}},
		{"empty lists", `{"spec": {"allowIncoming": {"from": [], "toPorts": []}, "podSelector": {}}}`,
			NetworkPolicySpec{AllowIncoming: &AllowIncoming{}, PodSelector: map[string]string{}}},
		{"absent and empty maps differ", `{"spec": {"allowIncoming": {"from": [{"pods": {}}, {"namespaces": {}}, {"pods": {}, "namespaces": {"a": "b"}}, {}]}}}`,
			NetworkPolicySpec{AllowIncoming: &AllowIncoming{From: []Peer{
				{Pods: labelsOf()}, {Namespaces: labelsOf()}, {Pods: labelsOf(), Namespaces: labelsOf("a", "b")}, {},
			}}}},
		{"ports", `{"spec": {"allowIncoming": {"toPorts": [{"port": "http"}, {"protocol": "sctp"}, {"port": 53, "protocol": "Udp"}, {}, {"port": 0}, {"port": 80.0}]}}}`,
			NetworkPolicySpec{AllowIncoming: &AllowIncoming{ToPorts: []Port{
				port(intstr.FromString("http")), {Protocol: new("sctp")}, port(intstr.FromInt32(53), "Udp"), {}, port(intstr.FromInt32(0)), port(intstr.FromInt32(80)),
			}}}},
		{"a status is nobody's business", `{"status": {"anything": [1, null]}}`, NetworkPolicySpec{}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, errs := Decode([]byte(test.in))
			if len(errs) > 0 {
				t.Fatalf("errors: %v", errs)
			}
			if diff := cmp.Diff(test.want, got.Spec); diff != "" {
				t.Errorf("spec (-want +got):\n%s", diff)
			}
		})
	}
}

func TestDecodeMetadata(t *testing.T) {
	got, errs := Decode([]byte(`{"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy",
		"metadata": {"name": "pol1", "namespace": "tenant-a", "uid": "u", "generation": 3, "labels": {"a": "b"}, "newInSomeRelease": 1}}`))
	if len(errs) > 0 {
		t.Fatalf("errors: %v", errs)
	}
	want := &NetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "net.alpha.kubernetes.io/v1alpha1", Kind: "NetworkPolicy"},
		ObjectMeta: metav1.ObjectMeta{Name: "pol1", Namespace: "tenant-a", UID: "u", Generation: 3, Labels: map[string]string{"a": "b"}},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("policy (-want +got):\n%s", diff)
	}
}

// TestDecodeProblems gives each malformed document with the problems it must have: type and path of each, in order.
func TestDecodeProblems(t *testing.T) {
	for _, test := range []struct {
		name, in string
		want     []string
		// unsound: the podSelector cannot be trusted.
		unsound bool
	}{
		{"no JSON", `kind: NetworkPolicy`, []string{"FieldValueTypeInvalid "}, true},
		{"no bytes", ``, []string{"FieldValueTypeInvalid "}, true},
		{"null", `null`, []string{"FieldValueTypeInvalid "}, true},
		{"a list", `[]`, []string{"FieldValueTypeInvalid "}, true},
		{"two documents", `{}{}`, []string{"FieldValueTypeInvalid "}, true},
		{"another API", `{"apiVersion": "networking.k8s.io/v1", "kind": "NetworkPolicyList"}`,
			[]string{"FieldValueNotSupported apiVersion", "FieldValueNotSupported kind"}, false},
		{"wrong type of apiVersion", `{"apiVersion": 1, "kind": null}`, []string{"FieldValueTypeInvalid apiVersion", "FieldValueTypeInvalid kind"}, false},
		{"unknown beside spec", `{"Spec": {}, "data": 1}`, []string{"FieldValueForbidden Spec", "FieldValueForbidden data"}, false},
		{"unknown in spec", `{"spec": {"allowincoming": {}, "ingress": []}}`,
			[]string{"FieldValueForbidden spec.allowincoming", "FieldValueForbidden spec.ingress"}, false},
		{"unknown in allowIncoming", `{"spec": {"allowIncoming": {"form": [{"pods": {}}]}}}`, []string{"FieldValueForbidden spec.allowIncoming.form"}, false},
		{"unknown in a peer", `{"spec": {"allowIncoming": {"from": [{"pods": {}}, {"pod": {}}]}}}`,
			[]string{"FieldValueForbidden spec.allowIncoming.from[1].pod"}, false},
		{"unknown in a port", `{"spec": {"allowIncoming": {"toPorts": [{"ports": 80}]}}}`, []string{"FieldValueForbidden spec.allowIncoming.toPorts[0].ports"}, false},
		{"spec null", `{"spec": null}`, []string{"FieldValueTypeInvalid spec"}, true},
		{"spec a string", `{"spec": "x"}`, []string{"FieldValueTypeInvalid spec"}, true},
		{"allowIncoming null", `{"spec": {"allowIncoming": null}}`, []string{"FieldValueTypeInvalid spec.allowIncoming"}, false},
		{"allowIncoming a list", `{"spec": {"allowIncoming": []}}`, []string{"FieldValueTypeInvalid spec.allowIncoming"}, false},
		{"from null", `{"spec": {"allowIncoming": {"from": null}}}`, []string{"FieldValueTypeInvalid spec.allowIncoming.from"}, false},
		{"from an object", `{"spec": {"allowIncoming": {"from": {"pods": {}}}}}`, []string{"FieldValueTypeInvalid spec.allowIncoming.from"}, false},
		{"a peer null", `{"spec": {"allowIncoming": {"from": [null, "x"]}}}`,
			[]string{"FieldValueTypeInvalid spec.allowIncoming.from[0]", "FieldValueTypeInvalid spec.allowIncoming.from[1]"}, false},
		{"pods a list", `{"spec": {"allowIncoming": {"from": [{"pods": ["a"], "namespaces": null}]}}}`,
			[]string{"FieldValueTypeInvalid spec.allowIncoming.from[0].pods", "FieldValueTypeInvalid spec.allowIncoming.from[0].namespaces"}, false},
		{"a label a number", `{"spec": {"allowIncoming": {"from": [{"pods": {"tier": 1, "x": null}}]}}}`,
			[]string{"FieldValueTypeInvalid spec.allowIncoming.from[0].pods.tier", "FieldValueTypeInvalid spec.allowIncoming.from[0].pods.x"}, false},
		{"a selector of v1", `{"spec": {"podSelector": {"matchLabels": {"a": "b"}}}}`, []string{"FieldValueTypeInvalid spec.podSelector.matchLabels"}, true},
		{"podSelector null", `{"spec": {"podSelector": null, "allowIncoming": {}}}`, []string{"FieldValueTypeInvalid spec.podSelector"}, true},
		{"toPorts an object", `{"spec": {"allowIncoming": {"toPorts": {}}}}`, []string{"FieldValueTypeInvalid spec.allowIncoming.toPorts"}, false},
		{"a port a list", `{"spec": {"allowIncoming": {"toPorts": [{"port": [80], "protocol": 6}]}}}`,
			[]string{"FieldValueTypeInvalid spec.allowIncoming.toPorts[0].port", "FieldValueTypeInvalid spec.allowIncoming.toPorts[0].protocol"}, false},
		{"a port null", `{"spec": {"allowIncoming": {"toPorts": [{"port": null}]}}}`, []string{"FieldValueTypeInvalid spec.allowIncoming.toPorts[0].port"}, false},
		{"a port with a fraction", `{"spec": {"allowIncoming": {"toPorts": [{"port": 80.5}]}}}`, []string{"FieldValueTypeInvalid spec.allowIncoming.toPorts[0].port"}, false},
		{"a port that would wrap to 80", `{"spec": {"allowIncoming": {"toPorts": [{"port": 4294967376}, {"port": -4294967216}]}}}`,
			[]string{"FieldValueInvalid spec.allowIncoming.toPorts[0].port", "FieldValueInvalid spec.allowIncoming.toPorts[1].port"}, false},
		{"a port beyond 64 bits", `{"spec": {"allowIncoming": {"toPorts": [{"port": 18446744073709551696}, {"port": 1e300}]}}}`,
			[]string{"FieldValueTypeInvalid spec.allowIncoming.toPorts[0].port", "FieldValueTypeInvalid spec.allowIncoming.toPorts[1].port"}, false},
		{"a doubled field", `{"spec": {"allowIncoming": {"from": [{"pods": {"a": "b"}}], "from": []}}}`, []string{"FieldValueDuplicate spec.allowIncoming.from"}, false},
		{"a doubled label", `{"spec": {"podSelector": {"a": "b", "a": "c"}}}`, []string{"FieldValueDuplicate spec.podSelector.a"}, true},
		{"metadata a string", `{"metadata": "x"}`, []string{"FieldValueTypeInvalid metadata"}, false},
		{"metadata with a wrong type", `{"metadata": {"labels": {"a": 1}}}`, []string{"FieldValueTypeInvalid metadata.labels"}, false},
		{"several", `{"a": 1, "spec": {"b": 1, "podSelector": {"c": 1}, "allowIncoming": {"d": 1, "from": [{}, 7]}}}`, []string{
			"FieldValueTypeInvalid spec.podSelector.c", "FieldValueTypeInvalid spec.allowIncoming.from[1]", "FieldValueForbidden spec.allowIncoming.d",
			"FieldValueForbidden spec.b", "FieldValueForbidden a"}, true},
		{"too many peers", fmt.Sprintf(`{"spec": {"allowIncoming": {"from": [%s]}}}`, repeated(`{"pods":{}}`, MaxPeers+1)),
			[]string{"FieldValueTooMany spec.allowIncoming.from"}, false},
		{"too many ports", fmt.Sprintf(`{"spec": {"allowIncoming": {"toPorts": [%s]}}}`, repeated(`{"port":80}`, MaxPorts+1)),
			[]string{"FieldValueTooMany spec.allowIncoming.toPorts"}, false},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, errs := Decode([]byte(test.in))
			if diff := cmp.Diff(test.want, outline(errs)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, errs)
			}
			if got == nil || got.Spec.AllowIncoming != nil {
				t.Errorf("a malformed policy allows something: %+v", got)
			}
			if sound := SubjectsSound(errs); sound == test.unsound {
				t.Errorf("SubjectsSound = %v", sound)
			}
		})
	}
}

func TestDecodeKeepsSoundSubjects(t *testing.T) {
	got, errs := Decode([]byte(`{"metadata": {"name": "p"}, "spec": {"podSelector": {"a": "b"}, "allowIncoming": {"form": []}}}`))
	if len(errs) != 1 || !SubjectsSound(errs) {
		t.Fatalf("errors: %v", errs)
	}
	if diff := cmp.Diff(map[string]string{"a": "b"}, got.Spec.PodSelector); diff != "" || got.Name != "p" {
		t.Errorf("name %q, podSelector (-want +got):\n%s", got.Name, diff)
	}
}

// TestProblemsAreBounded: a hostile object does not make anybody handle megabytes of messages.
func TestProblemsAreBounded(t *testing.T) {
	fields := make([]string, 0, 10000)
	for i := range cap(fields) {
		fields = append(fields, fmt.Sprintf(`"%s%d": 1`, strings.Repeat("x", 200), i))
	}
	in := fmt.Sprintf(`{"spec": {%s}}`, strings.Join(fields, ","))
	_, errs := Decode([]byte(in))
	if len(errs) != maxProblems {
		t.Errorf("%d problems, want %d", len(errs), maxProblems)
	}
	if size := len(errs.ToAggregate().Error()); size > 10000 {
		t.Errorf("%d bytes of messages", size)
	}
	if SubjectsSound(errs) {
		t.Error("subjects are called sound although not every problem is known")
	}
}

// TestDecodeObjectTypes: numbers in the forms of other parsers.
func TestDecodeObjectTypes(t *testing.T) {
	for _, number := range []any{int64(80), int32(80), 80, 80.0, json.Number("80")} {
		ports := []any{map[string]any{"port": number}}
		got, errs := DecodeObject(map[string]any{"spec": map[string]any{"allowIncoming": map[string]any{"toPorts": ports}}})
		if len(errs) > 0 || *got.Spec.AllowIncoming.ToPorts[0].Port != intstr.FromInt32(80) {
			t.Errorf("%T: %v", number, errs)
		}
	}
	if _, errs := DecodeObject(nil); len(errs) > 0 {
		t.Errorf("a nil object: %v", errs)
	}
}

func repeated(entry string, n int) string {
	return strings.TrimSuffix(strings.Repeat(entry+",", n), ",")
}

// outline is type and path of each error.
func outline(errs field.ErrorList) []string {
	var lines []string
	for _, err := range errs {
		lines = append(lines, string(err.Type)+" "+err.Field)
	}
	return lines
}
