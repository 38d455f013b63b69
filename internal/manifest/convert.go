package manifest

import (
	"cmp"
	"net/netip"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	apiv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	apiv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/policy"
)

// finish makes the world of the objects.
func (r *reader) finish() (*World, error) {
	w := r.world
	for _, o := range w.Objects {
		w.convert(o)
	}
	w.addWorkloads()
	w.addNamespaces()
	giveAddresses(w.Nodes, w.Pods)
	w.countClaims()
	w.sort()
	return w, nil
}

// convert adds to the world what an object amounts to.
func (w *World) convert(o *Object) {
	switch object := o.Value.(type) {
	case *corev1.Namespace:
		ns := policy.FromNamespace(object)
		w.Namespaces = append(w.Namespaces, ns)
		o.Policy = ns.Isolation
		w.remember(o)
	case *corev1.Node:
		w.Nodes = append(w.Nodes, policy.FromNode(object))
	case *corev1.Pod:
		o.Pod = policy.FromPod(object)
		w.Pods = append(w.Pods, o.Pod)
	case *corev1.Service:
		w.Services = append(w.Services, policy.FromService(object))
	case *networkingv1.NetworkPolicy:
		w.addPolicy(o, policy.FromNetworkPolicy(object))
	case *v1alpha1.NetworkPolicy:
		w.addPolicy(o, fromAlpha(o))
	case *apiv1alpha2.ClusterNetworkPolicy:
		w.addPolicy(o, policy.FromClusterNetworkPolicy(object))
	case *apiv1alpha1.AdminNetworkPolicy:
		w.addPolicy(o, policy.FromAdminNetworkPolicy(object))
	case *apiv1alpha1.BaselineAdminNetworkPolicy:
		w.addPolicy(o, policy.FromBaselineAdminNetworkPolicy(object))
	}
}

// fromAlpha converts from what was written, because a null means something else there than an absent field.
func fromAlpha(o *Object) *policy.Policy {
	np, errs := v1alpha1.DecodeObject(o.value.plain().(map[string]any))
	np.Namespace, np.Name = o.Namespace, o.Name
	return policy.FromAlphaNetworkPolicy(np, errs)
}

func (w *World) addPolicy(o *Object, p *policy.Policy) {
	o.Policy = p
	w.Policies = append(w.Policies, p)
	w.remember(o)
}

func (w *World) remember(o *Object) {
	if o.Policy != nil {
		w.byRef[keyOf(o.Policy.Ref)] = o
	}
}

// addNamespaces adds those that objects lie in and nobody wrote.
func (w *World) addNamespaces() {
	known := map[string]bool{}
	for _, ns := range w.Namespaces {
		known[ns.Name] = true
	}
	for _, o := range w.Objects {
		if o.Value != nil && o.Namespace != "" && !known[o.Namespace] {
			known[o.Namespace] = true
			w.Namespaces = append(w.Namespaces, policy.FromNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: o.Namespace}}))
		}
	}
}

// countClaims counts the pods at each address. Those that are over, and those in the network of their node, have none of their own.
func (w *World) countClaims() {
	w.claims = map[netip.Addr]int{}
	for _, p := range w.Pods {
		if p.HostNetwork || p.Terminated {
			continue
		}
		for _, a := range p.Addresses {
			w.claims[a]++
		}
	}
}

// sort makes the world independent of the order of files and documents.
func (w *World) sort() {
	slices.SortFunc(w.Namespaces, func(a, b *policy.Namespace) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Nodes, func(a, b *policy.Node) int { return cmp.Compare(a.Name, b.Name) })
	slices.SortFunc(w.Services, func(a, b *policy.Service) int {
		return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
	})
	slices.SortFunc(w.Pods, comparePods)
	policy.Sort(w.Policies)
}

func comparePods(a, b *policy.Pod) int {
	return cmp.Or(cmp.Compare(a.Namespace, b.Namespace), cmp.Compare(a.Name, b.Name))
}
