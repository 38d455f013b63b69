package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// undeclaredPorts finds ports that none of the pods declares, where every one of them declares some. Declaring is voluntary, so this is only worth
// knowing; a Service that leads to the port is as good as a declaration.
func (v *view) undeclaredPorts() []Finding {
	var found []Finding
	for r := range v.rules() {
		pods, only := v.destinations(r)
		if !only || len(pods) == 0 || r.Action != policy.Accept || !v.allDeclare(pods) {
			continue
		}
		for _, port := range r.Ports {
			_, _, mistaken := v.mistaken(r, port, pods)
			if port.Number == 0 || mistaken || v.usedBy(pods, port) {
				continue
			}
			message := fmt.Sprintf("none of the pods (%s) declares %s", podWords(pods), port)
			found = append(found, r.finding(port.Field, message, "correct the port, or declare it as a containerPort"))
		}
	}
	return found
}

func (v *view) allDeclare(pods []*policy.Pod) bool {
	for _, pod := range pods {
		if len(v.declared(pod)) == 0 {
			return false
		}
	}
	return true
}

// podWords names one pod and counts the rest.
func podWords(pods []*policy.Pod) string {
	if len(pods) == 1 {
		return pods[0].String()
	}
	return fmt.Sprintf("%s and %d more", pods[0], len(pods)-1)
}
