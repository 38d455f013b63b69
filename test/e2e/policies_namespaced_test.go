package e2e

import (
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
)

// v1 is a networking.k8s.io/v1 policy of namespace red.
func v1(name, spec string) string {
	return `{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: ` + name + `}, spec: ` + spec + `}`
}

// alpha is an alpha policy of namespace red.
func alpha(name, spec string) string {
	return `{apiVersion: net.alpha.kubernetes.io/v1alpha1, kind: NetworkPolicy, metadata: {name: ` + name + `}, spec: ` + spec + `}`
}

// Selectors of the stage.
const (
	onlyWeb    = `podSelector: {matchLabels: {app: web}}`
	onlyAPI    = `podSelector: {matchLabels: {app: api}}`
	onlyClient = `podSelector: {matchLabels: {app: client}}`
	teamBlue   = `namespaceSelector: {matchLabels: {team: blue}}`
)

var namespacedScenes = []scene{
	{"ipBlock of pods", []string{v1("p", `{`+onlyWeb+`, ingress: [{from: [
		{ipBlock: {cidr: 10.244.0.0/16, except: [$blue4/32]}}, {ipBlock: {cidr: "fd00:10:244::/56", except: ["$blue6/128"]}}]}]}`)},
		"client>web:80 api>web:80 node1>web:80", "blue>web:80 outside>web:80 node2>web:80"},
	{"ipBlock outside", []string{v1("p", `{`+onlyWeb+`, ingress: [{from: [{ipBlock: {cidr: $outside4/32}}, {ipBlock: {cidr: "$outside6/128"}}]}]}`)},
		"outside>web:80 outside>web:81/UDP client>api:80", "client>web:80 node2>web:80"},
	{"endPort", []string{v1("p", `{`+onlyWeb+`, ingress: [{ports: [{port: 80, endPort: 81}]}]}`)},
		"client>web:80 outside>web:81 blue>web:81", "client>web:82 client>web:80/UDP outside>web:8080"},
	{"UDP", []string{v1("p", `{`+onlyWeb+`, ingress: [{ports: [{protocol: UDP, port: 80}]}]}`)},
		"client>web:80/UDP outside>web:80/UDP", "client>web:80 client>web:81/UDP"},
	{"named ports are those of each pod", []string{v1("p", `{podSelector: {}, ingress: [{ports: [{port: http}]}]}`)},
		"client>web:80 client>api:8080 blue>web:80", "client>web:8080 client>api:80 blue>client:80"},
	{"egress", []string{v1("p", `{`+onlyClient+`, policyTypes: [Egress], egress: [{to: [{`+onlyWeb+`}, {ipBlock: {cidr: $outside4/32}}, {ipBlock: {cidr: "$outside6/128"}}], ports: [{port: 80}]}]}`)},
		"client>web:80 client>outside:80 blue>client:80 api>web:81", "client>api:80 client>web:81 client>outside:81 client>node1:80 client>node2:80 client>blue:80"},
	{"named ports of egress", []string{v1("p", `{`+onlyClient+`, policyTypes: [Egress], egress: [{to: [{podSelector: {}}], ports: [{port: http}]}]}`)},
		"client>web:80 client>api:8080", "client>web:8080 client>api:80 client>blue:80"},
	{"selectors of namespaces and pods", []string{v1("p", `{`+onlyWeb+`, ingress: [
		{from: [{`+teamBlue+`, podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [client]}]}}]},
		{from: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: red}}, `+onlyAPI+`}], ports: [{port: 81}]}]}`)},
		"blue>web:80 api>web:81", "client>web:80 api>web:80"},
	{"several policies add up", []string{v1("p", `{`+onlyWeb+`, ingress: [{from: [{`+onlyAPI+`}]}]}`), v1("q", `{podSelector: {}, ingress: [{from: [{`+teamBlue+`}]}]}`)},
		"api>web:80 blue>web:80 blue>api:80", "client>web:80 client>api:80 outside>web:80"},
}

// TestPolicies tries every policy API on one stage.
func TestPolicies(t *testing.T) {
	s := newStage(t, shared)
	t.Run("namespaced", func(t *testing.T) { s.play(t, namespacedScenes) })
	t.Run("alpha beside v1", s.testAlphaBesideV1)
	t.Run("relabelling", s.testRelabelling)
	t.Run("cluster", func(t *testing.T) { s.play(t, clusterScenes) })
	t.Run("domain names", s.testDomainNames)
	t.Run("conditions", s.testConditions)
	t.Run("unknown peers", s.testUnknownPeers)
}

// testAlphaBesideV1: what policies of both APIs allow adds up; the annotation isolates every pod, the v1 policy its own subjects.
func (s *stage) testAlphaBesideV1(t *testing.T) {
	s.expect(t, "client>web:80 api>web:81 api>web:80 client>web:81 client>api:80", "")
	s.apply(t,
		alpha("p", `{podSelector: {app: web}, allowIncoming: {from: [{pods: {app: client}}], toPorts: [{port: 80, protocol: TCP}]}}`),
		v1("p", `{`+onlyWeb+`, ingress: [{from: [{`+onlyAPI+`}], ports: [{port: 81}]}]}`))
	s.expect(t, "api>web:81 client>api:80", "client>web:80 api>web:80 client>web:81")
	isolate(t, s.client, "red", "on")
	t.Cleanup(func() { isolate(t, s.client, "red", "off") })
	s.expect(t, "client>web:80 api>web:81", "api>web:80 client>web:81 client>api:80 blue>api:80")
}

// testRelabelling: new labels of a pod or namespace count at once.
func (s *stage) testRelabelling(t *testing.T) {
	s.apply(t, v1("p", `{`+onlyWeb+`, ingress: [{from: [{podSelector: {matchLabels: {trusted: "yes"}}}, {namespaceSelector: {matchLabels: {trusted: "yes"}}}]}]}`))
	s.expect(t, "", "client>web:80 blue>web:80 api>web:80")
	label := func(value string) []byte { return []byte(`{"metadata": {"labels": {"trusted": ` + value + `}}}`) }
	pod := func(value string) {
		_, err := s.client.CoreV1().Pods("red").Patch(t.Context(), "client", types.MergePatchType, label(value), metav1.PatchOptions{})
		must(t, err)
	}
	namespace := func(value string) {
		_, err := s.client.CoreV1().Namespaces().Patch(t.Context(), "blue", types.MergePatchType, label(value), metav1.PatchOptions{})
		must(t, err)
	}
	pod(`"yes"`)
	s.expect(t, "client>web:80", "blue>web:80")
	namespace(`"yes"`)
	pod("null")
	s.expect(t, "blue>web:80", "client>web:80 api>web:80")
	namespace("null")
	s.expect(t, "", "blue>web:80")
}
