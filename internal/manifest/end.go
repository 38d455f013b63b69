package manifest

import (
	"fmt"
	"net/netip"
	"slices"
	"strings"

	corev1 "k8s.io/api/core/v1"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/nearest"
)

// End is what the name of one end of a flow stands for.
type End struct {
	// Text is the name as it was written.
	Text string
	// Ends are what it stands for: mostly one; the backing pods of a Service.
	Ends []policy.End
	// Service is the one that was named, or whose cluster IP was.
	Service *policy.Service
	// Note says, for people, what the name was found to be, where that is not the name itself: "10.244.1.2 is pod shop/web".
	Note string
}

// FindEnd finds what a name stands for: NAMESPACE/POD, svc/NAMESPACE/NAME, deploy/NAMESPACE/NAME (and the other kinds of workloads, by
// their short or long names), node/NAME, or an IP address. A workload that bears the name of no Pod is found as NAMESPACE/NAME too. The error is for
// people and names what is nearest.
func (w *World) FindEnd(text string) (*End, error) {
	if a, err := netip.ParseAddr(strings.Trim(text, "[]")); err == nil {
		return w.endAt(text, a)
	}
	parts := strings.Split(text, "/")
	if slices.Contains(parts, "") || len(parts) < 2 || len(parts) > 3 {
		return nil, fmt.Errorf("%q is none of NAMESPACE/POD, svc/NAMESPACE/NAME, deploy/NAMESPACE/NAME, node/NAME and an IP address%s", text, w.somewhere(text))
	}
	switch {
	case len(parts) == 2 && parts[0] == "node":
		return w.nodeEnd(text, parts[1])
	case len(parts) == 2:
		return w.podEnd(text, parts[0], parts[1])
	case slices.Contains([]string{"svc", "service", "services"}, strings.ToLower(parts[0])):
		return w.serviceEnd(text, parts[1], parts[2])
	case slices.Contains([]string{"po", "pod", "pods"}, strings.ToLower(parts[0])):
		return w.podEnd(text, parts[1], parts[2])
	}
	return w.workloadEnd(text, parts[0], parts[1], parts[2])
}

// EndNames returns the names, as FindEnd reads them, of all pods, Services, workloads and nodes.
func (w *World) EndNames() []string {
	var all []string
	for _, p := range w.Pods {
		if !strings.Contains(p.Name, ":") { // a workload that shares its name with a Pod: offered below
			all = append(all, p.String())
		}
	}
	for _, s := range w.Services {
		all = append(all, "svc/"+s.Namespace+"/"+s.Name)
	}
	for _, wl := range w.Workloads {
		all = append(all, strings.ToLower(wl.Kind)+"/"+wl.Namespace+"/"+wl.Name)
	}
	for _, n := range w.Nodes {
		all = append(all, "node/"+n.Name)
	}
	return all
}

// somewhere is the end of a message about a name without a namespace: what is called so in any.
func (w *World) somewhere(name string) string {
	for _, p := range w.Pods {
		if p.Name == name {
			return fmt.Sprintf("; did you mean %q?", p)
		}
	}
	for _, s := range w.Services {
		if s.Name == name {
			return fmt.Sprintf("; did you mean %q?", "svc/"+s.Namespace+"/"+s.Name)
		}
	}
	return ""
}

// notFound is the error about a name that nothing bears.
func notFound(what, name string, all []string) error {
	hint := nearest.DidYouMean(name, all)
	if hint == "" && len(all) == 0 {
		hint = "; there are none"
	}
	return fmt.Errorf("there is no %s %s%s", what, name, hint)
}

func (w *World) podEnd(text, namespace, name string) (*End, error) {
	var all []string
	for _, p := range w.Pods {
		if p.Namespace == namespace && p.Name == name {
			return &End{Text: text, Ends: []policy.End{policy.PodEnd(p)}}, nil
		}
		all = append(all, p.String())
	}
	for _, wl := range w.Workloads {
		if wl.Namespace == namespace && wl.Name == name {
			return endOf(text, wl), nil
		}
	}
	for _, p := range w.Pods {
		if p.Namespace == namespace && strings.HasPrefix(p.Name, name+"-") { // as a cluster names the pods of a workload, which is not in these manifests
			return nil, fmt.Errorf("there is no pod %s/%s; did you mean %q?", namespace, name, p)
		}
	}
	return nil, notFound("pod", namespace+"/"+name, all)
}

// endOf returns all pods of a workload.
func endOf(text string, wl *Workload) *End {
	e := &End{Text: text}
	for _, p := range wl.Pods {
		e.Ends = append(e.Ends, policy.PodEnd(p))
	}
	return e
}

func (w *World) nodeEnd(text, name string) (*End, error) {
	var all []string
	for _, n := range w.Nodes {
		if n.Name == name {
			return &End{Text: text, Ends: []policy.End{{Place: policy.Outside, Node: n}}}, nil
		}
		all = append(all, n.Name)
	}
	return nil, notFound("node", name, all)
}

func (w *World) workloadEnd(text, kind, namespace, name string) (*End, error) {
	k, err := parseWorkloadKind(kind)
	if err != nil {
		return nil, err
	}
	var all []string
	for _, wl := range w.Workloads {
		if wl.Kind != k.kind {
			continue
		}
		if wl.Namespace == namespace && wl.Name == name {
			return endOf(text, wl), nil
		}
		all = append(all, wl.Namespace+"/"+wl.Name)
	}
	return nil, notFound(k.kind, namespace+"/"+name, all)
}

// parseWorkloadKind understands what kubectl does: the kind, its plural, its short form.
func parseWorkloadKind(text string) (workloadKind, error) {
	known := []string{"pod", "svc", "node"}
	for _, k := range workloadKinds {
		low := strings.ToLower(k.kind)
		forms := []string{low, low + "s", k.short}
		if k.kind == "CronJob" {
			forms = append(forms, "cj")
		}
		if slices.Contains(forms, strings.ToLower(text)) {
			return k, nil
		}
		known = append(known, low, k.short)
	}
	return workloadKind{}, fmt.Errorf("%q is no kind that can be an end of a flow%s", text, nearest.DidYouMean(text, known))
}

func (w *World) serviceEnd(text, namespace, name string) (*End, error) {
	var all []string
	for _, s := range w.Services {
		if s.Namespace == namespace && s.Name == name {
			return w.backing(&End{Text: text}, s)
		}
		all = append(all, s.Namespace+"/"+s.Name)
	}
	return nil, notFound("Service", namespace+"/"+name, all)
}

// backing fills in the pods behind a Service.
func (w *World) backing(e *End, s *policy.Service) (*End, error) {
	e.Service = s
	name := s.Namespace + "/" + s.Name
	switch {
	case s.ExternalName:
		return nil, fmt.Errorf("service %s is of type ExternalName: another name for something outside the cluster; ask about its address", name)
	case len(s.Selector) == 0:
		return nil, fmt.Errorf("service %s has no selector: manifests do not say which pods are behind it; ask about a pod or an address", name)
	}
	for _, p := range w.Pods {
		if s.Selects(p) {
			e.Ends = append(e.Ends, policy.PodEnd(p))
		}
	}
	if len(e.Ends) == 0 {
		return nil, fmt.Errorf("service %s has no backing pods: its selector %s matches no pod of namespace %s", name, labelWords(s.Selector), s.Namespace)
	}
	return e, nil
}

// backingAt is backing for one cluster IP, which leads to addresses of its own family alone.
func (w *World) backingAt(e *End, s *policy.Service, clusterIP netip.Addr) (*End, error) {
	if _, err := w.backing(e, s); err != nil {
		return nil, err
	}
	var ends []policy.End
	for _, end := range e.Ends {
		if a, has := inFamily(end, clusterIP.Is4()); has {
			end.Address = a
			ends = append(ends, end)
		}
	}
	if len(ends) == 0 {
		return nil, fmt.Errorf("service %s/%s: no pod behind it has an address of the family of %s", s.Namespace, s.Name, clusterIP)
	}
	e.Ends = ends
	return e, nil
}

func labelWords(set map[string]string) string {
	selector, err := policy.SelectLabels(set)
	if err != nil {
		return fmt.Sprint(set)
	}
	return selector.String()
}

var broadcast = netip.AddrFrom4([4]byte{255, 255, 255, 255})

// endAt finds who has an address.
func (w *World) endAt(text string, a netip.Addr) (*End, error) {
	if a.Zone() != "" || a.IsUnspecified() || a.IsLoopback() || a.IsMulticast() || a == broadcast {
		return nil, fmt.Errorf("%s is not an address that packets between pods, nodes and the world carry", text)
	}
	a = a.Unmap()
	e := &End{Text: text}
	end, note := w.ownerOf(a)
	for _, o := range w.Objects {
		s, ok := o.Value.(*corev1.Service)
		if !ok {
			continue
		}
		is := func(ip string) bool { return sameAddress(ip, a) }
		what := ""
		switch {
		case slices.ContainsFunc(append(s.Spec.ClusterIPs, s.Spec.ClusterIP), is):
			what = "the cluster IP"
		case end.Node == nil && end.Place == policy.Outside && slices.ContainsFunc(externalAddresses(s), is): // some balancers use those of nodes
			what = "an external address"
		default:
			continue
		}
		e.Note = fmt.Sprintf("%s is %s of Service %s/%s", a, what, s.Namespace, s.Name)
		return w.backingAt(e, policy.FromService(s), a)
	}
	e.Ends, e.Note = []policy.End{end}, note
	return e, nil
}

func sameAddress(text string, a netip.Addr) bool {
	parsed, err := netip.ParseAddr(text)
	return err == nil && parsed.Unmap() == a
}

// externalAddresses returns the addresses outside the cluster at which every node translates packets for the Service.
func externalAddresses(s *corev1.Service) []string {
	all := slices.Clone(s.Spec.ExternalIPs)
	for _, ingress := range s.Status.LoadBalancer.Ingress {
		if ingress.IPMode == nil || *ingress.IPMode != corev1.LoadBalancerIPModeProxy { // else the balancer itself translates
			all = append(all, ingress.IP)
		}
	}
	return all
}

// ownerOf finds the pod or node that has the address.
func (w *World) ownerOf(a netip.Addr) (policy.End, string) {
	owners := w.podsAt(a)
	switch {
	case len(owners) == 1:
		return policy.End{Place: policy.InPod, Pod: owners[0], Address: a}, fmt.Sprintf("%s is pod %s", a, owners[0])
	case len(owners) > 1:
		return policy.End{Place: policy.InDispute, Address: a}, fmt.Sprintf("%s is claimed by %d pods: %s and %s", a, len(owners), owners[0], owners[1])
	}
	for _, n := range w.Nodes {
		if slices.Contains(n.Addresses, a) {
			return policy.End{Place: policy.Outside, Address: a, Node: n}, fmt.Sprintf("%s is node %s", a, n.Name)
		}
	}
	if node := w.podRangeOf(a); node != "" {
		return policy.End{Place: policy.Unknown, Address: a}, fmt.Sprintf("%s lies in the pod range of node %s, but no pod has it", a, node)
	}
	return policy.OutsideEnd(a), fmt.Sprintf("%s is outside the cluster", a)
}

func (w *World) podsAt(a netip.Addr) []*policy.Pod {
	var owners []*policy.Pod
	for _, p := range w.Pods {
		if !p.HostNetwork && !p.Terminated && slices.Contains(p.Addresses, a) {
			owners = append(owners, p)
		}
	}
	return owners
}

// podRangeOf returns the name of the node in whose pod range the address lies; empty: in none.
func (w *World) podRangeOf(a netip.Addr) string {
	for _, o := range w.Objects {
		node, ok := o.Value.(*corev1.Node)
		if ok && slices.ContainsFunc(PodRanges(node), func(p netip.Prefix) bool { return p.Contains(a) }) {
			return node.Name
		}
	}
	return ""
}

// PodRanges returns the ranges that the addresses of a node's pods are from; none: they are not known.
func PodRanges(node *corev1.Node) []netip.Prefix {
	texts := node.Spec.PodCIDRs
	if len(texts) == 0 {
		texts = []string{node.Spec.PodCIDR}
	}
	var ranges []netip.Prefix
	for _, text := range texts {
		if p, err := netip.ParsePrefix(text); err == nil {
			ranges = append(ranges, p.Masked())
		}
	}
	return ranges
}
