package v1alpha1

import (
	"fmt"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

func TestValidate(t *testing.T) {
	ports := func(entries string) string {
		return fmt.Sprintf(`{"spec": {"allowIncoming": {"toPorts": [%s]}}}`, entries)
	}
	from := func(entries string) string {
		return fmt.Sprintf(`{"spec": {"allowIncoming": {"from": [%s]}}}`, entries)
	}
	const path = "spec.allowIncoming."
	for _, test := range []struct {
		name, in string
		want     []string
	}{
		{"the published example", published, nil},
		{"empty", `{}`, nil},
		{"everybody", `{"spec": {"allowIncoming": {}}}`, nil},
		{"edges of ports", ports(`{"port": 1}, {"port": 65535}, {"port": "a"}, {"port": "abcdefghijklmno"}`), nil},
		{"port 0", ports(`{"port": 0}`), []string{"FieldValueInvalid " + path + "toPorts[0].port"}},
		{"port 70000", ports(`{"port": 80}, {"port": 70000}`), []string{"FieldValueInvalid " + path + "toPorts[1].port"}},
		{"port 65536", ports(`{"port": 65536}`), []string{"FieldValueInvalid " + path + "toPorts[0].port"}},
		{"a negative port", ports(`{"port": -1}`), []string{"FieldValueInvalid " + path + "toPorts[0].port"}},
		{"a number in quotes", ports(`{"port": "80"}`), []string{"FieldValueInvalid " + path + "toPorts[0].port"}},
		{"an empty name", ports(`{"port": ""}`), repeat("FieldValueInvalid "+path+"toPorts[0].port", 2)},
		{"a long name", ports(`{"port": "abcdefghijklmnop"}`), []string{"FieldValueInvalid " + path + "toPorts[0].port"}},
		{"a name in capitals", ports(`{"port": "HTTP"}`), repeat("FieldValueInvalid "+path+"toPorts[0].port", 2)},
		{"protocols in any case", ports(`{"protocol": "TCP"}, {"protocol": "udp"}, {"protocol": "Sctp"}, {"protocol": "tcP"}`), nil},
		{"ICMP", ports(`{"protocol": "ICMP"}`), []string{"FieldValueNotSupported " + path + "toPorts[0].protocol"}},
		{"no protocol", ports(`{"protocol": ""}`), []string{"FieldValueNotSupported " + path + "toPorts[0].protocol"}},
		{"a protocol that folds to SCTP", ports(`{"protocol": "ſctp"}`), []string{"FieldValueNotSupported " + path + "toPorts[0].protocol"}},
		{"an empty peer", from(`{"pods": {}}, {}`), []string{"FieldValueRequired " + path + "from[1]"}},
		{"as many peers as may be", from(repeated(`{"pods": {}}`, MaxPeers)), nil},
		{"as many ports as may be", ports(repeated(`{"port": 1}`, MaxPorts)), nil},
		{"bad labels of pods", from(`{"pods": {"-a": "b", "a": "b c"}}`),
			[]string{"FieldValueInvalid " + path + "from[0].pods[-a]", "FieldValueInvalid " + path + "from[0].pods[a]"}},
		{"bad labels of namespaces", from(`{"namespaces": {"": "b"}}`), repeat("FieldValueInvalid "+path+"from[0].namespaces[]", 2)},
		{"bad labels of podSelector", `{"spec": {"podSelector": {"a/b/c": ""}}}`, []string{"FieldValueInvalid spec.podSelector[a/b/c]"}},
		{"an empty label value", from(`{"pods": {"a": ""}}`), nil},
	} {
		t.Run(test.name, func(t *testing.T) {
			policy, errs := Decode([]byte(test.in))
			if len(errs) > 0 {
				t.Fatalf("decode: %v", errs)
			}
			errs = Validate(policy)
			if diff := cmp.Diff(test.want, outline(errs)); diff != "" {
				t.Errorf("problems (-want +got):\n%s\n%v", diff, errs)
			}
		})
	}
}

// TestValidateCounts: objects that were built in Go, not decoded, are limited as well.
func TestValidateCounts(t *testing.T) {
	policy := &NetworkPolicy{Spec: NetworkPolicySpec{AllowIncoming: &AllowIncoming{
		From: make([]Peer, MaxPeers+1), ToPorts: make([]Port, MaxPorts+1),
	}}}
	for i := range policy.Spec.AllowIncoming.From {
		policy.Spec.AllowIncoming.From[i].Pods = labelsOf()
	}
	want := []string{"FieldValueTooMany spec.allowIncoming.from", "FieldValueTooMany spec.allowIncoming.toPorts"}
	if diff := cmp.Diff(want, outline(Validate(policy))); diff != "" {
		t.Errorf("problems (-want +got):\n%s", diff)
	}
}

func TestValidateIsBounded(t *testing.T) {
	policy := &NetworkPolicy{Spec: NetworkPolicySpec{PodSelector: map[string]string{}, AllowIncoming: &AllowIncoming{From: make([]Peer, MaxPeers)}}}
	for i := range 1000 {
		policy.Spec.PodSelector[strings.Repeat("-", 1000+i)] = "x y"
	}
	errs := Validate(policy)
	if len(errs) != maxProblems {
		t.Errorf("%d problems, want %d", len(errs), maxProblems)
	}
	if size := len(errs.ToAggregate().Error()); size > 30000 {
		t.Errorf("%d bytes of messages", size)
	}
}

// TestUnfinishedListsSaySo: problems beyond the bound do not hide behind harmless ones.
func TestUnfinishedListsSaySo(t *testing.T) {
	policy := &NetworkPolicy{Spec: NetworkPolicySpec{AllowIncoming: &AllowIncoming{
		From: make([]Peer, maxProblems), ToPorts: []Port{{Protocol: new("ICMP")}},
	}}}
	errs := Validate(policy)
	if last := errs[len(errs)-1]; len(errs) != maxProblems || last.Type != field.ErrorTypeInvalid || last.Field != "spec" || SubjectsSound(errs) {
		t.Errorf("%d problems, sound subjects: %v, the last is %v", len(errs), SubjectsSound(errs), last)
	}
}

func TestParseProtocol(t *testing.T) {
	for _, test := range []struct {
		in   *string
		want corev1.Protocol
	}{
		{nil, corev1.ProtocolTCP},
		{new("TCP"), corev1.ProtocolTCP},
		{new("udp"), corev1.ProtocolUDP},
		{new("sCtP"), corev1.ProtocolSCTP},
		{new(""), ""},
		{new("ICMP"), ""},
		{new("TCP "), ""},
		{new("ſctp"), ""},
	} {
		got, err := ParseProtocol(test.in)
		if got != test.want || (err == nil) != (test.want != "") {
			t.Errorf("ParseProtocol(%v) = %q, %v; want %q", test.in, got, err, test.want)
		}
	}
}

func repeat(line string, n int) []string {
	return strings.Split(strings.TrimSuffix(strings.Repeat(line+"\n", n), "\n"), "\n")
}
