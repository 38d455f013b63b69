package lint

import (
	"iter"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

// view is a world with what the checks ask of it again and again.
type view struct {
	*World
	set        *policy.Set
	namespaces map[string]*policy.Namespace
	pods       map[string][]*policy.Pod // by namespace
	// policies are those in effect, in the order of evaluation, without the isolations of namespaces.
	policies []*policy.Policy
	all      []rule
	// about are the rules by direction and namespace of their subject; "" is all or some namespaces.
	about [2]map[string][]rule
	// picked remembers what selectors select.
	picked map[string][]*policy.Pod
	// implied remembers which selectors imply which.
	implied map[[2]string]bool
}

func newView(w *World) *view {
	v := &view{World: w, set: w.Set(), namespaces: map[string]*policy.Namespace{}, pods: map[string][]*policy.Pod{}, picked: map[string][]*policy.Pod{}, implied: map[[2]string]bool{}}
	for d := range v.about {
		v.about[d] = map[string][]rule{}
	}
	for _, ns := range w.Namespaces {
		v.namespaces[ns.Name] = ns
	}
	for _, pod := range w.Pods {
		if v.namespaces[pod.Namespace] != nil {
			v.pods[pod.Namespace] = append(v.pods[pod.Namespace], pod)
		}
	}
	for _, p := range w.Policies {
		if p.InEffect(v.namespaces[p.Ref.Namespace]) {
			v.policies = append(v.policies, p)
		}
	}
	policy.Sort(v.policies)
	v.findRules()
	return v
}

// rule is one rule of a policy in effect, with its policy and its place.
type rule struct {
	policy    *policy.Policy
	direction policy.Direction
	*policy.Rule
	place int // in the order of evaluation
}

// findRules collects all rules in the order of evaluation, ingress before egress. Rules with a problem are left out: they have been replaced by what
// fails closed, and their problem is a finding.
func (v *view) findRules() {
	for _, d := range policy.Directions {
		for _, p := range v.policies {
			for i := range p.Rules[d] {
				r := rule{p, d, &p.Rules[d][i], len(v.all)}
				if r.broken() {
					continue
				}
				v.all = append(v.all, r)
				v.about[d][p.Subject.Namespace] = append(v.about[d][p.Subject.Namespace], r)
			}
		}
	}
}

// rules goes through all sound rules in the order of evaluation, ingress before egress.
func (v *view) rules() iter.Seq[rule] { return slices.Values(v.all) }

// rivals returns the rules that may be about the same pods in the same direction, in the order of evaluation.
func (v *view) rivals(r rule) []rule {
	own := r.policy.Subject.Namespace
	if own == "" {
		return v.all
	}
	both := slices.Concat(v.about[r.direction][own], v.about[r.direction][""])
	slices.SortFunc(both, func(a, b rule) int { return a.place - b.place })
	return both
}

// broken reports whether there is a problem with the rule, or with its policy as a whole.
func (r rule) broken() bool {
	return slices.ContainsFunc(r.policy.Problems, func(p policy.Problem) bool {
		return within(p.Field, r.Field) || !within(p.Field, "spec.ingress") && !within(p.Field, "spec.egress")
	})
}

// within reports whether the field is the other one or lies below it.
func within(field, other string) bool {
	rest, found := strings.CutPrefix(field, other)
	return found && (rest == "" || rest[0] == '.' || rest[0] == '[')
}

// finding begins a finding about a field of the rule's policy.
func (r rule) finding(field, message, advice string) Finding {
	if field == "" {
		field = r.Field
	}
	return Finding{Ref: r.policy.Ref, Field: field, Message: message, Advice: advice}
}

// selected returns the pods that the selector selects.
func (v *view) selected(s *policy.PodSelector) []*policy.Pod {
	key := s.Key()
	pods, known := v.picked[key]
	if !known {
		pods = v.filter(s.Namespace, s.Matches)
		v.picked[key] = pods
	}
	return pods
}

// inHostNetwork returns the pods that the selector would select if they were not in their node's network.
func (v *view) inHostNetwork(s *policy.PodSelector) []*policy.Pod {
	return v.filter(s.Namespace, func(ns *policy.Namespace, pod *policy.Pod) bool {
		return pod.HostNetwork && s.MatchesNamespace(ns) && s.Pods.Matches(pod.Labels)
	})
}

// anywhere returns the pods of all namespaces that have the labels.
func (v *view) anywhere(labels policy.Selector) []*policy.Pod {
	return v.filter("", func(_ *policy.Namespace, pod *policy.Pod) bool { return !pod.HostNetwork && labels.Matches(pod.Labels) })
}

// filter returns the pods of one namespace, or of all if it is empty, that are to be kept.
func (v *view) filter(namespace string, keep func(*policy.Namespace, *policy.Pod) bool) []*policy.Pod {
	pods := v.Pods
	if namespace != "" {
		pods = v.pods[namespace]
	}
	var kept []*policy.Pod
	for _, pod := range pods {
		if ns := v.namespaces[pod.Namespace]; ns != nil && keep(ns, pod) {
			kept = append(kept, pod)
		}
	}
	return kept
}

// destinations returns the pods at which flows of the rule end, and whether it is only pods.
func (v *view) destinations(r rule) (pods []*policy.Pod, only bool) {
	if r.direction == policy.Ingress {
		return v.selected(&r.policy.Subject), true
	}
	if r.Peers == nil {
		return nil, false
	}
	for _, peer := range r.Peers {
		if peer.Pods == nil {
			return nil, false
		}
		for _, pod := range v.selected(peer.Pods) {
			if !slices.Contains(pods, pod) {
				pods = append(pods, pod)
			}
		}
	}
	return pods, true
}

// exists reports whether something besides policies says that there is such a namespace.
func (v *view) exists(namespace string) bool {
	return v.Written[namespace] || len(v.pods[namespace]) > 0 || isSystem(namespace) ||
		slices.ContainsFunc(v.Services, func(s *policy.Service) bool { return s.Namespace == namespace })
}

// isSystem reports whether the namespace is in every cluster, so that nobody writes it into manifests.
func isSystem(namespace string) bool {
	switch namespace {
	case metaSystem, corev1.NamespaceDefault, "kube-public", corev1.NamespaceNodeLease:
		return true
	}
	return false
}

const metaSystem = "kube-system"
