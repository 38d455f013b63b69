package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
)

// namedPorts finds named ports that none of the destination pods has. A name means, for each pod, its own container port of that name and protocol.
func (v *view) namedPorts() []Finding {
	var found []Finding
	for l := range v.lines() {
		pods, only := v.destinations(l)
		if !only || len(pods) == 0 {
			continue
		}
		named := slices.DeleteFunc(slices.Clone(l.Ports), func(p policy.Port) bool { return p.Name == "" })
		for _, port := range named {
			// A destinationNamedPort of a cluster policy is one field and a port of each protocol.
			if slices.ContainsFunc(named, func(p policy.Port) bool { return p.Field == port.Field && hasName(pods, p) }) {
				continue
			}
			message := fmt.Sprintf("none of the pods (%s) has a port named %q of protocol %s", podWords(pods), port.Name, port.Protocol)
			found = append(found, l.finding(port.Field, message, nameAdvice(pods, port)))
		}
	}
	return oncePerField(found)
}

func hasName(pods []*policy.Pod, port policy.Port) bool {
	for _, pod := range pods {
		for _, named := range pod.Ports {
			if named.Name == port.Name && named.Protocol == port.Protocol {
				return true
			}
		}
	}
	return false
}

func nameAdvice(pods []*policy.Pod, port policy.Port) string {
	var names []string
	for _, pod := range pods {
		for _, named := range pod.Ports {
			if named.Name == port.Name {
				return fmt.Sprintf("%s has it as %s: say protocol: %s", pod, named.Protocol, named.Protocol)
			}
			if named.Protocol == port.Protocol {
				names = append(names, named.Name)
			}
		}
	}
	if near := nearest(port.Name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "give the container port that name, or use its number"
}
