package policy

import (
	"strings"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

// FromAlphaObject converts an alpha policy as a dynamic client hands it over. See FromAlphaNetworkPolicy.
func FromAlphaObject(object map[string]any) *Policy {
	np, errs := v1alpha1.DecodeObject(object)
	return FromAlphaNetworkPolicy(np, errs)
}

// FromAlphaNetworkPolicy converts an alpha policy; errs are what Decode found wrong with it. The result takes part only while its
// namespace is isolated. If anything is wrong with the policy it allows nothing and its Problem says what; the exception is an entry of
// from that selects nothing, which matches nothing while the others count.
func FromAlphaNetworkPolicy(np *v1alpha1.NetworkPolicy, errs field.ErrorList) *Policy {
	p := &Policy{
		Ref:          Ref{Kind: KindAlphaNetworkPolicy, Namespace: np.Namespace, Name: np.Name},
		Tier:         NetworkPolicy,
		WhenIsolated: true,
	}
	errs = append(errs[:len(errs):len(errs)], v1alpha1.Validate(np)...)
	selector, err := SelectLabels(np.Spec.PodSelector)
	if err != nil || !v1alpha1.SubjectsSound(errs) {
		selector = Everything()
	}
	p.Subject = PodSelector{Namespace: np.Namespace, Pods: selector}
	if np.Spec.AllowIncoming != nil && !fatal(errs) {
		p.Rules[Ingress] = []Rule{alphaRule(np.Namespace, np.Spec.AllowIncoming)}
	}
	p.Problems = alphaProblems(errs)
	return p
}

// fatal reports whether there is any error besides entries of from without a selector.
func fatal(errs field.ErrorList) bool {
	for _, err := range errs {
		if err.Type != field.ErrorTypeRequired || !strings.HasPrefix(err.Field, "spec.allowIncoming.from[") {
			return true
		}
	}
	return false
}

func alphaProblems(errs field.ErrorList) []Problem {
	consequence := "that entry matches nothing"
	if fatal(errs) {
		consequence = "until that is changed the policy allows nothing"
	}
	var found problems
	for _, err := range errs {
		found = append(found, Problem{Field: err.Field, Message: err.ErrorBody()})
	}
	return found.followedBy(consequence)
}

func alphaRule(namespace string, allow *v1alpha1.AllowIncoming) Rule {
	path := field.NewPath("spec", "allowIncoming")
	rule := Rule{Action: Accept, Field: path.String()}
	for i := range allow.From {
		peer := alphaPeer(namespace, &allow.From[i])
		peer.Field = path.Child("from").Index(i).String()
		rule.Peers = append(rule.Peers, peer)
	}
	for i := range allow.ToPorts {
		port := alphaPort(&allow.ToPorts[i])
		port.Field = path.Child("toPorts").Index(i).String()
		rule.Ports = append(rule.Ports, port)
	}
	return rule
}

// alphaPeer converts a validated entry. What is not expressible selects nothing, because the zero Selector does.
func alphaPeer(namespace string, peer *v1alpha1.Peer) Peer {
	if peer.Pods == nil && peer.Namespaces == nil {
		return Peer{}
	}
	pods := PodSelector{Namespace: namespace, Pods: Everything()}
	if peer.Pods != nil {
		pods.Pods, _ = SelectLabels(*peer.Pods)
	}
	if peer.Namespaces != nil {
		pods.Namespace = ""
		pods.Namespaces, _ = SelectLabels(*peer.Namespaces)
	}
	return Peer{Pods: &pods}
}

func alphaPort(port *v1alpha1.Port) Port {
	text, _ := v1alpha1.ParseProtocol(port.Protocol)
	protocol, _ := ProtocolOf(text)
	converted := Port{Protocol: protocol}
	if port.Port == nil {
		return converted
	}
	if port.Port.Type == intstr.String {
		converted.Name = port.Port.StrVal
		return converted
	}
	converted.Number = uint16(port.Port.IntVal)
	return converted
}
