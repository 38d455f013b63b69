package policy

import (
	"fmt"
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
	if len(errs) > 0 {
		p.Problems = []Problem{{Message: alphaProblem(errs, fatal(errs))}}
	}
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

func alphaProblem(errs field.ErrorList, fatal bool) string {
	consequence := "that entry matches nothing"
	if fatal {
		consequence = "until that is changed the policy allows nothing"
	}
	more := ""
	if len(errs) > 1 {
		more = fmt.Sprintf(" (and %d more)", len(errs)-1)
	}
	return fmt.Sprintf("%v%s; %s", errs[0], more, consequence)
}

func alphaRule(namespace string, allow *v1alpha1.AllowIncoming) Rule {
	rule := Rule{Action: Accept}
	for i := range allow.From {
		rule.Peers = append(rule.Peers, alphaPeer(namespace, &allow.From[i]))
	}
	for i := range allow.ToPorts {
		rule.Ports = append(rule.Ports, alphaPort(&allow.ToPorts[i]))
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
	protocol, _ := protocolOf(text)
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
