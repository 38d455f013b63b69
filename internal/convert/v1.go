package convert

import (
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// ToV1 converts the alpha policies and the isolation of namespaces to networking.k8s.io/v1. The isolation of a namespace becomes a policy that isolates
// all its pods for ingress. Alpha policies of other namespaces have no effect; they are left out, and a note says so.
func ToV1(w *manifest.World) *Result {
	r := &Result{replaced: map[policy.Ref]bool{}, isolations: true}
	taken := map[string]names{}
	isolated := map[string]bool{}
	for _, ns := range w.Namespaces {
		taken[ns.Name], isolated[ns.Name] = names{}, ns.Isolation != nil
	}
	for _, o := range w.Objects {
		if np, ok := o.Value.(*networkingv1.NetworkPolicy); ok {
			taken[np.Namespace][np.Name] = true
		}
	}
	for _, o := range w.Objects {
		if np, ok := o.Value.(*v1alpha1.NetworkPolicy); ok {
			r.alpha(o, np, isolated[np.Namespace], taken[np.Namespace])
		}
	}
	for _, o := range w.Objects {
		if ns, ok := o.Value.(*corev1.Namespace); ok && isolated[ns.Name] {
			r.isolation(o, taken[ns.Name])
		}
	}
	r.sort()
	return r
}

// isolation adds the policy that a namespace's annotation amounts to. A value that is neither on nor off isolates, too.
func (r *Result) isolation(o *manifest.Object, taken names) {
	r.Objects = append(r.Objects, &networkingv1.NetworkPolicy{
		TypeMeta:   typeV1,
		ObjectMeta: metav1.ObjectMeta{Namespace: o.Name, Name: taken.free("default-deny-ingress")},
		Spec:       networkingv1.NetworkPolicySpec{PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}},
	})
	r.note(o, "metadata.annotations["+policy.IsolationAnnotation+"]", "the new policies do without the annotation; take it away when the alpha policies have gone")
}

var typeV1 = metav1.TypeMeta{APIVersion: "networking.k8s.io/v1", Kind: "NetworkPolicy"}

func (r *Result) alpha(o *manifest.Object, np *v1alpha1.NetworkPolicy, isolated bool, taken names) {
	ref := o.Policy.Ref
	switch {
	case !isolated:
		r.replaced[ref] = true
		r.note(o, "", "is left out, because it has no effect: namespace %s is not isolated", np.Namespace)
		return
	case np.Spec.AllowIncoming != nil && len(o.Policy.Rules[policy.Ingress]) == 0 || np.Spec.AllowIncoming == nil && len(o.Policy.Problems) > 0:
		r.broken(o)
		return
	}
	r.replaced[ref] = true
	name := taken.free(np.Name)
	if name != np.Name {
		r.note(o, "metadata.name", "becomes %s, because there is a NetworkPolicy %s/%s of networking.k8s.io/v1 already", name, np.Namespace, np.Name)
	}
	converted := &networkingv1.NetworkPolicy{TypeMeta: typeV1, ObjectMeta: metaOf(np, np.Namespace, name)}
	converted.Spec.PodSelector.MatchLabels = np.Spec.PodSelector
	converted.Spec.PolicyTypes = []networkingv1.PolicyType{networkingv1.PolicyTypeIngress}
	if np.Spec.AllowIncoming != nil {
		converted.Spec.Ingress = r.allowIncoming(o, np.Spec.AllowIncoming)
	}
	r.Objects = append(r.Objects, converted)
}

// allowIncoming converts what the policy allows to one rule; to none where every entry of from matches nothing, because a rule without entries
// would match everybody.
func (r *Result) allowIncoming(o *manifest.Object, allow *v1alpha1.AllowIncoming) []networkingv1.NetworkPolicyIngressRule {
	var rule networkingv1.NetworkPolicyIngressRule
	for i := range allow.From {
		from := &allow.From[i]
		if from.Pods == nil && from.Namespaces == nil {
			r.note(o, o.Policy.Rules[policy.Ingress][0].Peers[i].Field, "is left out, because an entry with neither pods nor namespaces matches nothing")
			continue
		}
		rule.From = append(rule.From, networkingv1.NetworkPolicyPeer{PodSelector: labelSelector(from.Pods), NamespaceSelector: labelSelector(from.Namespaces)})
	}
	if len(allow.From) > 0 && len(rule.From) == 0 {
		return nil
	}
	for i := range allow.ToPorts {
		rule.Ports = append(rule.Ports, alphaPort(&allow.ToPorts[i]))
	}
	return []networkingv1.NetworkPolicyIngressRule{rule}
}

// labelSelector keeps apart what is absent and what is empty and matches all of its kind.
func labelSelector(set *map[string]string) *metav1.LabelSelector {
	if set == nil {
		return nil
	}
	return &metav1.LabelSelector{MatchLabels: *set}
}

// alphaPort writes the protocol out: the alpha API takes it in any case, and TCP where it is absent.
func alphaPort(port *v1alpha1.Port) networkingv1.NetworkPolicyPort {
	// The policy is sound, so the protocol is.
	protocol, _ := v1alpha1.ParseProtocol(port.Protocol)
	return networkingv1.NetworkPolicyPort{Protocol: &protocol, Port: port.Port}
}
