package convert

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// tb is what *testing.T and *rapid.T have in common.
type tb interface {
	Helper()
	Fatalf(format string, args ...any)
	Fatal(args ...any)
}

func read(t tb, text string) *manifest.World {
	t.Helper()
	w, err := manifest.Read([]string{"-"}, strings.NewReader(text))
	if err != nil {
		t.Fatalf("read: %v\n%s", err, text)
	}
	return w
}

// manifests writes objects as YAML documents.
func manifests(t tb, objects []map[string]any) string {
	t.Helper()
	var b bytes.Buffer
	for _, o := range objects {
		data, err := yaml.Marshal(o)
		if err != nil {
			t.Fatal(err)
		}
		b.WriteString("---\n")
		b.Write(data)
	}
	return b.String()
}

// drawer draws manifests.
type drawer struct{ t *rapid.T }

func (d drawer) pick(name string, of ...string) string { return rapid.SampledFrom(of).Draw(d.t, name) }

func (d drawer) chance(name string, outOf int) bool {
	return rapid.IntRange(1, outOf).Draw(d.t, name) == 1
}

func (d drawer) labels() map[string]any {
	labels := map[string]any{}
	for _, key := range []string{"k", "l"} {
		if v := d.pick(key, "", "", "x", "y"); v != "" {
			labels[key] = v
		}
	}
	return labels
}

func object(apiVersion, kind, namespace, name string, meta, spec map[string]any) map[string]any {
	all := map[string]any{"name": name}
	if namespace != "" {
		all["namespace"] = namespace
	}
	for key, value := range meta {
		all[key] = value
	}
	o := map[string]any{"apiVersion": apiVersion, "kind": kind, "metadata": all}
	if spec != nil {
		o["spec"] = spec
	}
	return o
}

const annotation = "net.alpha.kubernetes.io/network-isolation"

// cluster draws namespaces and pods.
func (d drawer) cluster() []map[string]any {
	var objects []map[string]any
	for _, name := range []string{"a", "b"} {
		meta := map[string]any{"labels": d.labels()}
		if value := d.pick("isolation", "on", "on", "off", "maybe"); value != "off" || d.chance("written", 2) {
			meta["annotations"] = map[string]any{annotation: value}
		}
		objects = append(objects, object("v1", "Namespace", "", name, meta, nil))
	}
	for i := range rapid.IntRange(0, 4).Draw(d.t, "pods") {
		ports := []any{}
		for number, name := range map[int]string{80: "web", 81: "db"} {
			if d.chance("named port", 2) {
				ports = append(ports, map[string]any{"name": name, "containerPort": number})
			}
		}
		objects = append(objects, object("v1", "Pod", d.pick("namespace", "a", "b"), fmt.Sprintf("p%d", i), map[string]any{"labels": d.labels()},
			map[string]any{"containers": []any{map[string]any{"name": "c", "ports": ports}}}))
	}
	return objects
}

// alpha draws a policy of the alpha API: every field absent, empty or filled.
func (d drawer) alpha(i int) map[string]any {
	spec := map[string]any{}
	if d.chance("subject", 2) {
		spec["podSelector"] = d.labels()
	}
	if !d.chance("allows nothing", 6) {
		allow := map[string]any{}
		if from := d.alphaFrom(); from != nil {
			allow["from"] = from
		}
		if ports := d.alphaPorts(); ports != nil {
			allow["toPorts"] = ports
		}
		spec["allowIncoming"] = allow
	}
	return object("net.alpha.kubernetes.io/v1alpha1", "NetworkPolicy", d.pick("namespace", "a", "b"), fmt.Sprintf("alpha%d", i),
		map[string]any{"labels": map[string]any{"kept": "yes"}}, spec)
}

func (d drawer) alphaFrom() []any {
	if d.chance("everybody", 4) {
		return nil
	}
	from := []any{}
	for range rapid.IntRange(0, 2).Draw(d.t, "from") {
		entry := map[string]any{}
		if d.chance("pods", 2) {
			entry["pods"] = d.labels()
		}
		if d.chance("namespaces", 2) {
			entry["namespaces"] = d.labels()
		}
		from = append(from, entry) // one with neither matches nothing
	}
	return from
}

func (d drawer) alphaPorts() []any {
	if d.chance("every port", 3) {
		return nil
	}
	ports := []any{}
	for range rapid.IntRange(0, 2).Draw(d.t, "ports") {
		port := map[string]any{}
		switch rapid.IntRange(0, 2).Draw(d.t, "port") {
		case 0:
			port["port"] = rapid.SampledFrom([]int{1, 80, 65535}).Draw(d.t, "number")
		case 1:
			port["port"] = d.pick("name", "web", "db", "none")
		}
		if p := d.pick("protocol", "", "TCP", "udp", "Sctp"); p != "" {
			port["protocol"] = p
		}
		ports = append(ports, port)
	}
	return ports
}

// egress draws a v1 policy that isolates for egress, and now and then for ingress too.
func (d drawer) egress(i int) map[string]any {
	var rules []any
	for range rapid.IntRange(0, 2).Draw(d.t, "rules") {
		rule := map[string]any{}
		ports, named := d.v1Ports()
		if ports != nil {
			rule["ports"] = ports
		}
		if !d.chance("everybody", 3) {
			to := []any{}
			for range rapid.IntRange(1, 2).Draw(d.t, "to") {
				to = append(to, d.v1Peer(named))
			}
			rule["to"] = to
		}
		rules = append(rules, rule)
	}
	spec := map[string]any{"podSelector": d.selector(), "policyTypes": []any{"Egress"}}
	if rules != nil {
		spec["egress"] = rules
	}
	if d.chance("ingress too", 3) {
		spec["policyTypes"] = []any{"Egress", "Ingress"}
		spec["ingress"] = []any{map[string]any{"from": []any{d.v1Peer(false)}}}
	}
	return object("networking.k8s.io/v1", "NetworkPolicy", d.pick("namespace", "a", "b"), fmt.Sprintf("egress%d", i), nil, spec)
}

func (d drawer) v1Ports() (ports []any, named bool) {
	if d.chance("every port", 3) {
		return nil, false
	}
	most := 2
	if d.chance("more than a list takes", 10) {
		most = 2 * maxItems
	}
	for range rapid.IntRange(1, most).Draw(d.t, "ports") {
		port := map[string]any{"protocol": d.pick("protocol", "TCP", "UDP", "SCTP")}
		switch rapid.IntRange(0, 3).Draw(d.t, "port") {
		case 0:
			port["port"] = rapid.SampledFrom([]int{1, 80, 65535}).Draw(d.t, "number")
		case 1:
			port["port"], port["endPort"] = 80, rapid.SampledFrom([]int{80, 81, 65535}).Draw(d.t, "end")
		case 2:
			// The new API does not say the protocol of a name.
			port["port"], port["protocol"], named = d.pick("name", "web", "db"), "TCP", true
		}
		ports = append(ports, port)
	}
	return ports, named
}

func (d drawer) v1Peer(named bool) map[string]any {
	peer := map[string]any{}
	if !named && d.chance("network", 2) {
		block := map[string]any{"cidr": d.pick("cidr", "0.0.0.0/0", "10.244.0.0/17", "198.18.0.0/24")}
		if d.chance("except", 2) {
			block["except"] = []any{"198.18.0.3/32"}
			block["cidr"] = "0.0.0.0/0"
		}
		return map[string]any{"ipBlock": block}
	}
	if d.chance("pods", 2) {
		peer["podSelector"] = d.selector()
	}
	if len(peer) == 0 || d.chance("namespaces", 2) {
		peer["namespaceSelector"] = d.selector()
	}
	return peer
}

func (d drawer) selector() map[string]any {
	if d.chance("expression", 3) {
		return map[string]any{"matchExpressions": []any{
			rapid.SampledFrom([]map[string]any{
				{"key": "k", "operator": "In", "values": []any{"x", "y"}}, {"key": "k", "operator": "NotIn", "values": []any{"x"}},
				{"key": "l", "operator": "Exists"}, {"key": "l", "operator": "DoesNotExist"},
			}).Draw(d.t, "requirement"),
		}}
	}
	if labels := d.labels(); len(labels) > 0 {
		return map[string]any{"matchLabels": labels}
	}
	return map[string]any{}
}

func TestAlphaMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawer{t}
		objects := d.cluster()
		for i := range rapid.IntRange(0, 4).Draw(t, "policies") {
			objects = append(objects, d.alpha(i))
		}
		if d.chance("beside v1", 3) {
			objects = append(objects, d.egress(0))
		}
		text := manifests(t, objects)
		w := read(t, text)
		r := ToV1(w)
		if len(r.Refused) > 0 {
			t.Fatalf("refused: %v\n%s", r.Refused, text)
		}
		if err := r.Prove(w); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
	})
}

func TestEgressMeansTheSame(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		d := drawer{t}
		objects := d.cluster()
		for i := range rapid.IntRange(1, 4).Draw(t, "policies") {
			objects = append(objects, d.egress(i))
		}
		text := manifests(t, objects)
		w := read(t, text)
		r := ToClusterNetworkPolicy(w, true)
		if len(r.Refused) > 0 {
			t.Fatalf("refused: %v\n%s", r.Refused, text)
		}
		if err := r.Prove(w); err != nil {
			t.Fatalf("%v\n%s", err, text)
		}
		for _, o := range r.Objects {
			switch p := o.(type) {
			case *v1alpha2.ClusterNetworkPolicy:
				checkLimits(t, p)
			case *networkingv1.NetworkPolicy:
				if len(p.Spec.Egress) > 0 || !slices.Equal(p.Spec.PolicyTypes, []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}) {
					t.Errorf("what stays of %s is about egress: %v", p.Name, p.Spec)
				}
			}
		}
	})
}

// checkLimits compares the lengths of lists with the markers of the API's types.
func checkLimits(t *rapid.T, p *v1alpha2.ClusterNetworkPolicy) {
	lengths := []int{len(p.Spec.Egress)}
	for _, rule := range p.Spec.Egress {
		lengths = append(lengths, len(rule.To), len(rule.Protocols))
		for _, to := range rule.To {
			lengths = append(lengths, len(to.Networks))
		}
	}
	if longest := slices.Max(lengths); longest > 25 {
		t.Errorf("%s has a list of %d items", p.Name, longest)
	}
}

const isolated = `
apiVersion: v1
kind: Namespace
metadata: {name: a, annotations: {net.alpha.kubernetes.io/network-isolation: "on"}}
---
apiVersion: net.alpha.kubernetes.io/v1alpha1
kind: NetworkPolicy
metadata: {name: p, namespace: a}
spec:
  podSelector: {app: web}
  allowIncoming: {from: [{pods: {app: front}, namespaces: {team: x}}, {pods: {app: back}}], toPorts: [{port: 80}, {port: http, protocol: udp}]}
`

// A conversion that is wrong in any way is noticed, also where the manifests hold no pod.
func TestProveNoticesAlpha(t *testing.T) {
	number := int32(81)
	tests := map[string]func(np *networkingv1.NetworkPolicy){
		"ports dropped":               func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].Ports = nil },
		"one port dropped":            func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].Ports = np.Spec.Ingress[0].Ports[:1] },
		"protocol dropped":            func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].Ports[1].Protocol = nil },
		"end of range":                func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].Ports[0].EndPort = &number },
		"peers dropped":               func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].From = nil },
		"one peer dropped":            func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].From = np.Spec.Ingress[0].From[:1] },
		"peer of every namespace":     func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].From[0].NamespaceSelector.MatchLabels = nil },
		"peer of the own namespace":   func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].From[0].NamespaceSelector = nil },
		"every pod of the namespaces": func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress[0].From[0].PodSelector = nil },
		"subject widened":             func(np *networkingv1.NetworkPolicy) { np.Spec.PodSelector = metav1.LabelSelector{} },
		"rule dropped":                func(np *networkingv1.NetworkPolicy) { np.Spec.Ingress = nil },
		"egress isolated too": func(np *networkingv1.NetworkPolicy) {
			np.Spec.PolicyTypes = append(np.Spec.PolicyTypes, networkingv1.PolicyTypeEgress)
		},
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := read(t, isolated)
			r := ToV1(w)
			if err := r.Prove(w); err != nil {
				t.Fatalf("before it is spoilt: %v", err)
			}
			spoil(r.Objects[1].(*networkingv1.NetworkPolicy))
			if err := r.Prove(w); err == nil {
				t.Error("not noticed")
			}
		})
	}
	t.Run("isolation dropped", func(t *testing.T) {
		w := read(t, isolated)
		r := ToV1(w)
		r.Objects = r.Objects[1:]
		if err := r.Prove(w); err == nil || !strings.Contains(err.Error(), "isolation") {
			t.Errorf("got %v", err)
		}
	})
}

const egress = `
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: p, namespace: a}
spec:
  podSelector: {matchLabels: {app: web}}
  policyTypes: [Egress]
  egress:
  - to: [{podSelector: {matchLabels: {app: db}}}]
    ports: [{port: 80, endPort: 90}]
  - to: [{ipBlock: {cidr: 203.0.113.0/24, except: [203.0.113.128/25]}}]
`

func TestProveNoticesCluster(t *testing.T) {
	tests := map[string]func(accept, deny *v1alpha2.ClusterNetworkPolicy){
		"deny dropped": func(_, deny *v1alpha2.ClusterNetworkPolicy) {
			deny.Spec.Egress[0].To[0].Networks = []v1alpha2.CIDR{"0.0.0.0/0"}
		},
		"deny first": func(accept, deny *v1alpha2.ClusterNetworkPolicy) { deny.Spec.Priority = accept.Spec.Priority - 1 },
		"range shorter": func(accept, _ *v1alpha2.ClusterNetworkPolicy) {
			accept.Spec.Egress[0].Protocols[0].TCP.DestinationPort.Range.End--
		},
		"exception ignored": func(accept, _ *v1alpha2.ClusterNetworkPolicy) {
			accept.Spec.Egress[1].To[0].Networks = []v1alpha2.CIDR{"203.0.113.0/24"}
		},
		"every namespace": func(accept, _ *v1alpha2.ClusterNetworkPolicy) {
			accept.Spec.Egress[0].To[0].Pods.NamespaceSelector = metav1.LabelSelector{}
		},
		"other subject": func(accept, _ *v1alpha2.ClusterNetworkPolicy) {
			accept.Spec.Subject.Pods.PodSelector = metav1.LabelSelector{}
			accept.Spec.Egress[0].Action = v1alpha2.ClusterNetworkPolicyRuleActionDeny
		},
		"not valid": func(accept, _ *v1alpha2.ClusterNetworkPolicy) { accept.Spec.Egress[0].Protocols[0].TCP = nil },
	}
	for name, spoil := range tests {
		t.Run(name, func(t *testing.T) {
			w := read(t, egress)
			r := ToClusterNetworkPolicy(w, false)
			if err := r.Prove(w); err != nil {
				t.Fatalf("before it is spoilt: %v", err)
			}
			spoil(r.Objects[0].(*v1alpha2.ClusterNetworkPolicy), r.Objects[1].(*v1alpha2.ClusterNetworkPolicy))
			if err := r.Prove(w); err == nil {
				t.Error("not noticed")
			}
		})
	}
}
