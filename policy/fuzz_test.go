package policy

import (
	"encoding/json"
	"testing"

	networkingv1 "k8s.io/api/networking/v1"
)

// A policy that has a problem must not allow anything, except the one kind of problem that concerns an entry alone; a policy must
// never have subjects outside its namespace, and conversion never panics.
func checkConverted(t *testing.T, p *Policy, namespace string) {
	t.Helper()
	if p.Subject.Namespace != namespace && namespace != "" {
		t.Errorf("subjects %s: outside the policy's namespace %q", p.Subject.Words(), namespace)
	}
	for _, d := range Directions {
		for i := range p.Rules[d] {
			rule := &p.Rules[d][i]
			if rule.Action != Accept {
				t.Errorf("%v %s: these policies only accept", d, rule.Words(d))
			}
			for _, port := range rule.Ports {
				if port.Protocol == OtherProtocols || port.Number != 0 && port.Name != "" {
					t.Errorf("%v: malformed port %+v", d, port)
				}
			}
		}
	}
}

func FuzzFromNetworkPolicy(f *testing.F) {
	f.Add([]byte(`{"podSelector":{"matchLabels":{"a":"b"}},"policyTypes":["Egress"],"egress":[{"to":[{"ipBlock":{"cidr":"10.0.0.0/8"}}],"ports":[{"port":"web"}]}]}`))
	f.Add([]byte(`{"ingress":[{"from":[{"podSelector":{}},{"namespaceSelector":{"matchExpressions":[{"key":"a","operator":"In","values":["b"]}]}}],"ports":[{"port":80,"endPort":90}]}]}`))
	f.Fuzz(func(t *testing.T, spec []byte) {
		np := &networkingv1.NetworkPolicy{}
		np.Namespace, np.Name = "ns", "p"
		if json.Unmarshal(spec, &np.Spec) != nil {
			return
		}
		p := FromNetworkPolicy(np)
		checkConverted(t, p, "ns")
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
		checkConverted(t, p, p.Ref.Namespace)
		if !p.WhenIsolated || p.Isolates != [2]bool{} || len(p.Rules[Egress]) > 0 {
			t.Errorf("an alpha policy is about ingress into isolated namespaces only: %+v", p)
		}
	})
}
