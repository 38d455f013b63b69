package manifest

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/util/validation"

	"github.com/hedgerow-net/hedgerow/policy"
)

// checkValues refuses addresses and ports that are none in objects other than policies, where package policy would pass over them. In policies it
// says itself what is wrong, and what follows.
func checkValues(o *Object) error {
	switch object := o.Value.(type) {
	case *corev1.Pod:
		if err := checkPodAddresses(o, &object.Status); err != nil {
			return err
		}
		return checkContainers(o, "spec", &object.Spec)
	case *corev1.Node:
		return checkNode(o, object)
	case *corev1.Service:
		return checkService(o, &object.Spec)
	}
	if t := template(o.Value); t != nil {
		return checkContainers(o, templatePath(o.Kind.Kind, "spec"), &t.Spec)
	}
	return nil
}

// templatePath is where a field of the pods of a workload stands.
func templatePath(kind, field string) string {
	if kind == "CronJob" {
		return "spec.jobTemplate.spec.template." + field
	}
	return "spec.template." + field
}

func (o *Object) refuse(field, format string, args ...any) error {
	return &Error{o.At(field), field + " " + fmt.Sprintf(format, args...)}
}

func checkAddress(o *Object, field, text string) error {
	if _, err := netip.ParseAddr(text); text != "" && err != nil {
		return o.refuse(field, "must be an IP address, not %q", shorten(text))
	}
	return nil
}

func checkPodAddresses(o *Object, status *corev1.PodStatus) error {
	if err := checkAddress(o, "status.podIP", status.PodIP); err != nil {
		return err
	}
	for i, ip := range status.PodIPs {
		if err := checkAddress(o, fmt.Sprintf("status.podIPs[%d].ip", i), ip.IP); err != nil {
			return err
		}
	}
	return nil
}

func checkNode(o *Object, node *corev1.Node) error {
	for i, a := range node.Status.Addresses {
		if a.Type != corev1.NodeInternalIP && a.Type != corev1.NodeExternalIP {
			continue // a host name
		}
		if err := checkAddress(o, fmt.Sprintf("status.addresses[%d].address", i), a.Address); err != nil {
			return err
		}
	}
	for i, cidr := range node.Spec.PodCIDRs {
		if _, err := netip.ParsePrefix(cidr); err != nil {
			return o.refuse(fmt.Sprintf("spec.podCIDRs[%d]", i), "must be a CIDR such as 10.244.1.0/24, not %q", shorten(cidr))
		}
	}
	return nil
}

func checkService(o *Object, spec *corev1.ServiceSpec) error {
	for i, ip := range append([]string{spec.ClusterIP}, spec.ClusterIPs...) {
		field := "spec.clusterIP"
		if i > 0 {
			field = fmt.Sprintf("spec.clusterIPs[%d]", i-1)
		}
		if ip == corev1.ClusterIPNone {
			continue
		}
		if err := checkAddress(o, field, ip); err != nil {
			return err
		}
	}
	for i, p := range spec.Ports {
		field := fmt.Sprintf("spec.ports[%d]", i)
		if err := checkPort(o, field, "port", p.Port, p.Protocol); err != nil {
			return err
		}
	}
	return nil
}

func checkContainers(o *Object, path string, spec *corev1.PodSpec) error {
	for _, list := range []struct {
		name       string
		containers []corev1.Container
	}{{"containers", spec.Containers}, {"initContainers", spec.InitContainers}} {
		for i := range list.containers {
			for j, p := range list.containers[i].Ports {
				field := fmt.Sprintf("%s.%s[%d].ports[%d]", path, list.name, i, j)
				if p.Name != "" && len(validation.IsValidPortName(p.Name)) > 0 {
					return o.refuse(field+".name", "must be the name of a port, such as http, not %q", shorten(p.Name))
				}
				if err := checkPort(o, field, "containerPort", p.ContainerPort, p.Protocol); err != nil {
					return err
				}
			}
		}
	}
	return nil
}

// checkPort checks a port whose number stands in the field of that name.
func checkPort(o *Object, field, name string, number int32, protocol corev1.Protocol) error {
	if number < 1 || number > 65535 {
		return o.refuse(field+"."+name, "must be a port from 1 to 65535, not %d", number)
	}
	if _, ok := policy.ProtocolOf(protocol); ok {
		return nil
	}
	return o.refuse(field+".protocol", "must be TCP, UDP or SCTP, not %q", shorten(string(protocol)))
}
