package policy

import (
	"fmt"
	"net/netip"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"
	"pgregory.net/rapid"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
)

// randomObjects are API objects over few labels, addresses and ports, so that much of it meets.
type randomObjects struct {
	namespaces []*corev1.Namespace
	nodes      []*corev1.Node
	pods       []*corev1.Pod
	v1         []*networkingv1.NetworkPolicy
	cluster    []*v1alpha2.ClusterNetworkPolicy
}

var (
	someCIDRs = []string{"10.0.0.0/8", "10.0.0.0/30", "10.0.0.4/32", "0.0.0.0/0", "192.0.2.0/24", "fd00::/16", "fd00::2/128", "::/0"}
	someNames = []string{"web", "dns"}
	someNodes = []string{"n0", "n1"}
)

func randomLabels(t *rapid.T, what string) map[string]string {
	labels := map[string]string{}
	for _, key := range []string{"app", "tier"} {
		if value := rapid.SampledFrom([]string{"", "x", "y"}).Draw(t, what+" "+key); value != "" {
			labels[key] = value
		}
	}
	return labels
}

func randomSelector(t *rapid.T) metav1.LabelSelector {
	s := metav1.LabelSelector{}
	if rapid.IntRange(0, 2).Draw(t, "by labels") == 0 {
		s.MatchLabels = randomLabels(t, "selector")
	}
	if rapid.IntRange(0, 2).Draw(t, "by expression") == 0 {
		e := metav1.LabelSelectorRequirement{
			Key:      rapid.SampledFrom([]string{"app", "tier"}).Draw(t, "key"),
			Operator: rapid.SampledFrom([]metav1.LabelSelectorOperator{"In", "NotIn", "Exists", "DoesNotExist"}).Draw(t, "operator"),
		}
		if e.Operator == "In" || e.Operator == "NotIn" {
			e.Values = []string{rapid.SampledFrom([]string{"x", "y"}).Draw(t, "value")}
		}
		s.MatchExpressions = append(s.MatchExpressions, e)
	}
	return s
}

func randomProtocol(t *rapid.T) corev1.Protocol {
	return rapid.SampledFrom([]corev1.Protocol{"TCP", "UDP", "SCTP"}).Draw(t, "protocol")
}

func drawObjects(t *rapid.T) *randomObjects {
	o := &randomObjects{}
	for _, name := range []string{"a", "b"} {
		ns := &corev1.Namespace{}
		ns.Name, ns.Labels = name, randomLabels(t, "namespace")
		o.namespaces = append(o.namespaces, ns)
	}
	for i, name := range someNodes {
		node := &corev1.Node{}
		node.Name, node.Labels = name, randomLabels(t, "node")
		node.Status.Addresses = []corev1.NodeAddress{{Address: fmt.Sprintf("192.0.2.%d", i+1)}, {Address: fmt.Sprintf("fd00::ff%d", i+1)}}
		o.nodes = append(o.nodes, node)
	}
	for i := range 4 {
		o.pods = append(o.pods, drawPod(t, i))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "NetworkPolicies") {
		o.v1 = append(o.v1, drawV1(t, fmt.Sprintf("v1-%d", i)))
	}
	for i := range rapid.IntRange(0, 3).Draw(t, "ClusterNetworkPolicies") {
		o.cluster = append(o.cluster, drawCNP(t, fmt.Sprintf("cnp-%d", i)))
	}
	return o
}

func drawPod(t *rapid.T, i int) *corev1.Pod {
	pod := &corev1.Pod{}
	pod.Namespace, pod.Name, pod.Labels = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace"), fmt.Sprintf("p%d", i), randomLabels(t, "pod")
	pod.Spec.NodeName = rapid.SampledFrom(someNodes).Draw(t, "node")
	for _, name := range someNames {
		if number := rapid.SampledFrom([]int32{0, 53, 80, 81}).Draw(t, "named port"); number != 0 {
			port := corev1.ContainerPort{Name: name, ContainerPort: number, Protocol: randomProtocol(t)}
			pod.Spec.Containers = append(pod.Spec.Containers, corev1.Container{Ports: []corev1.ContainerPort{port}})
		}
	}
	pod.Status.PodIPs = []corev1.PodIP{{IP: fmt.Sprintf("10.0.0.%d", i+1)}, {IP: fmt.Sprintf("fd00::%d", i+1)}}
	return pod
}

func drawV1(t *rapid.T, name string) *networkingv1.NetworkPolicy {
	np := &networkingv1.NetworkPolicy{}
	np.Namespace, np.Name = rapid.SampledFrom([]string{"a", "b"}).Draw(t, "namespace"), name
	np.Spec.PodSelector = randomSelector(t)
	np.Spec.PolicyTypes = rapid.SampledFrom([][]networkingv1.PolicyType{{"Ingress"}, {"Egress"}, {"Ingress", "Egress"}}).Draw(t, "types")
	for range rapid.IntRange(0, 3).Draw(t, "ingress rules") {
		np.Spec.Ingress = append(np.Spec.Ingress, networkingv1.NetworkPolicyIngressRule{From: drawV1Peers(t), Ports: drawV1Ports(t)})
	}
	for range rapid.IntRange(0, 3).Draw(t, "egress rules") {
		np.Spec.Egress = append(np.Spec.Egress, networkingv1.NetworkPolicyEgressRule{To: drawV1Peers(t), Ports: drawV1Ports(t)})
	}
	return np
}

func drawV1Peers(t *rapid.T) []networkingv1.NetworkPolicyPeer {
	var peers []networkingv1.NetworkPolicyPeer
	for range rapid.IntRange(0, 2).Draw(t, "peers") {
		var peer networkingv1.NetworkPolicyPeer
		pods, namespaces := randomSelector(t), randomSelector(t)
		switch rapid.IntRange(0, 3).Draw(t, "kind of peer") {
		case 0:
			peer.PodSelector = &pods
		case 1:
			peer.NamespaceSelector = &namespaces
		case 2:
			peer.PodSelector, peer.NamespaceSelector = &pods, &namespaces
		case 3:
			peer.IPBlock = &networkingv1.IPBlock{CIDR: rapid.SampledFrom(someCIDRs).Draw(t, "cidr")}
			if peer.IPBlock.CIDR == "10.0.0.0/8" {
				peer.IPBlock.Except = []string{"10.0.0.2/31"}
			}
		}
		peers = append(peers, peer)
	}
	return peers
}

func drawV1Ports(t *rapid.T) []networkingv1.NetworkPolicyPort {
	var ports []networkingv1.NetworkPolicyPort
	for range rapid.IntRange(0, 2).Draw(t, "ports") {
		protocol := randomProtocol(t)
		port := networkingv1.NetworkPolicyPort{Protocol: &protocol}
		switch rapid.IntRange(0, 3).Draw(t, "kind of port") {
		case 0:
			number := intstr.FromInt32(rapid.SampledFrom([]int32{53, 80, 81}).Draw(t, "port"))
			port.Port = &number
		case 1:
			number, end := intstr.FromInt32(53), int32(80)
			port.Port, port.EndPort = &number, &end
		case 2:
			name := intstr.FromString(rapid.SampledFrom(someNames).Draw(t, "port name"))
			port.Port = &name
		}
		ports = append(ports, port)
	}
	return ports
}

func drawCNP(t *rapid.T, name string) *v1alpha2.ClusterNetworkPolicy {
	cnp := &v1alpha2.ClusterNetworkPolicy{}
	cnp.Name = name
	cnp.Spec.Tier = rapid.SampledFrom([]v1alpha2.Tier{"Admin", "Baseline"}).Draw(t, "tier")
	cnp.Spec.Priority = rapid.Int32Range(0, 2).Draw(t, "priority")
	cnp.Spec.Subject = v1alpha2.ClusterNetworkPolicySubject{Pods: &v1alpha2.NamespacedPod{NamespaceSelector: randomSelector(t), PodSelector: randomSelector(t)}}
	for range rapid.IntRange(0, 3).Draw(t, "ingress rules") {
		rule := v1alpha2.ClusterNetworkPolicyIngressRule{Action: drawAction(t), Protocols: drawProtocols(t, true)}
		for range rapid.IntRange(1, 2).Draw(t, "peers") {
			peer := drawCNPPeer(t, 1)
			rule.From = append(rule.From, v1alpha2.ClusterNetworkPolicyIngressPeer{Namespaces: peer.Namespaces, Pods: peer.Pods})
		}
		cnp.Spec.Ingress = append(cnp.Spec.Ingress, rule)
	}
	for range rapid.IntRange(0, 3).Draw(t, "egress rules") {
		rule := v1alpha2.ClusterNetworkPolicyEgressRule{Action: drawAction(t), Protocols: drawProtocols(t, false)}
		for range rapid.IntRange(1, 2).Draw(t, "peers") {
			rule.To = append(rule.To, drawCNPPeer(t, 4))
		}
		cnp.Spec.Egress = append(cnp.Spec.Egress, rule)
	}
	return cnp
}

func drawAction(t *rapid.T) v1alpha2.ClusterNetworkPolicyRuleAction {
	return rapid.SampledFrom([]v1alpha2.ClusterNetworkPolicyRuleAction{"Accept", "Deny", "Pass"}).Draw(t, "action")
}

// drawCNPPeer draws one of the first kinds of peers; kind 4 is one that fails closed.
func drawCNPPeer(t *rapid.T, kinds int) v1alpha2.ClusterNetworkPolicyEgressPeer {
	var peer v1alpha2.ClusterNetworkPolicyEgressPeer
	first, second := randomSelector(t), randomSelector(t)
	switch rapid.IntRange(0, kinds).Draw(t, "kind of peer") {
	case 0:
		peer.Namespaces = &first
	case 1:
		peer.Pods = &v1alpha2.NamespacedPod{NamespaceSelector: first, PodSelector: second}
	case 2:
		peer.Nodes = &first
	case 3:
		peer.Networks = []v1alpha2.CIDR{v1alpha2.CIDR(rapid.SampledFrom(someCIDRs).Draw(t, "network"))}
	case 4:
		peer.DomainNames = []v1alpha2.DomainName{"example.org"}
	}
	return peer
}

func drawProtocols(t *rapid.T, names bool) []v1alpha2.ClusterNetworkPolicyProtocol {
	var protocols []v1alpha2.ClusterNetworkPolicyProtocol
	port := &v1alpha2.Port{Number: 80}
	for range rapid.IntRange(0, 2).Draw(t, "protocols") {
		var p v1alpha2.ClusterNetworkPolicyProtocol
		switch kind := rapid.IntRange(0, 3).Draw(t, "kind of protocol"); {
		case kind == 0:
			p.TCP = &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: port}
		case kind == 1:
			p.UDP = &v1alpha2.ClusterNetworkPolicyProtocolUDP{DestinationPort: &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: 53, End: 80}}}
		case kind == 2 && names:
			p.DestinationNamedPort = rapid.SampledFrom(someNames).Draw(t, "port name")
		default:
			p.SCTP = &v1alpha2.ClusterNetworkPolicyProtocolSCTP{DestinationPort: &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: 1, End: 65535}}}
		}
		protocols = append(protocols, p)
	}
	return protocols
}

// policies converts the objects.
func (o *randomObjects) policies() []*Policy {
	var all []*Policy
	for _, np := range o.v1 {
		all = append(all, FromNetworkPolicy(np))
	}
	for _, cnp := range o.cluster {
		all = append(all, FromClusterNetworkPolicy(cnp))
	}
	return all
}

// set makes a set of the objects' namespaces and nodes, and of the policies.
func (o *randomObjects) set(policies []*Policy) *Set {
	var namespaces []*Namespace
	for _, ns := range o.namespaces {
		namespaces = append(namespaces, FromNamespace(ns))
	}
	var nodes []*Node
	for _, node := range o.nodes {
		nodes = append(nodes, FromNode(node))
	}
	return NewSet(namespaces, nodes, policies)
}

// flows are between all ends in all families, at ports that policies mention and others.
func (o *randomObjects) flows() []Flow {
	ends := []End{
		OutsideEnd(netip.MustParseAddr("198.51.100.1")), OutsideEnd(netip.MustParseAddr("192.0.2.1")), OutsideEnd(netip.MustParseAddr("192.0.2.2")),
		{Place: Unknown, Address: netip.MustParseAddr("10.9.9.9")}, {Place: Unknown, Address: netip.MustParseAddr("fd00::9999")},
	}
	for _, pod := range o.pods {
		p := FromPod(pod)
		for _, a := range p.Addresses {
			ends = append(ends, End{Place: InPod, Pod: p, Address: a})
		}
	}
	var flows []Flow
	for _, source := range ends {
		for _, destination := range ends {
			if source.Pod == nil && destination.Pod == nil || source.Address.Is4() != destination.Address.Is4() {
				continue
			}
			for _, what := range []Flow{{Protocol: TCP, Port: 80}, {Protocol: TCP, Port: 81}, {Protocol: UDP, Port: 53}, {Protocol: SCTP, Port: 9}, {}} {
				what.Source, what.Destination = source, destination
				flows = append(flows, what)
			}
		}
	}
	return flows
}
