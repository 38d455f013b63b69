package policy

import (
	"net/netip"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/yaml"
)

// The example of two tenants: tenant-a is isolated, pol1 lets its frontend reach its backend, pol2 is of networking.k8s.io/v1.
func exampleSet(t *testing.T, more ...*Policy) *Set {
	t.Helper()
	annotated := &corev1.Namespace{}
	annotated.Name, annotated.Labels = "tenant-a", map[string]string{"team": "a"}
	annotated.Annotations = map[string]string{IsolationAnnotation: "on"}
	plain := &corev1.Namespace{}
	plain.Name, plain.Labels = "tenant-b", map[string]string{"team": "b"}
	policies := append(more,
		alphaPolicy(t, "tenant-a", "pol1", `{podSelector: {segment: backend}, allowIncoming: {from: [{pods: {segment: frontend}}], toPorts: [{port: 80}]}}`),
		v1Policy(t, "tenant-b", "locked", `{podSelector: {matchLabels: {segment: vault}}, policyTypes: [Ingress, Egress],
			ingress: [{from: [{namespaceSelector: {matchLabels: {team: a}}}], ports: [{port: web}]}],
			egress: [{to: [{namespaceSelector: {}, podSelector: {matchLabels: {segment: backend}}}], ports: [{port: web}]}]}`),
		// Not in effect: its namespace is not isolated.
		alphaPolicy(t, "tenant-b", "idle", `{allowIncoming: {}}`),
	)
	return NewSet([]*Namespace{FromNamespace(annotated), FromNamespace(plain)}, nil, policies)
}

func alphaPolicy(t *testing.T, namespace, name, spec string) *Policy {
	t.Helper()
	object := map[string]any{}
	if err := yaml.Unmarshal([]byte("spec: "+spec), &object); err != nil {
		t.Fatalf("read policy: %v", err)
	}
	object["metadata"] = map[string]any{"namespace": namespace, "name": name}
	return FromAlphaObject(object)
}

func v1Policy(t *testing.T, namespace, name, spec string) *Policy {
	t.Helper()
	np := &networkingv1.NetworkPolicy{}
	np.Namespace, np.Name = namespace, name
	if err := yaml.UnmarshalStrict([]byte(spec), &np.Spec); err != nil {
		t.Fatalf("read policy: %v", err)
	}
	return FromNetworkPolicy(np)
}

func pod(namespace, name string, ports ...NamedPort) *Pod {
	segment, _, _ := strings.Cut(name, "-")
	return &Pod{Namespace: namespace, Name: name, Labels: map[string]string{"segment": segment}, Node: "n1", Ports: ports}
}

func TestEvaluate(t *testing.T) {
	web := NamedPort{Name: "web", Protocol: TCP, Number: 8080}
	frontend, backend, vault := pod("tenant-a", "frontend"), pod("tenant-a", "backend", web), pod("tenant-b", "vault", web)
	outsider, stranger := pod("tenant-b", "outsider"), pod("tenant-c", "stranger")
	host := &Pod{Namespace: "tenant-b", Name: "host", HostNetwork: true, Node: "n1", Labels: frontend.Labels, Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.7")}}
	elsewhere := *host
	elsewhere.Node = "n2"
	out := OutsideEnd(netip.MustParseAddr("192.0.2.1"))
	for _, test := range []struct {
		name     string
		from, to End
		protocol Protocol
		port     uint16
		want     string
	}{
		{"allowed", PodEnd(frontend), PodEnd(backend), TCP, 80, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about TCP 80 to tenant-a/backend
Accepted: ingress of tenant-a/backend: alpha NetworkPolicy tenant-a/pol1 rule 0, tier NetworkPolicy, decides about TCP 80 from tenant-a/frontend`},
		{"wrong port", PodEnd(frontend), PodEnd(backend), TCP, 81, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about TCP 81 to tenant-a/backend
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 81 ` +
			`from tenant-a/frontend; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but this was TCP 81`},
		{"wrong protocol", PodEnd(frontend), PodEnd(backend), OtherProtocols, 0, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about what is neither TCP nor UDP nor SCTP to tenant-a/backend
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows what is ` +
			`neither TCP nor UDP nor SCTP from tenant-a/frontend; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`this was what is neither TCP nor UDP nor SCTP`},
		{"wrong namespace", PodEnd(outsider), PodEnd(backend), TCP, 80, `
Accepted: egress of tenant-b/outsider is not isolated and no rule is about TCP 80 to tenant-a/backend
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 ` +
			`from tenant-b/outsider; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`tenant-b/outsider is not in namespace tenant-a, and the pod needs segment=frontend, has segment=outsider`},
		{"another pod of the namespace is meant", PodEnd(frontend), PodEnd(pod("tenant-a", "cache")), TCP, 80, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about TCP 80 to tenant-a/cache
Denied: ingress of tenant-a/cache is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 ` +
			`from tenant-a/frontend; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`it is about other pods: tenant-a/cache needs segment=backend, has segment=cache`},
		{"from outside", out, PodEnd(backend), TCP, 80, `
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 ` +
			`from 192.0.2.1; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`192.0.2.1 is no pod`},
		{"not isolated", PodEnd(frontend), PodEnd(outsider), UDP, 53, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about UDP 53 to tenant-b/outsider
Accepted: ingress of tenant-b/outsider is not isolated and no rule is about UDP 53 from tenant-a/frontend`},
		{"a named port of the destination, ingress", PodEnd(frontend), PodEnd(vault), TCP, 8080, `
Accepted: egress of tenant-a/frontend is not isolated and no rule is about TCP 8080 to tenant-b/vault
Accepted: ingress of tenant-b/vault: NetworkPolicy tenant-b/locked rule 0, tier NetworkPolicy, decides about TCP 8080 from tenant-a/frontend`},
		{"a named port of the destination, egress", PodEnd(vault), PodEnd(backend), TCP, 8080, `
Accepted: egress of tenant-b/vault: NetworkPolicy tenant-b/locked rule 0, tier NetworkPolicy, decides about TCP 8080 to tenant-a/backend
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 8080 ` +
			`from tenant-b/vault; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`tenant-b/vault is not in namespace tenant-a, and the pod needs segment=frontend, has segment=vault, and this was TCP 8080`},
		{"the destination has no such port", PodEnd(vault), PodEnd(pod("tenant-a", "backend")), TCP, 80, `
Denied: egress of tenant-b/vault is isolated by NetworkPolicy tenant-b/locked and no policy allows TCP 80 to tenant-a/backend; ` +
			`nearest: NetworkPolicy tenant-b/locked rule 0 accepts TCP "web" to pods with segment=backend of every namespace, but this was TCP 80, and tenant-a/backend has no TCP port named "web"
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 ` +
			`from tenant-b/vault; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`tenant-b/vault is not in namespace tenant-a, and the pod needs segment=frontend, has segment=vault`},
		{"the node", End{Place: OnNode}, PodEnd(backend), TCP, 80, `
Accepted: ingress of tenant-a/backend: a node always reaches its own pods, also with TCP 80 from the node`},
		{"a pod in the node's network is the node to pods there", PodEnd(host), PodEnd(backend), TCP, 81, `
Accepted: ingress of tenant-a/backend: a node always reaches its own pods, also with TCP 81 from the node`},
		{"and a foreign address to others, whatever its labels", PodEnd(&elsewhere), PodEnd(backend), TCP, 80, `
Denied: ingress of tenant-a/backend is isolated by namespace tenant-a (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 ` +
			`from 192.0.2.7; nearest: alpha NetworkPolicy tenant-a/pol1 rule 0 accepts TCP 80 from pods with segment=frontend of namespace tenant-a, but ` +
			`tenant-b/host is in the network of its node, and no selector of pods matches such a pod`},
		{"itself", PodEnd(vault), PodEnd(vault), TCP, 9, `
Accepted: tenant-b/vault reaches itself, whatever the policies`},
		{"an unknown pod", End{Place: Unknown, Address: netip.MustParseAddr("10.244.1.9")}, PodEnd(vault), TCP, 8080, `
Denied: ingress of tenant-b/vault is isolated by NetworkPolicy tenant-b/locked and no policy allows TCP 8080 from the unknown pod address 10.244.1.9; ` +
			`nearest: NetworkPolicy tenant-b/locked rule 0 accepts TCP "web" from every pod of namespaces with team=a, ` +
			`but no peer can accept the unknown pod address 10.244.1.9`},
		{"a pod whose namespace is not known", PodEnd(stranger), PodEnd(vault), TCP, 9, `
Denied: ingress of tenant-b/vault is isolated by NetworkPolicy tenant-b/locked and no policy allows TCP 9 from the unknown pod address (unspecified); ` +
			`nearest: NetworkPolicy tenant-b/locked rule 0 accepts TCP "web" from every pod of namespaces with team=a, but no peer can accept the unknown pod address (unspecified), ` +
			`and this was TCP 9, and "web" of tenant-b/vault is 8080`},
		{"no pod at all", out, End{Place: OnNode}, TCP, 80, `
Accepted: no policy looks at TCP 80 from 192.0.2.1 to the node, because neither end is a pod`},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Evaluate(exampleSet(t), Flow{Source: test.from, Destination: test.to, Protocol: test.protocol, Port: test.port})
			if diff := cmp.Diff(strings.TrimSpace(test.want), d.String()); diff != "" {
				t.Errorf("decision (-want +got):\n%s", diff)
			}
			if denied := strings.Contains(test.want, "Denied"); denied != (d.Action() == Deny) {
				t.Errorf("Action() = %v", d.Action())
			}
		})
	}
}

func TestEvaluateClosedAddresses(t *testing.T) {
	set := exampleSet(t)
	address := netip.MustParseAddr("10.244.0.9")
	ends := map[string]End{
		"pod": PodEnd(pod("tenant-b", "outsider")), "node": {Place: OnNode}, "outside": OutsideEnd(netip.MustParseAddr("192.0.2.1")),
		"unattached": {Place: Unattached, Address: address}, "disputed": {Place: InDispute, Address: address},
	}
	for from, source := range ends {
		for to, destination := range ends {
			want := Accept
			nodeTraffic := from == "node" || to == "node"
			if from == "disputed" || to == "disputed" || (from == "unattached" || to == "unattached") && !nodeTraffic {
				want = Deny
			}
			if got := Evaluate(set, Flow{Source: source, Destination: destination, Protocol: TCP, Port: 80}); got.Action() != want {
				t.Errorf("from %s to %s: got %v, want %v", from, to, got, want)
			}
		}
	}
}

func TestEvaluateTiers(t *testing.T) {
	everything := PodSelector{Namespaces: Everything(), Pods: Everything()}
	tiered := func(tier Tier, priority int32, name string, actions ...Action) *Policy {
		p := &Policy{Ref: Ref{Kind: "test", Name: name}, Tier: tier, Priority: priority, Subject: everything}
		for i, a := range actions {
			p.Rules[Ingress] = append(p.Rules[Ingress], Rule{Action: a, Index: i})
		}
		return p
	}
	backend, vault := pod("tenant-a", "backend"), pod("tenant-b", "outsider")
	for _, test := range []struct {
		name     string
		policies []*Policy
		to       *Pod
		want     Reason
	}{
		{"admin before isolation", []*Policy{tiered(Admin, 1, "x", Accept)}, backend, Reason{Action: Accept, Cause: CauseRule, Tier: Admin, Policy: Ref{Kind: "test", Name: "x"}}},
		{"the lower priority first", []*Policy{tiered(Admin, 2, "x", Accept), tiered(Admin, 1, "y", Deny)}, backend, Reason{Action: Deny, Cause: CauseRule, Tier: Admin, Policy: Ref{Kind: "test", Name: "y"}}},
		{"pass leaves the tier", []*Policy{tiered(Admin, 1, "x", Pass, Accept), tiered(Baseline, 1, "y", Deny)}, vault, Reason{Action: Deny, Cause: CauseRule, Tier: Baseline, Policy: Ref{Kind: "test", Name: "y"}}},
		{"isolation before baseline", []*Policy{tiered(Baseline, 1, "y", Accept)}, backend,
			Reason{Action: Deny, Cause: CauseIsolated, Tier: NetworkPolicy, Isolating: []Ref{{Kind: KindNamespaceIsolation, Namespace: "tenant-a", Name: "on"}}}},
		{"nothing decides", []*Policy{tiered(Baseline, 1, "y", Pass)}, vault, Reason{Action: Accept, Cause: CauseNotIsolated}},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Evaluate(exampleSet(t, test.policies...), Flow{Source: PodEnd(pod("tenant-b", "frontend")), Destination: PodEnd(test.to), Protocol: TCP, Port: 9})
			if diff := cmp.Diff(test.want, d.Ingress.Reason); diff != "" {
				t.Errorf("reason (-want +got):\n%s", diff)
			}
		})
	}
}
