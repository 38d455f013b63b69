package e2e

import (
	"context"
	"fmt"
	"strings"
	"testing"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/types"
)

// cnp is a ClusterNetworkPolicy about pods of team red.
func cnp(name, tier string, priority int, rules string) string {
	return fmt.Sprintf(`{apiVersion: policy.networking.k8s.io/v1alpha2, kind: ClusterNetworkPolicy, metadata: {name: %s},
		spec: {tier: %s, priority: %d, subject: {%s}, %s}}`, name, tier, priority, teamRed, rules)
}

// older is a policy of v1alpha1 about pods of team red; head is what stands before the subject.
func older(kind, name, head, rules string) string {
	return fmt.Sprintf(`{apiVersion: policy.networking.k8s.io/v1alpha1, kind: %s, metadata: {name: %s}, spec: {%s subject: {%s}, %s}}`, kind, name, head, teamRed, rules)
}

const (
	teamRed  = `namespaces: {matchLabels: {team: red}}`
	fromBlue = `from: [{namespaces: {matchLabels: {team: blue}}}]`
	fromPods = `from: [{namespaces: {}}]`
	client   = `{pods: {namespaceSelector: {matchLabels: {team: red}}, ` + onlyClient + `}}`
	api      = `{pods: {namespaceSelector: {}, ` + onlyAPI + `}}`
	tcp80    = `protocols: [{tcp: {destinationPort: {number: 80}}}]`
)

var clusterScenes = []scene{
	{"Admin Deny overrides v1", []string{v1("p", `{podSelector: {}, ingress: [{}]}`), cnp("p", "Admin", 1, `ingress: [{action: Deny, `+fromBlue+`, `+tcp80+`}]`)},
		"client>web:80 blue>web:81 blue>web:80/UDP outside>web:80", "blue>web:80 blue>api:80"},
	{"Admin Accept overrides v1", []string{v1("p", `{podSelector: {}}`), cnp("p", "Admin", 1, `ingress: [{action: Accept, `+fromBlue+`, `+tcp80+`}]`)},
		"blue>web:80", "blue>web:81 client>web:80 outside>web:80"},
	{"Pass leaves it to v1", []string{v1("p", `{`+onlyWeb+`, ingress: [{from: [{`+teamBlue+`}]}]}`),
		cnp("p", "Admin", 1, `ingress: [{action: Pass, `+fromBlue+`}]`), cnp("q", "Admin", 2, `ingress: [{action: Deny, `+fromPods+`}]`)},
		"blue>web:80 blue>api:80 outside>api:80", "client>web:80 client>api:80 outside>web:80"},
	{"Baseline under v1", []string{v1("p", `{`+onlyWeb+`, ingress: [{from: [{`+onlyClient+`}]}]}`), cnp("p", "Baseline", 1, `ingress: [{action: Deny, `+fromPods+`}]`)},
		"client>web:80 outside>api:80", "blue>web:80 client>api:80 blue>api:80"},
	{"priorities", []string{cnp("a", "Admin", 10, `ingress: [{action: Deny, from: [`+client+`]}]`), cnp("b", "Admin", 5, `ingress: [{action: Accept, from: [`+client+`], `+tcp80+`}]`)},
		"client>web:80 client>api:80 blue>web:81", "client>web:81 client>api:8080"},
	{"the order of rules", []string{cnp("p", "Admin", 1, `ingress: [{action: Accept, from: [`+client+`], `+tcp80+`}, {action: Deny, `+fromPods+`}]`)},
		"client>web:80", "client>web:81 blue>web:80"},
	{"nodes", []string{cnp("p", "Admin", 1, `egress: [{action: Accept, to: [{nodes: {matchLabels: {kubernetes.io/hostname: node2}}}], `+tcp80+`}, {action: Deny, to: [{nodes: {}}]}]`)},
		"client>node2:80 web>outside:80 client>api:80 node1>client:80 node2>client:80", "client>node1:80 client>node2:81 api>node1:81"},
	{"networks", []string{cnp("p", "Admin", 1, `egress: [{action: Deny, to: [{networks: [$api4/32, "$api6/128", $outside4/32, "$outside6/128"]}]}]`)},
		"client>web:80 client>node1:80 outside>web:80", "client>api:80 client>outside:80 web>outside:80/UDP"},
	{"named ports", []string{cnp("p", "Admin", 1, `ingress: [{action: Deny, from: [`+client+`], protocols: [{destinationNamedPort: http}]}]`)},
		"client>web:8080 client>api:80 blue>web:80 client>web:80/UDP", "client>web:80 client>api:8080"},
	{"named ports of egress", []string{cnp("p", "Admin", 1, `egress: [{action: Deny, to: [{namespaces: {}}], protocols: [{destinationNamedPort: http}]}]`)},
		"client>web:8080 client>api:80 blue>web:80 client>outside:80", "client>web:80 client>api:8080"},
	{"ranges", []string{cnp("p", "Admin", 1, `ingress: [{action: Deny, `+fromPods+`, protocols: [{tcp: {destinationPort: {range: {start: 81, end: 8079}}}}, {udp: {destinationPort: {range: {start: 1, end: 65535}}}}]}]`)},
		"client>web:80 client>web:8080 outside>web:82", "client>web:81 client>web:82 blue>web:82 client>web:80/UDP"},
	{"AdminNetworkPolicy and BaselineAdminNetworkPolicy", []string{
		older("AdminNetworkPolicy", "p", "priority: 3,", `ingress: [{action: Allow, `+fromBlue+`, ports: [{portNumber: {protocol: TCP, port: 80}}]}, {action: Deny, `+fromBlue+`}]`),
		older("BaselineAdminNetworkPolicy", "default", "", `ingress: [{action: Deny, from: [`+api+`, `+client+`], ports: [{portRange: {start: 80, end: 81}}]}]`),
		v1("p", `{`+onlyWeb+`, ingress: [{from: [{`+onlyClient+`}]}]}`)},
		"blue>web:80 blue>api:80 client>web:80 client>api:82", "blue>web:81 blue>api:81 client>api:80 api>client:81 api>web:82"},
}

// testDomainNames: such a rule matches nothing, and condition and Event say so; the policy's other rules hold.
func (s *stage) testDomainNames(t *testing.T) {
	s.expect(t, "client>web:80 client>outside:80 client>api:80", "")
	s.apply(t, cnp("domains", "Admin", 1, `egress: [{action: Accept, to: [{domainNames: [example.com]}]}, {action: Deny, to: [`+api+`, {networks: [$outside4/32, "$outside6/128"]}]}]`))
	s.expect(t, "client>web:80", "client>outside:80 client>api:80")
	c := s.condition(t, "ClusterNetworkPolicy", "domains", "PartiallyInvalid", 1)
	if c.Status != metav1.ConditionTrue || c.Reason != "UnsupportedDomainNames" || !strings.Contains(c.Message, "spec.egress[0].to[0].domainNames") {
		t.Errorf("condition %+v", c)
	}
	if c := s.condition(t, "ClusterNetworkPolicy", "domains", "Accepted", 1); c.Status != metav1.ConditionTrue {
		t.Errorf("condition %+v", c)
	}
	eventually(t, "an Event says so", func(ctx context.Context) error {
		list, err := s.client.CoreV1().Events("default").List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.kind=ClusterNetworkPolicy,involvedObject.name=domains"})
		if err != nil {
			return err
		}
		for _, e := range list.Items {
			if strings.Contains(e.Message, "spec.egress[0].to[0].domainNames") {
				return nil
			}
		}
		return fmt.Errorf("there are %d others", len(list.Items))
	})
}

// condition waits until a condition has been written for a generation.
func (s *stage) condition(t *testing.T, kind, name, condition string, generation int64) metav1.Condition {
	t.Helper()
	version := "v1alpha1"
	if kind == "ClusterNetworkPolicy" {
		version = "v1alpha2"
	}
	var found metav1.Condition
	eventually(t, fmt.Sprintf("%s %s has condition %s at generation %d", kind, name, condition, generation), func(ctx context.Context) error {
		o, err := s.dynamic.Resource(resources["policy.networking.k8s.io/"+version+" "+kind]).Get(ctx, name, metav1.GetOptions{})
		if err != nil {
			return err
		}
		var read struct {
			Status struct {
				Conditions []metav1.Condition `json:"conditions"`
			} `json:"status"`
		}
		if err := runtime.DefaultUnstructuredConverter.FromUnstructured(o.Object, &read); err != nil {
			return err
		}
		for _, found = range read.Status.Conditions {
			if found.Type == condition && found.ObservedGeneration == generation {
				return nil
			}
		}
		return fmt.Errorf("its conditions are %+v", read.Status.Conditions)
	})
	return found
}

// testConditions: the status of all three kinds follows the object.
func (s *stage) testConditions(t *testing.T) {
	rule := `egress: [{action: Deny, to: [{networks: [203.0.113.0/24]}]}]`
	objects := []string{cnp("p", "Baseline", 1, rule), older("AdminNetworkPolicy", "p", "priority: 1,", rule), older("BaselineAdminNetworkPolicy", "default", "", rule)}
	s.apply(t, objects...)
	for _, text := range objects {
		o := s.parse(t, text)
		for kind, want := range map[string]metav1.ConditionStatus{"Accepted": metav1.ConditionTrue, "PartiallyInvalid": metav1.ConditionFalse} {
			if c := s.condition(t, o.GetKind(), o.GetName(), kind, 1); c.Status != want {
				t.Errorf("%s: condition %+v, want %s", o.GetKind(), c, want)
			}
		}
		patch := []byte(`{"spec": {"egress": [{"action": "Deny", "to": [{"nodes": {}}]}]}}`)
		_, err := s.of(t, o).Patch(t.Context(), o.GetName(), types.MergePatchType, patch, metav1.PatchOptions{})
		must(t, err)
		s.condition(t, o.GetKind(), o.GetName(), "Accepted", 2)
	}
}

// testUnknownPeers stores policies that have a kind of peer which this version does not know, as a newer definition lets them. They fail closed
// while the definition keeps the field, and when an older one prunes it.
func (s *stage) testUnknownPeers(t *testing.T) {
	s.expect(t, "client>web:80 client>api:80 blue>web:80", "")
	restore := s.loosen(t, clusterPolicies)
	s.apply(t,
		cnp("deny", "Admin", 2, `ingress: [{action: Deny, from: [{zones: [a]}]}]`),
		cnp("accept", "Admin", 1, `ingress: [{action: Accept, from: [`+client+`, {zones: [a]}], `+tcp80+`}]`))
	closed := "client>web:80 client>api:80 blue>web:80"
	s.expect(t, "web>blue:80", closed)
	if c := s.condition(t, "ClusterNetworkPolicy", "deny", "PartiallyInvalid", 1); c.Status != metav1.ConditionTrue || !strings.Contains(c.Message, "spec.ingress[0]") {
		t.Errorf("condition %+v", c)
	}
	restore()
	eventually(t, "the field is pruned", func(ctx context.Context) error {
		o := s.parse(t, cnp("deny", "Admin", 2, ""))
		o, err := s.of(t, o).Get(ctx, "deny", metav1.GetOptions{})
		if err != nil || strings.Contains(fmt.Sprint(o.Object), "zones") {
			return fmt.Errorf("error %v, object %v", err, o)
		}
		return nil
	})
	s.expect(t, "web>blue:80", closed)
}

// loosen lets a definition take unknown peers, until restore is called or the test ends.
func (s *stage) loosen(t *testing.T, name string) (restore func()) {
	t.Helper()
	clients, err := clientset.NewForConfig(s.instance.config(t))
	must(t, err)
	definitions := clients.ApiextensionsV1().CustomResourceDefinitions()
	change := func(edit func(*apiextensionsv1.CustomResourceDefinitionSpec)) {
		t.Helper()
		eventually(t, "the definition is changed", func(ctx context.Context) error {
			crd, err := definitions.Get(ctx, name, metav1.GetOptions{})
			if err != nil {
				return err
			}
			edit(&crd.Spec)
			_, err = definitions.Update(ctx, crd, metav1.UpdateOptions{})
			return err
		})
	}
	var before apiextensionsv1.CustomResourceDefinitionSpec
	change(func(spec *apiextensionsv1.CustomResourceDefinitionSpec) {
		before = *spec.DeepCopy()
		rules := spec.Versions[0].Schema.OpenAPIV3Schema.Properties["spec"].Properties["ingress"]
		peers := rules.Items.Schema.Properties["from"]
		peers.Items.Schema.MinProperties, peers.Items.Schema.XPreserveUnknownFields = nil, new(true)
	})
	restored := false
	restore = func() {
		if !restored {
			change(func(spec *apiextensionsv1.CustomResourceDefinitionSpec) { *spec = before })
			restored = true
		}
	}
	t.Cleanup(restore)
	s.awaitLoose(t)
	return restore
}

// awaitLoose returns when the API server takes unknown peers. What it is asked is not stored.
func (s *stage) awaitLoose(t *testing.T) {
	t.Helper()
	o := s.parse(t, cnp("probe", "Admin", 1, `ingress: [{action: Deny, from: [{zones: [a]}]}]`))
	eventually(t, "unknown peers are taken", func(ctx context.Context) error {
		kept, err := s.of(t, o).Create(ctx, o, metav1.CreateOptions{DryRun: []string{metav1.DryRunAll}})
		if err == nil && !strings.Contains(fmt.Sprint(kept.Object), "zones") {
			err = fmt.Errorf("pruned: %v", kept.Object)
		}
		return err
	})
}
