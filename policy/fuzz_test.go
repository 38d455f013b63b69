package policy

import (
	"encoding/json"
	"net/netip"
	"slices"
	"strings"
	"testing"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"
)

// What a policy is made of must be well formed, whatever it was made from.
func checkConverted(t *testing.T, p *Policy) {
	t.Helper()
	for _, d := range Directions {
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			if rule.Index != i || !strings.HasPrefix(rule.Field, "spec.") {
				t.Errorf("%v rule %d: index %d, field %q", d, i, rule.Index, rule.Field)
			}
			for _, port := range rule.Ports {
				checkPort(t, rule, port)
			}
			for _, peer := range rule.Peers {
				checkPeer(t, rule, peer)
			}
		}
	}
	for _, problem := range p.Problems {
		if problem.Message == "" {
			t.Errorf("a problem without words: %+v", problem)
		}
	}
}

func checkPort(t *testing.T, rule *Rule, port Port) {
	t.Helper()
	switch {
	case port.Protocol == OtherProtocols, port.Number != 0 && port.Name != "", port.End != 0 && port.End < port.Number, port.End != 0 && port.Number == 0,
		!strings.HasPrefix(port.Field, rule.Field+"."):
		t.Errorf("%s: malformed port %+v", rule.Field, port)
	}
}

func checkPeer(t *testing.T, rule *Rule, peer Peer) {
	t.Helper()
	if count(peer.Pods != nil, peer.Network != nil, peer.Nodes != nil) > 1 {
		t.Errorf("%s: more than one kind of peer: %+v", rule.Field, peer)
	}
	if n := peer.Network; n != nil {
		if !n.CIDR.IsValid() || n.CIDR != n.CIDR.Masked() || n.CIDR.Addr().Is4In6() {
			t.Errorf("%s: malformed network %s", rule.Field, n)
		}
		for _, e := range n.Except {
			if e != e.Masked() || !n.CIDR.Contains(e.Addr()) || e.Bits() <= n.CIDR.Bits() {
				t.Errorf("%s: malformed exception in %s", rule.Field, n)
			}
		}
	}
}

// checkFailsClosed requires that a policy of the whole cluster allows nothing that it would not allow without what is broken in it.
func checkFailsClosed(t *testing.T, p *Policy) {
	t.Helper()
	if len(p.Problems) > maxProblems {
		return // which rules are broken is not listed in full
	}
	sound := *p
	for _, d := range Directions {
		sound.Rules[d] = slices.DeleteFunc(slices.Clone(p.Rules[d]), func(rule Rule) bool {
			return slices.ContainsFunc(p.Problems, func(problem Problem) bool { return strings.HasPrefix(problem.Field, rule.Field+".") })
		})
	}
	policies := []*Policy{&sound}
	if slices.ContainsFunc(p.Problems, func(problem Problem) bool {
		return strings.HasPrefix(problem.Field, "spec.subject") || problem.Field == "spec.tier"
	}) {
		policies = nil
	}
	with, without := fuzzSet(p), fuzzSet(policies...)
	for _, f := range fuzzFlows() {
		if got, most := Evaluate(with, f), Evaluate(without, f); got.Action() == Accept && most.Action() == Deny {
			t.Errorf("in spite of %q:\n%s\nbut without what is broken:\n%s", p.Problem(), got, most)
		}
	}
}

// fuzzPods are an open and an isolated pod in each of two namespaces.
func fuzzPods() []*Pod {
	var pods []*Pod
	for i, namespace := range []string{"a", "b"} {
		for j, app := range []string{"open", "isolated"} {
			pods = append(pods, &Pod{
				Namespace: namespace, Name: app, Labels: map[string]string{"app": app}, Ports: []NamedPort{{"web", TCP, 80}},
				Addresses: []netip.Addr{netip.AddrFrom4([4]byte{10, 0, byte(i), byte(j)})},
			})
		}
	}
	return pods
}

func fuzzSet(policies ...*Policy) *Set {
	var namespaces []*Namespace
	for _, name := range []string{"a", "b"} {
		namespaces = append(namespaces, &Namespace{Name: name, Labels: map[string]string{"ns": name}})
		isolated, _ := SelectLabels(map[string]string{"app": "isolated"})
		policies = append(policies, &Policy{
			Ref: Ref{Kind: KindNetworkPolicy, Namespace: name, Name: "isolation"}, Tier: NetworkPolicy, Isolates: [2]bool{true, true},
			Subject: PodSelector{Namespace: name, Pods: isolated},
		})
	}
	return NewSet(namespaces, []*Node{{Name: "n", Addresses: []netip.Addr{netip.MustParseAddr("192.0.2.1")}}}, policies)
}

func fuzzFlows() []Flow {
	ends := []End{OutsideEnd(netip.MustParseAddr("192.0.2.1")), OutsideEnd(netip.MustParseAddr("192.0.2.2")), {Place: Unknown, Address: netip.MustParseAddr("10.0.9.9")}}
	for _, pod := range fuzzPods() {
		ends = append(ends, PodEnd(pod))
	}
	var flows []Flow
	for _, source := range ends {
		for _, destination := range ends {
			for _, what := range []Flow{{Protocol: TCP, Port: 80}, {Protocol: UDP, Port: 53}, {}} {
				flows = append(flows, Flow{Source: source, Destination: destination, Protocol: what.Protocol, Port: what.Port})
			}
		}
	}
	return flows
}

// seed adds a spec in YAML as JSON.
func seed(f *testing.F, specs ...string) {
	f.Helper()
	for _, spec := range specs {
		data, err := yaml.YAMLToJSON([]byte(spec))
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
}

func FuzzFromNetworkPolicy(f *testing.F) {
	seed(f,
		`{podSelector: {matchLabels: {a: b}}, policyTypes: [Egress], egress: [{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.1.0.0/16]}}], ports: [{port: web}]}]}`,
		`{ingress: [{from: [{podSelector: {}}, {namespaceSelector: {matchExpressions: [{key: a, operator: In, values: [b]}]}}], ports: [{port: 80, endPort: 90}]}]}`,
		`{ingress: [{from: [{ipBlock: {cidr: "::ffff:10.0.0.0/104"}}, {ipBlock: {cidr: 10.0.0.0/8, except: [11.0.0.0/16]}}], ports: [{port: 80, endPort: 79}, {endPort: 1}, {protocol: ICMP}]}]}`,
		`{policyTypes: [Sideways], podSelector: {matchExpressions: [{key: "-", operator: Near}]}, ingress: [{}]}`)
	f.Fuzz(func(t *testing.T, spec []byte) {
		np := &networkingv1.NetworkPolicy{}
		np.Namespace, np.Name = "ns", "p"
		if json.Unmarshal(spec, &np.Spec) != nil {
			return
		}
		p := FromNetworkPolicy(np)
		checkConverted(t, p)
		if p.Subject.Namespace != "ns" {
			t.Errorf("subjects %s: outside the policy's namespace", p.Subject.Words())
		}
		if p.Problem() != "" && len(p.Rules[Ingress])+len(p.Rules[Egress]) > 0 {
			t.Errorf("allows something in spite of %q", p.Problem())
		}
		if !p.Isolates[Ingress] && !p.Isolates[Egress] {
			t.Error("isolates nothing")
		}
	})
}

func FuzzFromAlphaObject(f *testing.F) {
	f.Add([]byte(`{"metadata":{"namespace":"ns","name":"pol1"},"spec":{"podSelector":{"a":"b"},"allowIncoming":{"from":[{"pods":{"a":"b"}},{"namespaces":{}}],"toPorts":[{"port":80,"protocol":"tcp"}]}}}`))
	f.Add([]byte(`{"spec":{"allowIncoming":{"form":[],"from":[{}],"toPorts":[{"port":"web"},{"port":0}]}}}`))
	f.Fuzz(func(t *testing.T, data []byte) {
		var object map[string]any
		if json.Unmarshal(data, &object) != nil {
			return
		}
		p := FromAlphaObject(object)
		checkConverted(t, p)
		if p.Subject.Namespace != p.Ref.Namespace {
			t.Errorf("subjects %s: outside the policy's namespace", p.Subject.Words())
		}
		if !p.WhenIsolated || p.Isolates != [2]bool{} || len(p.Rules[Egress]) > 0 {
			t.Errorf("an alpha policy is about ingress into isolated namespaces only: %+v", p)
		}
		for _, problem := range p.Problems {
			if len(p.Rules[Ingress]) > 0 && !strings.HasPrefix(problem.Field, "spec.allowIncoming.from[") {
				t.Errorf("allows something in spite of %q", problem)
			}
		}
	})
}

func FuzzFromClusterNetworkPolicy(f *testing.F) {
	seed(f,
		`{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Accept, from: [{namespaces: {matchLabels: {ns: a}}}], protocols: [{tcp: {destinationPort: {number: 80}}}, {destinationNamedPort: web}]}]}`,
		`{tier: Baseline, priority: 1, subject: {pods: {namespaceSelector: {}, podSelector: {}}}, egress: [{action: Pass, to: [{nodes: {}}, {networks: [10.0.0.0/8]}]}, {action: Deny, to: [{domainNames: [a.b]}]}, {action: Accept, to: [{domainNames: [a.b]}]}]}`,
		`{tier: Low, subject: {}, ingress: [{action: Accept, from: [{}]}, {action: Pass, from: []}, {action: Allow, from: [{pods: {namespaceSelector: {}, podSelector: {}}}]}]}`,
		`{tier: Admin, subject: {namespaces: {}}, egress: [{action: Accept, to: [{namespaces: {}, nodes: {}}], protocols: []}, {action: Accept, to: [{networks: ["::ffff:0.0.0.0/96", x]}], protocols: [{udp: {destinationPort: {range: {start: 9, end: 1}}}}, {sctp: {}}]}]}`)
	f.Fuzz(func(t *testing.T, spec []byte) {
		cnp := &v1alpha2.ClusterNetworkPolicy{}
		cnp.Name = "p"
		if json.Unmarshal(spec, &cnp.Spec) != nil {
			return
		}
		p := FromClusterNetworkPolicy(cnp)
		if p.Tier == NetworkPolicy || p.Isolates != [2]bool{} || p.WhenIsolated {
			t.Errorf("not a cluster policy: %+v", p)
		}
		checkConverted(t, p)
		checkFailsClosed(t, p)
	})
}

func FuzzFromAdminNetworkPolicy(f *testing.F) {
	seed(f,
		`{priority: 1, subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}], ports: [{portNumber: {port: 80}}, {namedPort: web}, {portRange: {start: 1, end: 2}}]}]}`,
		`{subject: {}, egress: [{action: Pass, to: [{nodes: {}}, {networks: [10.0.0.0/8]}], ports: []}, {action: Deny, to: [{domainNames: [a.b]}]}, {action: Allow, to: [{}], ports: [{}]}]}`)
	f.Fuzz(func(t *testing.T, spec []byte) {
		anp := &v1alpha1.AdminNetworkPolicy{}
		anp.Name = "p"
		if json.Unmarshal(spec, &anp.Spec) != nil {
			return
		}
		p := FromAdminNetworkPolicy(anp)
		checkConverted(t, p)
		checkFailsClosed(t, p)
	})
}

func FuzzFromBaselineAdminNetworkPolicy(f *testing.F) {
	seed(f,
		`{subject: {namespaces: {}}, ingress: [{action: Allow, from: [{namespaces: {}}]}, {action: Pass, from: [{}]}], egress: [{action: Deny, to: [{nodes: {}}, {networks: [0.0.0.0/0]}]}]}`)
	f.Fuzz(func(t *testing.T, spec []byte) {
		banp := &v1alpha1.BaselineAdminNetworkPolicy{}
		banp.Name = "default"
		if json.Unmarshal(spec, &banp.Spec) != nil {
			return
		}
		p := FromBaselineAdminNetworkPolicy(banp)
		checkConverted(t, p)
		checkFailsClosed(t, p)
		for _, d := range Directions {
			for _, rule := range p.Rules[d] {
				if rule.Action == Pass {
					t.Errorf("%s passes, which a BaselineAdminNetworkPolicy cannot", rule.Field)
				}
			}
		}
	})
}

// Pods, nodes, namespaces and Services: nothing panics, and addresses and ports are clean.
func FuzzFromObjects(f *testing.F) {
	seed(f,
		`{metadata: {name: p, annotations: {net.alpha.kubernetes.io/network-isolation: maybe}}, spec: {containers: [{ports: [{name: web, containerPort: 80}]}]}, status: {podIP: "::ffff:10.0.0.1", phase: Failed}}`,
		`{metadata: {name: n}, status: {addresses: [{type: Hostname, address: n}, {type: InternalIP, address: "fe80::1%eth0"}]}}`,
		`{metadata: {name: s}, spec: {clusterIP: None, selector: {a: b}, ports: [{port: 80, targetPort: web}, {port: 0}, {port: 443, targetPort: 70000}]}}`)
	f.Fuzz(func(t *testing.T, data []byte) {
		var (
			pod     corev1.Pod
			node    corev1.Node
			space   corev1.Namespace
			service corev1.Service
		)
		var addresses []netip.Addr
		if json.Unmarshal(data, &pod) == nil {
			p := FromPod(&pod)
			addresses = append(addresses, p.Addresses...)
			for _, port := range p.Ports {
				if port.Name == "" || port.Number == 0 || port.Protocol == OtherProtocols {
					t.Errorf("malformed port %+v", port)
				}
			}
		}
		if json.Unmarshal(data, &node) == nil {
			addresses = append(addresses, FromNode(&node).Addresses...)
		}
		for _, a := range addresses {
			if !a.IsValid() || a.Is4In6() || a.Zone() != "" {
				t.Errorf("malformed address %s", a)
			}
		}
		if json.Unmarshal(data, &space) == nil && FromNamespace(&space).Labels[corev1.LabelMetadataName] != space.Name {
			t.Error("a namespace without its default label")
		}
		if json.Unmarshal(data, &service) == nil {
			for _, port := range FromService(&service).Ports {
				if port.Port == 0 || port.Target.Number == 0 && port.Target.Name == "" {
					t.Errorf("malformed port of a Service %+v", port)
				}
			}
		}
	})
}
