package lint

import (
	"fmt"
	"slices"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// namedPorts finds named ports that none of the destination pods has. A name means, for each pod, its own container port of that name and protocol.
func (v *view) namedPorts() []Finding {
	var found []Finding
	for r := range v.rules() {
		pods, only := v.destinations(r)
		if !only || len(pods) == 0 {
			continue
		}
		for _, entry := range entries(r.Ports) {
			if entry[0].Name == "" || slices.ContainsFunc(entry, func(p policy.Port) bool { return hasName(pods, p) }) {
				continue
			}
			message := fmt.Sprintf("none of the pods (%s) has a port named %q", podWords(pods), entry[0].Name)
			if len(entry) == 1 {
				message += fmt.Sprintf(" of protocol %s", entry[0].Protocol)
			}
			found = append(found, r.finding(entry[0].Field, message, nameAdvice(pods, entry[0])))
		}
	}
	return found
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
	if near := nearest.Name(port.Name, names); near != "" {
		return fmt.Sprintf("did you mean %q?", near)
	}
	return "give the container port that name, or use its number"
}
