package analysis

import (
	"cmp"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/hedgerow-net/hedgerow/policy"
)

// namer finds names for groups: by what all pods of a namespace look like. The members of groups must be sorted.
type namer struct {
	pods  map[string][]*policy.Pod // of kind Pods, by namespace
	total int
	kinds [3]int // how many groups there are of each kind
	parts [2]int // how many networks outside, by Family
}

func newNamer(groups []*Group) *namer {
	n := &namer{pods: map[string][]*policy.Pod{}}
	for _, g := range groups {
		n.kinds[g.Kind]++
		for _, p := range g.Networks {
			n.parts[familyOf(p.Addr())]++
		}
		if g.Kind != Pods {
			continue
		}
		n.total += len(g.Pods)
		for _, pod := range g.Pods {
			n.pods[pod.Namespace] = append(n.pods[pod.Namespace], pod)
		}
	}
	return n
}

// nameAll gives every group its name.
func (n *namer) nameAll(groups []*Group) {
	for _, g := range groups {
		switch g.Kind {
		case Pods:
			g.Name = n.name(g.Pods)
		case Nodes:
			g.Name = nodesName(g, n.kinds[Nodes] == 1)
		case Outside:
			g.Name = n.outsideName(g)
		}
	}
	tellApart(groups)
}

// tellApart numbers groups that would have the same name.
func tellApart(groups []*Group) {
	count := map[string]int{}
	for _, g := range groups {
		count[g.Name]++
		if k := count[g.Name]; k > 1 {
			g.Name = fmt.Sprintf("%s #%d", g.Name, k)
		}
	}
}

// name of pods: "shop/app=web (3 pods)", "shop/* (5 pods)", "shop/web-0", "every pod (9)".
func (n *namer) name(pods []*policy.Pod) string {
	if len(pods) == n.total && len(n.pods) > 1 {
		return fmt.Sprintf("every pod (%d)", n.total)
	}
	byNamespace := map[string][]*policy.Pod{}
	for _, pod := range pods {
		byNamespace[pod.Namespace] = append(byNamespace[pod.Namespace], pod)
	}
	var parts []string
	for _, namespace := range slices.Sorted(maps.Keys(byNamespace)) {
		parts = append(parts, namespace+"/"+n.within(namespace, byNamespace[namespace]))
	}
	text := some(parts, 3, "namespaces")
	if len(pods) == 1 {
		return text
	}
	return fmt.Sprintf("%s (%d pods)", text, len(pods))
}

// within names pods among those of their namespace.
func (n *namer) within(namespace string, pods []*policy.Pod) string {
	all := n.pods[namespace]
	if len(pods) == 1 {
		return pods[0].Name
	}
	if len(pods) == len(all) {
		return "*"
	}
	if label := commonLabel(pods, all); label != "" {
		return label
	}
	names := make([]string, len(pods))
	for i, pod := range pods {
		names[i] = pod.Name
	}
	return some(names, 2, "pods")
}

// some lists up to most texts, and says how many more there are.
func some(texts []string, most int, what string) string {
	if len(texts) <= most {
		return strings.Join(texts, ", ")
	}
	return fmt.Sprintf("%s and %d more %s", strings.Join(texts[:most], ", "), len(texts)-most, what)
}

// usual are the labels that people know their workloads by, the best first.
var usual = []string{"app.kubernetes.io/name", "app", "k8s-app", "name", "component", "app.kubernetes.io/component", "tier", "role"}

// commonLabel returns the label by which exactly these pods can be told from the others: "app=web", or "app=api,web" with up to
// three values of a usual one. Empty: there is none.
func commonLabel(pods, all []*policy.Pod) string {
	keys := slices.Sorted(maps.Keys(pods[0].Labels))
	slices.SortStableFunc(keys, func(a, b string) int { return cmp.Compare(rank(a), rank(b)) })
	for _, most := range [...]int{1, 3} {
		for _, key := range keys {
			if most > 1 && rank(key) == len(usual) {
				break
			}
			if v := valuesOf(key, pods); v != nil && len(v) <= most && count(all, key, v) == len(pods) {
				return key + "=" + strings.Join(v, ",")
			}
		}
	}
	return ""
}

func rank(key string) int {
	if i := slices.Index(usual, key); i >= 0 {
		return i
	}
	return len(usual)
}

// valuesOf returns the values of the label, sorted; nil when a pod lacks it.
func valuesOf(key string, pods []*policy.Pod) []string {
	values := map[string]bool{}
	for _, pod := range pods {
		value, found := pod.Labels[key]
		if !found || value == "" {
			return nil
		}
		values[value] = true
	}
	return slices.Sorted(maps.Keys(values))
}

func count(pods []*policy.Pod, key string, values []string) int {
	n := 0
	for _, pod := range pods {
		if slices.Contains(values, pod.Labels[key]) {
			n++
		}
	}
	return n
}

func nodesName(g *Group, only bool) string {
	if len(g.Nodes) == 0 {
		names := make([]string, len(g.Pods))
		for i, pod := range g.Pods {
			names[i] = pod.String()
		}
		return "host network of " + some(names, 2, "pods")
	}
	if only {
		return fmt.Sprintf("nodes (%d)", len(g.Nodes))
	}
	names := make([]string, len(g.Nodes))
	for i, n := range g.Nodes {
		names[i] = n.Name
	}
	if len(names) == 1 {
		return "node " + names[0]
	}
	return fmt.Sprintf("nodes %s (%d)", some(names, 2, "nodes"), len(names))
}

// outsideName names what is left of all addresses beside other networks "any other", and all of both families "anywhere else".
func (n *namer) outsideName(g *Group) string {
	if n.kinds[Outside] == 1 {
		return "outside"
	}
	var texts []string
	whole := 0
	for _, p := range g.Networks {
		switch f := familyOf(p.Addr()); {
		case p.Bits() > 0:
			texts = append(texts, p.String())
		case n.parts[f] > 1:
			whole++
			texts = append(texts, "any other "+f.String())
		default:
			whole++
			texts = append(texts, "any "+f.String())
		}
	}
	if whole == len(roots) {
		return "anywhere else outside"
	}
	return "outside " + some(texts, 3, "networks")
}
