package v1alpha1

import (
	"maps"
	"slices"

	"k8s.io/apimachinery/pkg/util/intstr"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"
)

// Validate says what is wrong with the values of a policy, each problem with its field path. An empty list means that
// the policy is sound. At most maxProblems are listed.
func Validate(p *NetworkPolicy) field.ErrorList {
	var found problems
	spec := field.NewPath("spec")
	validateLabels(&found, spec.Child("podSelector"), p.Spec.PodSelector)
	if p.Spec.AllowIncoming != nil {
		validateIncoming(&found, spec.Child("allowIncoming"), p.Spec.AllowIncoming)
	}
	return found.list()
}

func validateIncoming(found *problems, path *field.Path, incoming *AllowIncoming) {
	from, toPorts := path.Child("from"), path.Child("toPorts")
	if len(incoming.From) > MaxPeers {
		found.add(field.TooMany(from, len(incoming.From), MaxPeers))
	}
	for i := range incoming.From {
		validatePeer(found, from.Index(i), &incoming.From[i])
	}
	if len(incoming.ToPorts) > MaxPorts {
		found.add(field.TooMany(toPorts, len(incoming.ToPorts), MaxPorts))
	}
	for i := range incoming.ToPorts {
		validatePort(found, toPorts.Index(i), &incoming.ToPorts[i])
	}
}

func validatePeer(found *problems, path *field.Path, peer *Peer) {
	if peer.Pods == nil && peer.Namespaces == nil {
		found.add(field.Required(path, "needs pods, namespaces or both; an empty map {} selects all of its kind"))
		return
	}
	if peer.Pods != nil {
		validateLabels(found, path.Child("pods"), *peer.Pods)
	}
	if peer.Namespaces != nil {
		validateLabels(found, path.Child("namespaces"), *peer.Namespaces)
	}
}

func validatePort(found *problems, path *field.Path, port *Port) {
	if port.Port != nil {
		validatePortValue(found, path.Child("port"), *port.Port)
	}
	if _, err := ParseProtocol(port.Protocol); err != nil {
		found.add(field.NotSupported(path.Child("protocol"), shorten(*port.Protocol), protocols))
	}
}

func validatePortValue(found *problems, path *field.Path, port intstr.IntOrString) {
	if port.Type == intstr.Int {
		for _, why := range validation.IsValidPortNum(int(port.IntVal)) {
			found.add(field.Invalid(path, port.IntVal, why))
		}
		return
	}
	for _, why := range validation.IsValidPortName(port.StrVal) {
		found.add(field.Invalid(path, shorten(port.StrVal), "port name "+why+"; a port number is written without quotes"))
	}
}

func validateLabels(found *problems, path *field.Path, labels map[string]string) {
	for _, key := range slices.Sorted(maps.Keys(labels)) {
		for _, why := range validation.IsQualifiedName(key) {
			found.add(field.Invalid(path.Key(shorten(key)), shorten(key), "label key "+why))
		}
		for _, why := range validation.IsValidLabelValue(labels[key]) {
			found.add(field.Invalid(path.Key(shorten(key)), shorten(labels[key]), "label value "+why))
		}
		if found.full() {
			return
		}
	}
}
