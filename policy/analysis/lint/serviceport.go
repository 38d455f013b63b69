package lint

import (
	"fmt"

	"github.com/hedgerow-net/hedgerow/policy"
)

// servicePorts finds rules with the port of a Service where its pods listen on another: policies look at the port of the pod. The rule must name no
// port that the Service leads to, and nothing may say that the pods use the port themselves.
func (v *view) servicePorts() []Finding {
	var found []Finding
	for r := range v.rules() {
		pods, only := v.destinations(r)
		if !only {
			continue
		}
		for _, port := range r.Ports {
			if service, target, ok := v.mistaken(r, port, pods); ok {
				message := fmt.Sprintf("%s is the port of Service %s/%s, and its pods listen on %s", port, service.Namespace, service.Name, target)
				found = append(found, r.finding(port.Field, message, fmt.Sprintf("use the pods' port: %s", target)))
			}
		}
	}
	return found
}

// mistaken returns the Service whose port stands where that of its pods should.
func (v *view) mistaken(r rule, port policy.Port, pods []*policy.Pod) (*policy.Service, policy.Port, bool) {
	if port.Number == 0 || port.End > port.Number {
		return nil, policy.Port{}, false
	}
	if v.usedBy(pods, port) {
		return nil, policy.Port{}, false
	}
	for _, service := range v.Services {
		for _, pod := range pods {
			if !service.Selects(pod) {
				continue
			}
			for _, p := range service.Ports {
				if p.Protocol == port.Protocol && p.Port == port.Number && !allowsTarget(r, p.Target, pod) {
					return service, p.Target, true
				}
			}
		}
	}
	return nil, policy.Port{}, false
}

// usedBy reports whether anything says that one of the pods listens on the port.
func (v *view) usedBy(pods []*policy.Pod, port policy.Port) bool {
	for _, pod := range pods {
		for _, d := range v.declared(pod) {
			if d.Protocol == port.Protocol && port.Includes(d.Number) {
				return true
			}
		}
		for _, service := range v.Services {
			if service.Selects(pod) && leadsTo(service, port) {
				return true
			}
		}
	}
	return false
}

// declared returns the ports that a pod declares.
func (v *view) declared(pod *policy.Pod) []policy.Port {
	ports := v.Declared[pod]
	for _, p := range pod.Ports {
		ports = append(ports[:len(ports):len(ports)], policy.Port{Protocol: p.Protocol, Number: p.Number, Name: p.Name})
	}
	return ports
}

func leadsTo(service *policy.Service, port policy.Port) bool {
	for _, p := range service.Ports {
		if p.Protocol == port.Protocol && p.Target.Name == "" && port.Includes(p.Target.Number) {
			return true
		}
	}
	return false
}

// allowsTarget reports whether the rule also allows the port that the Service leads to.
func allowsTarget(r rule, target policy.Port, pod *policy.Pod) bool {
	for _, port := range r.Ports {
		if port.Protocol != target.Protocol {
			continue
		}
		if port.Name == "" && target.Name == "" && port.Includes(target.Number) || target.Name != "" && port.Name == target.Name {
			return true
		}
		for _, named := range pod.Ports {
			isTarget := named.Protocol == target.Protocol && (named.Name == target.Name || target.Name == "" && named.Number == target.Number)
			if isTarget && (port.Name == named.Name || port.Name == "" && port.Includes(named.Number)) {
				return true
			}
		}
	}
	return false
}
