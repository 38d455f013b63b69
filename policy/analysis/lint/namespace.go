package lint

import (
	"fmt"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"
	"k8s.io/apimachinery/pkg/labels"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// unknownNamespaces finds namespaces that are named, and that nothing else speaks of.
func (v *view) unknownNamespaces() []Finding {
	var found []Finding
	for _, p := range v.Policies {
		if name := p.Ref.Namespace; name != "" && len(v.Written) > 0 && !v.exists(name) {
			found = append(found, v.unknown(p, "metadata.namespace", name, "lies in"))
		}
		if p.Subject.Namespace == "" {
			for _, name := range v.unknownNames(p.Subject.Namespaces) {
				found = append(found, v.unknown(p, subjectField(p), name, "is about"))
			}
		}
	}
	for r := range v.rules() {
		for _, peer := range r.Peers {
			if peer.Pods == nil || peer.Pods.Namespace != "" {
				continue
			}
			for _, name := range v.unknownNames(peer.Pods.Namespaces) {
				found = append(found, v.unknown(r.policy, fieldOf(peer.Field, r), name, "has a peer in"))
			}
		}
	}
	return found
}

func (v *view) unknown(p *policy.Policy, field, name, verb string) Finding {
	advice := "correct the name, or add its Namespace to the manifests"
	if near := nearest.Name(name, v.names()); near != "" {
		advice = fmt.Sprintf("did you mean %s?", near)
	}
	return Finding{Ref: p.Ref, Field: field, Message: fmt.Sprintf("%s %s namespace %s, which is not in the manifests", p.Ref, verb, name), Advice: advice}
}

func fieldOf(field string, r rule) string {
	if field == "" {
		return r.Field
	}
	return field
}

// names returns the namespaces that something besides policies speaks of.
func (v *view) names() []string {
	var names []string
	for _, ns := range v.Namespaces {
		if v.exists(ns.Name) {
			names = append(names, ns.Name)
		}
	}
	return names
}

// unknownNames returns the names that a namespace selector asks for and that no namespace has. Where no Namespace was written only those count
// that are like one that there is: the others may well be in the cluster.
func (v *view) unknownNames(s policy.Selector) []string {
	var unknown []string
	for _, r := range s.Requirements() {
		if r.Key() != corev1.LabelMetadataName || !isIn(r) {
			continue
		}
		for _, name := range slices.Sorted(slices.Values(r.ValuesUnsorted())) {
			if !v.exists(name) && (len(v.Written) > 0 || nearest.Name(name, v.names()) != "") {
				unknown = append(unknown, name)
			}
		}
	}
	return unknown
}

// mayBeSystem reports whether the selector may mean a namespace that is in every cluster and whose labels were not written, by its name under any key.
func (v *view) mayBeSystem(s policy.Selector) bool {
	for _, r := range s.Requirements() {
		for _, value := range r.ValuesUnsorted() {
			if isSystem(value) && !v.Written[value] || strings.HasPrefix(value, "kube-") || strings.HasPrefix(value, "openshift-") {
				return true
			}
		}
	}
	system := labels.Set{corev1.LabelMetadataName: metaSystem}
	return !v.Written[metaSystem] && s.Matches(system)
}

// nameUnderOtherKey finds the common slip of selecting a namespace by a label "name" that it does not have.
func (v *view) nameUnderOtherKey(s policy.Selector) string {
	for _, r := range s.Requirements() {
		if !isIn(r) || len(r.ValuesUnsorted()) != 1 || r.Key() == corev1.LabelMetadataName {
			continue
		}
		value := r.ValuesUnsorted()[0]
		if v.Written[value] && slices.Contains([]string{"name", "namespace", "ns"}, r.Key()[strings.LastIndex(r.Key(), "/")+1:]) {
			return corev1.LabelMetadataName + "=" + value
		}
	}
	return ""
}
