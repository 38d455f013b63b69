package policy

import (
	"net/netip"

	corev1 "k8s.io/api/core/v1"
)

// Pod is what policies look at of a pod.
type Pod struct {
	Namespace, Name, UID string
	Labels               map[string]string
	// Addresses are the pod's, of both families; none before it has started.
	Addresses []netip.Addr
	Node      string
	// HostNetwork: the pod has the node's addresses. It is no subject of any policy, and no pod selector matches it as a peer.
	HostNetwork bool
	// Terminated: the pod has succeeded or failed and owns its addresses no more.
	Terminated bool
	// Ports are the container ports that have a name.
	Ports []NamedPort
}

// NamedPort is a container port that has a name.
type NamedPort struct {
	Name     string
	Protocol Protocol
	Number   uint16
}

// String returns "namespace/name".
func (p *Pod) String() string { return p.Namespace + "/" + p.Name }

// FromPod converts a pod of the API. Addresses that do not parse are left out. The UID of a static pod is the one by which its kubelet, and so
// the CNI plugin, knows it, which the API object holds in an annotation.
func FromPod(pod *corev1.Pod) *Pod {
	uid := string(pod.UID)
	if static, ok := pod.Annotations[corev1.MirrorPodAnnotationKey]; ok {
		uid = static
	}
	return &Pod{
		Namespace: pod.Namespace, Name: pod.Name, UID: uid,
		Labels:      pod.Labels,
		Addresses:   podAddresses(&pod.Status),
		Node:        pod.Spec.NodeName,
		HostNetwork: pod.Spec.HostNetwork,
		Terminated:  pod.Status.Phase == corev1.PodSucceeded || pod.Status.Phase == corev1.PodFailed,
		Ports:       podPorts(&pod.Spec),
	}
}

func podAddresses(status *corev1.PodStatus) []netip.Addr {
	texts := []string{status.PodIP}
	if len(status.PodIPs) > 0 {
		texts = texts[:0]
		for _, ip := range status.PodIPs {
			texts = append(texts, ip.IP)
		}
	}
	var addresses []netip.Addr
	for _, text := range texts {
		if a, err := netip.ParseAddr(text); err == nil {
			addresses = append(addresses, a.Unmap().WithZone(""))
		}
	}
	return addresses
}

// podPorts collects the named ports of containers and of sidecars, which are init containers that are always restarted.
func podPorts(spec *corev1.PodSpec) []NamedPort {
	containers := spec.Containers
	for _, c := range spec.InitContainers {
		if c.RestartPolicy != nil && *c.RestartPolicy == corev1.ContainerRestartPolicyAlways {
			containers = append(containers[:len(containers):len(containers)], c)
		}
	}
	var ports []NamedPort
	for _, c := range containers {
		for _, p := range c.Ports {
			protocol, ok := ProtocolOf(p.Protocol)
			if p.Name == "" || !ok || p.ContainerPort < 1 || p.ContainerPort > 65535 {
				continue
			}
			ports = append(ports, NamedPort{Name: p.Name, Protocol: protocol, Number: uint16(p.ContainerPort)})
		}
	}
	return ports
}

// ProtocolOf converts a protocol of the core API; empty means TCP there. Not ok: it is none of TCP, UDP and SCTP.
func ProtocolOf(p corev1.Protocol) (Protocol, bool) {
	switch p {
	case corev1.ProtocolTCP, "":
		return TCP, true
	case corev1.ProtocolUDP:
		return UDP, true
	case corev1.ProtocolSCTP:
		return SCTP, true
	}
	return OtherProtocols, false
}
