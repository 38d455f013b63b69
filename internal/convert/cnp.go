package convert

import (
	"math"
	"slices"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// maxItems is how many rules, peers, ports and networks the API takes in one list (ClusterNetworkPolicySpec and its parts).
const maxItems = 25

// usualPriority is that of the converted rules, where no policy of the tier Baseline is in the way.
const usualPriority = 500

// ToClusterNetworkPolicy converts the policies of networking.k8s.io/v1 that isolate for egress alone.
//
// Their place is the tier Baseline: it comes after Admin, as tier NetworkPolicy does, so that what an Admin policy passes on is judged as before; in tier
// Admin, a Pass would skip them. What the policies accept adds up, so every Accept rule must come before every Deny: the rules have one priority, and the
// Denies that stand for isolation the next one, before what else is in tier Baseline.
//
// Isolation for ingress has no equivalent: it also denies what comes from outside the cluster and from other nodes, and the ingress rules of a
// ClusterNetworkPolicy have pods alone as peers. Policies that isolate for it are refused; with partial those that isolate for both are converted for egress,
// and stay for ingress, as a NetworkPolicy without egress that is among the new objects.
func ToClusterNetworkPolicy(w *manifest.World, partial bool) *Result {
	r := &Result{replaced: map[policy.Ref]bool{}}
	c := cnpConverter{result: r, partial: partial, priority: usualPriority, taken: names{}, denied: map[string]bool{}}
	c.makeRoom(w)
	for _, o := range inOrder(w.Objects) {
		if np, ok := o.Value.(*networkingv1.NetworkPolicy); ok {
			c.policy(o, np)
		}
	}
	r.sort()
	return r
}

func inOrder(objects []*manifest.Object) []*manifest.Object {
	sorted := slices.Clone(objects)
	slices.SortStableFunc(sorted, func(a, b *manifest.Object) int {
		if a.Policy == nil || b.Policy == nil {
			return 0
		}
		return policy.Compare(a.Policy, b.Policy)
	})
	return sorted
}

// cnpConverter converts the policies of one world.
type cnpConverter struct {
	result   *Result
	partial  bool
	priority int32
	// full names the policy of tier Baseline before which there is no room for two priorities; nil: there is room.
	full   *policy.Ref
	taken  names
	denied map[string]bool // subjects whose Deny is there
}

// makeRoom finds two priorities before all policies of tier Baseline. The lowest is 0.
func (c *cnpConverter) makeRoom(w *manifest.World) {
	for _, p := range w.Policies {
		if p.Ref.Kind == policy.KindClusterNetworkPolicy {
			c.taken[p.Ref.Name] = true
		}
		if p.Tier != policy.Baseline || p.Priority > c.priority+1 {
			continue
		}
		c.priority = p.Priority - 2
		if c.priority < 0 {
			c.full = &p.Ref
		}
	}
}

func (c *cnpConverter) policy(o *manifest.Object, np *networkingv1.NetworkPolicy) {
	r := c.result
	switch {
	case r.broken(o):
		return
	case c.full != nil:
		r.refuse(o, "", "must be evaluated before %s, but that has the first or second priority of tier Baseline; give it a higher number", *c.full)
		return
	case o.Policy.Isolates[policy.Ingress] && !(c.partial && o.Policy.Isolates[policy.Egress]):
		r.refuse(o, "spec.policyTypes", "isolates for ingress, also from outside the cluster and from other nodes, and an ingress rule of a ClusterNetworkPolicy "+
			"can name pods only")
		return
	}
	var rules []v1alpha2.ClusterNetworkPolicyEgressRule
	for i := range np.Spec.Egress {
		converted, problem := c.rule(o, np, i)
		if problem != nil {
			r.refuse(o, problem.Field, "%s", problem.Detail)
			return
		}
		rules = append(rules, converted...)
	}
	r.replaced[o.Policy.Ref] = true
	if o.Policy.Isolates[policy.Ingress] {
		r.keepIngress(o, np)
	}
	subject := podsOf(np.Namespace, nil, &np.Spec.PodSelector)
	meta := metaOf(np, "", np.Namespace+"-"+np.Name)
	for part := range slices.Chunk(rules, maxItems) {
		c.add(meta, c.priority, subject, part)
	}
	if key := o.Policy.Subject.Key(); !c.denied[key] {
		c.denied[key] = true
		meta.Name += "-deny"
		c.add(meta, c.priority+1, subject, []v1alpha2.ClusterNetworkPolicyEgressRule{{
			Action: v1alpha2.ClusterNetworkPolicyRuleActionDeny, To: []v1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: everywhere}},
		}})
	}
}

// keepIngress adds what stays of a policy whose egress is converted.
func (r *Result) keepIngress(o *manifest.Object, np *networkingv1.NetworkPolicy) {
	r.note(o, "spec.policyTypes", "stays for ingress, without egress")
	r.Objects = append(r.Objects, &networkingv1.NetworkPolicy{
		TypeMeta: typeV1, ObjectMeta: metaOf(np, np.Namespace, np.Name),
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: np.Spec.PodSelector, Ingress: np.Spec.Ingress, PolicyTypes: []networkingv1.PolicyType{networkingv1.PolicyTypeIngress},
		},
	})
}

// everywhere is every address: of pods, of nodes and outside.
var everywhere = []v1alpha2.CIDR{"0.0.0.0/0", "::/0"}

func (c *cnpConverter) add(meta metav1.ObjectMeta, priority int32, subject *v1alpha2.NamespacedPod, egress []v1alpha2.ClusterNetworkPolicyEgressRule) {
	meta.Name = c.taken.free(meta.Name)
	c.result.Objects = append(c.result.Objects, &v1alpha2.ClusterNetworkPolicy{
		TypeMeta:   metav1.TypeMeta{APIVersion: "policy.networking.k8s.io/v1alpha2", Kind: "ClusterNetworkPolicy"},
		ObjectMeta: meta,
		Spec: v1alpha2.ClusterNetworkPolicySpec{
			Tier: v1alpha2.BaselineTier, Priority: priority, Subject: v1alpha2.ClusterNetworkPolicySubject{Pods: subject}, Egress: egress,
		},
	})
}

// podsOf returns pods by label, of the namespaces that the selector selects or else of the one of that name.
func podsOf(namespace string, namespaces, pods *metav1.LabelSelector) *v1alpha2.NamespacedPod {
	if namespaces == nil {
		namespaces = &metav1.LabelSelector{MatchLabels: map[string]string{corev1.LabelMetadataName: namespace}}
	}
	return &v1alpha2.NamespacedPod{NamespaceSelector: *namespaces, PodSelector: *pods}
}

// rule converts one rule to as many as the limits of the API make necessary. All of them accept, so that their order does not matter.
func (c *cnpConverter) rule(o *manifest.Object, np *networkingv1.NetworkPolicy, i int) ([]v1alpha2.ClusterNetworkPolicyEgressRule, *field.Error) {
	path := field.NewPath("spec", "egress").Index(i)
	source, model := &np.Spec.Egress[i], &o.Policy.Rules[policy.Egress][i]
	numbers, named := cnpPorts(model.Ports)
	pods, networks := cnpPeers(np.Namespace, source.To, model.Peers)
	if i := slices.IndexFunc(source.To, func(p networkingv1.NetworkPolicyPeer) bool { return p.IPBlock != nil }); i >= 0 && len(named) > 0 {
		return nil, field.Forbidden(path.Child("to").Index(i).Child("ipBlock"), "a ClusterNetworkPolicy has no names of ports for networks; write the numbers of the ports")
	}
	if len(named) > 0 {
		c.result.note(o, path.Child("ports").String(), "a ClusterNetworkPolicy does not say the protocol of a port's name: a pod that gives a port of another protocol the same name is reached there too")
	}
	if model.Peers == nil {
		// Only pods have names of ports; numbers are for everybody.
		pods, networks = []v1alpha2.ClusterNetworkPolicyEgressPeer{{Namespaces: &metav1.LabelSelector{}}}, []v1alpha2.ClusterNetworkPolicyEgressPeer{{Networks: everywhere}}
	}
	var rules []v1alpha2.ClusterNetworkPolicyEgressRule
	switch {
	case model.Ports == nil:
		rules = cnpRules(rules, networks, nil)
		if model.Peers != nil {
			rules = cnpRules(rules, pods, nil)
		}
		return rules, nil
	case model.Peers == nil:
		return cnpRules(cnpRules(rules, networks, numbers), pods, named), nil
	}
	return cnpRules(cnpRules(rules, networks, numbers), pods, append(numbers, named...)), nil
}

// cnpRules appends rules for all peers and ports, in lists as short as the API wants them. ports nil: every port; empty peers or ports otherwise: nothing.
func cnpRules(rules []v1alpha2.ClusterNetworkPolicyEgressRule, peers []v1alpha2.ClusterNetworkPolicyEgressPeer, ports []v1alpha2.ClusterNetworkPolicyProtocol) []v1alpha2.ClusterNetworkPolicyEgressRule {
	for to := range slices.Chunk(peers, maxItems) {
		rule := v1alpha2.ClusterNetworkPolicyEgressRule{Action: v1alpha2.ClusterNetworkPolicyRuleActionAccept, To: to}
		if ports == nil {
			rules = append(rules, rule)
		}
		for part := range slices.Chunk(ports, maxItems) {
			rule.Protocols = part
			rules = append(rules, rule)
		}
	}
	return rules
}

// cnpPeers converts peers: pods, and networks without what is excepted, as the API has no exceptions.
func cnpPeers(namespace string, to []networkingv1.NetworkPolicyPeer, model []policy.Peer) (pods, networks []v1alpha2.ClusterNetworkPolicyEgressPeer) {
	var cidrs []v1alpha2.CIDR
	for i := range to {
		switch peer := &to[i]; {
		case peer.IPBlock != nil:
			for _, p := range model[i].Network.Prefixes() {
				cidrs = append(cidrs, v1alpha2.CIDR(p.String()))
			}
		case peer.PodSelector == nil:
			pods = append(pods, v1alpha2.ClusterNetworkPolicyEgressPeer{Namespaces: peer.NamespaceSelector})
		default:
			pods = append(pods, v1alpha2.ClusterNetworkPolicyEgressPeer{Pods: podsOf(namespace, peer.NamespaceSelector, peer.PodSelector)})
		}
	}
	for part := range slices.Chunk(cidrs, maxItems) {
		networks = append(networks, v1alpha2.ClusterNetworkPolicyEgressPeer{Networks: part})
	}
	return pods, networks
}

// cnpPorts converts ports: those with numbers, and names. Both are not nil when the rule is about ports.
func cnpPorts(ports []policy.Port) (numbers, named []v1alpha2.ClusterNetworkPolicyProtocol) {
	numbers, named = []v1alpha2.ClusterNetworkPolicyProtocol{}, []v1alpha2.ClusterNetworkPolicyProtocol{}
	for _, p := range ports {
		if p.Name != "" {
			named = append(named, v1alpha2.ClusterNetworkPolicyProtocol{DestinationNamedPort: p.Name})
			continue
		}
		numbers = append(numbers, cnpPort(p))
	}
	return numbers, named
}

func cnpPort(p policy.Port) v1alpha2.ClusterNetworkPolicyProtocol {
	// A protocol without a port is invalid: every port is a range.
	port := &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: 1, End: math.MaxUint16}}
	switch {
	case p.End > p.Number:
		// A range of one port is invalid.
		port = &v1alpha2.Port{Range: &v1alpha2.PortRange{Start: int32(p.Number), End: int32(p.End)}}
	case p.Number != 0:
		port = &v1alpha2.Port{Number: int32(p.Number)}
	}
	switch p.Protocol {
	case policy.UDP:
		return v1alpha2.ClusterNetworkPolicyProtocol{UDP: &v1alpha2.ClusterNetworkPolicyProtocolUDP{DestinationPort: port}}
	case policy.SCTP:
		return v1alpha2.ClusterNetworkPolicyProtocol{SCTP: &v1alpha2.ClusterNetworkPolicyProtocolSCTP{DestinationPort: port}}
	}
	return v1alpha2.ClusterNetworkPolicyProtocol{TCP: &v1alpha2.ClusterNetworkPolicyProtocolTCP{DestinationPort: port}}
}
