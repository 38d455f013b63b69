package convert

import (
	"fmt"
	"maps"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	clusterv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// witnesses are label sets of pods and namespaces that show what selectors select. They are made up, because manifests may hold policies and no pod.
type witnesses struct {
	pods       map[string][]map[string]string // by namespace; "" is every namespace
	namespaces []map[string]string
	ports      []policy.NamedPort
}

// withWitnesses returns the world with pods and namespaces made up for the selectors of its policies.
func withWitnesses(w *manifest.World) *analysis.World {
	s := witnesses{pods: map[string][]map[string]string{"": {{}}}, namespaces: []map[string]string{{}}}
	for _, o := range w.Objects {
		s.collect(o)
	}
	for _, p := range w.Policies {
		s.collectPorts(p)
	}
	world := w.World
	world.Namespaces, world.Pods = slices.Clone(w.Namespaces), slices.Clone(w.Pods)
	for i, labels := range s.namespaces {
		name := witnessName(i)
		labels = maps.Clone(labels)
		labels[corev1.LabelMetadataName] = name
		world.Namespaces = append(world.Namespaces, &policy.Namespace{Name: name, Labels: labels})
	}
	for _, ns := range world.Namespaces {
		for i, labels := range slices.Concat(s.pods[""], s.pods[ns.Name]) {
			world.Pods = append(world.Pods, s.pod(ns.Name, i, len(world.Pods), labels))
		}
	}
	return &world
}

// pod makes a pod up. Its addresses are of the networks for benchmarks (RFC 2544) and for documentation (RFC 3849), which no cluster uses for pods.
func (s *witnesses) pod(namespace string, i, number int, labels map[string]string) *policy.Pod {
	return &policy.Pod{
		Namespace: namespace, Name: witnessName(i), Labels: labels, Ports: s.ports,
		Addresses: []netip.Addr{
			netip.AddrFrom4([4]byte{198, 18, byte(number >> 8), byte(number)}),
			netip.AddrFrom16([16]byte{0x20, 0x01, 0x0d, 0xb8, 14: byte(number >> 8), 15: byte(number)}),
		},
	}
}

func (s *witnesses) collect(o *manifest.Object) {
	switch p := o.Value.(type) {
	case *v1alpha1.NetworkPolicy:
		s.addPods(p.Namespace, p.Spec.PodSelector)
		if p.Spec.AllowIncoming == nil {
			return
		}
		for _, from := range p.Spec.AllowIncoming.From {
			s.addPeer(p.Namespace, labelSelector(from.Namespaces), labelSelector(from.Pods))
		}
	case *networkingv1.NetworkPolicy:
		s.addSelector(p.Namespace, &p.Spec.PodSelector)
		for _, rule := range p.Spec.Ingress {
			for _, from := range rule.From {
				s.addPeer(p.Namespace, from.NamespaceSelector, from.PodSelector)
			}
		}
		for _, rule := range p.Spec.Egress {
			for _, to := range rule.To {
				s.addPeer(p.Namespace, to.NamespaceSelector, to.PodSelector)
			}
		}
	case *v1alpha2.ClusterNetworkPolicy:
		s.collectCluster(p)
	case *clusterv1alpha1.AdminNetworkPolicy:
		s.collectSubject(p.Spec.Subject)
	case *clusterv1alpha1.BaselineAdminNetworkPolicy:
		s.collectSubject(p.Spec.Subject)
	}
}

func (s *witnesses) collectCluster(p *v1alpha2.ClusterNetworkPolicy) {
	peer := func(namespaces *metav1.LabelSelector, pods *v1alpha2.NamespacedPod) {
		if pods != nil {
			s.addPeer("", &pods.NamespaceSelector, &pods.PodSelector)
			return
		}
		s.addPeer("", namespaces, nil)
	}
	peer(p.Spec.Subject.Namespaces, p.Spec.Subject.Pods)
	for _, rule := range p.Spec.Ingress {
		for _, from := range rule.From {
			peer(from.Namespaces, from.Pods)
		}
	}
	for _, rule := range p.Spec.Egress {
		for _, to := range rule.To {
			peer(to.Namespaces, to.Pods)
		}
	}
}

// collectSubject is enough for the older cluster policies: they are not converted, so all that may change is which of their subjects' flows still come to them.
func (s *witnesses) collectSubject(subject clusterv1alpha1.AdminNetworkPolicySubject) {
	if subject.Pods != nil {
		s.addPeer("", &subject.Pods.NamespaceSelector, &subject.Pods.PodSelector)
		return
	}
	s.addPeer("", subject.Namespaces, nil)
}

func (s *witnesses) addPeer(namespace string, namespaces, pods *metav1.LabelSelector) {
	if namespaces != nil {
		for _, labels := range samples(namespaces) {
			s.namespaces = appendNew(s.namespaces, labels)
		}
		namespace = ""
	}
	if pods != nil {
		s.addSelector(namespace, pods)
	}
}

func (s *witnesses) addSelector(namespace string, selector *metav1.LabelSelector) {
	for _, labels := range samples(selector) {
		s.addPods(namespace, labels)
	}
}

// addPods adds pods in the namespace and, so that it shows when a selector reaches farther, in one that is made up.
func (s *witnesses) addPods(namespace string, labels map[string]string) {
	s.pods[namespace] = appendNew(s.pods[namespace], labels)
	if namespace != "" {
		s.pods[witnessName(0)] = appendNew(s.pods[witnessName(0)], labels)
	}
}

// witnessName is a name that no real namespace and no real pod can have.
func witnessName(i int) string { return fmt.Sprintf("witness %d", i+1) }

func appendNew(list []map[string]string, labels map[string]string) []map[string]string {
	if len(labels) == 0 || slices.ContainsFunc(list, func(o map[string]string) bool { return maps.Equal(o, labels) }) {
		return list
	}
	return append(list, labels)
}

// samples returns labels that the selector matches, and for every requirement labels that differ in it. Labels without anything are there anyhow.
func samples(selector *metav1.LabelSelector) []map[string]string {
	match := maps.Clone(selector.MatchLabels)
	if match == nil {
		match = map[string]string{}
	}
	for _, r := range selector.MatchExpressions {
		switch {
		case r.Operator == metav1.LabelSelectorOpIn && len(r.Values) > 0:
			match[r.Key] = r.Values[0]
		case r.Operator == metav1.LabelSelectorOpExists:
			if match[r.Key] == "" {
				match[r.Key] = "made-up"
			}
		}
	}
	list := []map[string]string{match}
	for _, r := range selector.MatchExpressions {
		values := r.Values
		if len(values) == 0 {
			values = []string{"made-up"}
		}
		for _, value := range values {
			differing := maps.Clone(match)
			differing[r.Key] = value
			list = append(list, differing)
		}
	}
	return list
}

// collectPorts gives every name of a port a number of its own, for the protocols that the policies ask for under this name.
func (s *witnesses) collectPorts(p *policy.Policy) {
	for _, d := range policy.Directions {
		for _, rule := range p.Rules[d] {
			for _, port := range rule.Ports {
				known := slices.ContainsFunc(s.ports, func(n policy.NamedPort) bool { return n.Name == port.Name && n.Protocol == port.Protocol })
				if port.Name != "" && !known {
					s.ports = append(s.ports, policy.NamedPort{Name: port.Name, Protocol: port.Protocol, Number: uint16(30000 + len(s.ports))})
				}
			}
		}
	}
}
