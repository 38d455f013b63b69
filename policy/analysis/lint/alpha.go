package lint

import "fmt"

// notIsolated finds alpha policies of namespaces whose object was written without the annotation that they need.
func (v *view) notIsolated() []Finding {
	var found []Finding
	for _, p := range v.Policies {
		ns := v.namespaces[p.Ref.Namespace]
		if ns == nil || !v.Written[ns.Name] || p.InEffect(ns) {
			continue
		}
		found = append(found, Finding{
			Ref: p.Ref, Message: fmt.Sprintf("%s has no effect: namespace %s is not isolated", p.Ref, ns.Name),
			Advice: `give the namespace the annotation net.alpha.kubernetes.io/network-isolation: "on"`,
		})
	}
	return found
}

// isolationValues finds annotations that were not understood; such a namespace is isolated.
func (v *view) isolationValues() []Finding {
	var found []Finding
	for _, ns := range v.Namespaces {
		if ns.Isolation == nil {
			continue
		}
		for _, problem := range ns.Isolation.Problems {
			found = append(found, Finding{
				Ref: ns.Isolation.Ref, Field: problem.Field, Message: fmt.Sprintf("namespace %s: %s", ns.Name, problem.Message),
				Advice: `write "on" or "off", with the quotes`,
			})
		}
	}
	return found
}
