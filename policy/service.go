package policy

import (
	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
)

// Service is what is looked at of a Service. Policies never look at one: traffic to it is judged by the pod that it ends at. It is here to
// find that pod, and its port.
type Service struct {
	Namespace, Name string
	// Selector selects pods of the namespace. Empty: the Service's pods are not known from it.
	Selector map[string]string
	Ports    []ServicePort
	// ClusterIPs are as written; "None" is a headless Service.
	ClusterIPs []string
	// ExternalName: the Service is another name for something outside the cluster and has no pods.
	ExternalName bool
}

// ServicePort is one port of a Service.
type ServicePort struct {
	Name     string
	Protocol Protocol
	Port     uint16
	// Target is the port of the pod that is meant: a Number, or the Name of a container port, which each pod resolves by itself.
	Target Port
}

// FromService converts a Service of the API. A target port that is left out is the port itself.
func FromService(service *corev1.Service) *Service {
	s := &Service{
		Namespace: service.Namespace, Name: service.Name, Selector: service.Spec.Selector,
		ClusterIPs: service.Spec.ClusterIPs, ExternalName: service.Spec.Type == corev1.ServiceTypeExternalName,
	}
	if len(s.ClusterIPs) == 0 && service.Spec.ClusterIP != "" {
		s.ClusterIPs = []string{service.Spec.ClusterIP}
	}
	for i := range service.Spec.Ports {
		p := &service.Spec.Ports[i]
		protocol, ok := ProtocolOf(p.Protocol)
		if !ok || p.Port < 1 || p.Port > 65535 {
			continue
		}
		port := ServicePort{Name: p.Name, Protocol: protocol, Port: uint16(p.Port), Target: Port{Protocol: protocol, Number: uint16(p.Port)}}
		switch {
		case p.TargetPort.Type == intstr.String && p.TargetPort.StrVal != "":
			port.Target = Port{Protocol: protocol, Name: p.TargetPort.StrVal}
		case p.TargetPort.Type == intstr.Int && p.TargetPort.IntVal > 0 && p.TargetPort.IntVal <= 65535:
			port.Target = Port{Protocol: protocol, Number: uint16(p.TargetPort.IntVal)}
		}
		s.Ports = append(s.Ports, port)
	}
	return s
}

// Selects reports whether the Service stands for the pod.
func (s *Service) Selects(pod *Pod) bool {
	if s.ExternalName || len(s.Selector) == 0 || pod.Namespace != s.Namespace || pod.Terminated {
		return false
	}
	for key, value := range s.Selector {
		if got, found := pod.Labels[key]; !found || got != value {
			return false
		}
	}
	return true
}
