package compile

import (
	"fmt"
	"net/netip"
	"slices"

	"pgregory.net/rapid"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"

	"github.com/hedgerow-net/hedgerow/policy"
)

var (
	clusterCIDR   = netip.MustParsePrefix("10.244.0.0/16")
	localCIDR     = netip.MustParsePrefix("10.244.0.0/24")
	secondLocal   = netip.MustParsePrefix("10.250.0.0/24")
	clusterCIDR6  = netip.MustParsePrefix("fd00:10:244::/48")
	localCIDR6    = netip.MustParsePrefix("fd00:10:244::/64")
	nodeAddress   = netip.MustParseAddr("10.213.0.10")
	localPool     = addresses("10.244.0.1", "10.244.0.2", "10.244.0.3", "10.244.0.4", "10.250.0.1")
	localPool6    = addresses("fd00:10:244::1", "fd00:10:244::2")
	remotePool    = addresses("10.244.1.1", "10.244.1.2", "10.244.1.3", "10.250.1.1")
	remotePool6   = addresses("fd00:10:244:1::1", "fd00:10:244:1::2")
	ownPool       = addresses("10.213.0.20", "fd00:213::20")
	nodePool      = addresses("10.213.0.11", "10.213.0.12", "10.244.7.7", "10.244.0.77", "10.244.1.3", "fd00:213::11")
	nowhere4      = addresses("192.0.2.1", "192.0.2.200", "198.51.100.1", "10.244.9.9", "10.213.0.99", "10.250.0.200")
	nowhere6      = addresses("2001:db8::1", "fd00:10:244:9::9")
	allAddresses  = distinct(localPool, localPool6, remotePool, remotePool6, ownPool, nodePool, nowhere4, nowhere6, []netip.Addr{nodeAddress})
	namespaceName = []string{"a", "b", "c"}
	cidrs         = prefixList("0.0.0.0/0", "0.0.0.0/1", "10.0.0.0/8", "10.244.0.0/16", "10.244.0.0/24", "10.244.0.2/32", "10.244.1.0/24", "10.244.1.2/31",
		"10.250.0.0/16", "10.213.0.0/24", "10.213.0.8/30", "192.0.2.0/24", "192.0.2.128/25", "192.0.2.1/32",
		"::/0", "::/1", "fd00::/8", "fd00:10:244::/48", "fd00:10:244::/64", "fd00:10:244:1::1/128", "2001:db8::/32", "::ffff:10.0.0.0/104")
)

func prefixList(texts ...string) []netip.Prefix {
	var list []netip.Prefix
	for _, t := range texts {
		list = append(list, netip.MustParsePrefix(t))
	}
	return list
}

func distinct(lists ...[]netip.Addr) []netip.Addr {
	all := slices.Concat(lists...)
	slices.SortFunc(all, netip.Addr.Compare)
	return slices.Compact(all)
}

func addresses(texts ...string) []netip.Addr {
	var list []netip.Addr
	for _, t := range texts {
		list = append(list, netip.MustParseAddr(t))
	}
	return list
}

// randomWorld is a world that grows and changes by random edits.
type randomWorld struct {
	t           *rapid.T
	namespaces  map[string]*policy.Namespace
	pods        map[string]*policy.Pod
	policies    map[string]*policy.Policy
	attachments map[string]Attachment
	nodes       map[string]*policy.Node
	counter     int
	local       []netip.Prefix
	// onlyPolicies, onlyNode: the last edits touched nothing else than policies, and this node's addresses.
	onlyPolicies, onlyNode bool
}

func newRandomWorld(t *rapid.T) *randomWorld {
	w := &randomWorld{t: t,
		namespaces: map[string]*policy.Namespace{}, pods: map[string]*policy.Pod{},
		policies: map[string]*policy.Policy{}, attachments: map[string]Attachment{}, nodes: map[string]*policy.Node{},
		local: []netip.Prefix{localCIDR, localCIDR6},
	}
	for _, name := range namespaceName {
		w.namespaces[name] = w.namespace(name)
	}
	for range rapid.IntRange(0, 8).Draw(t, "pods") {
		w.addPod()
	}
	if rapid.Bool().Draw(t, "this node") {
		w.putNode("here", ownPool)
	}
	for range rapid.IntRange(0, 2).Draw(t, "nodes") {
		w.putNode(rapid.SampledFrom([]string{"there", "third"}).Draw(t, "node"), nodePool)
	}
	for range rapid.IntRange(0, 4).Draw(t, "policies") {
		w.putPolicy()
	}
	return w
}

func (w *randomWorld) world() *World {
	world := &World{Node: "here", NodeAddresses: []netip.Addr{nodeAddress}, ClusterCIDRs: []netip.Prefix{clusterCIDR, clusterCIDR6}, LocalCIDRs: w.local}
	for _, key := range sortedKeys(w.namespaces) {
		world.Namespaces = append(world.Namespaces, w.namespaces[key])
	}
	for _, key := range sortedKeys(w.pods) {
		world.Pods = append(world.Pods, w.pods[key])
	}
	for _, key := range sortedKeys(w.nodes) {
		world.Nodes = append(world.Nodes, w.nodes[key])
	}
	for _, key := range sortedKeys(w.policies) {
		world.Policies = append(world.Policies, w.policies[key])
	}
	for _, key := range sortedKeys(w.attachments) {
		world.Attachments = append(world.Attachments, w.attachments[key])
	}
	return world
}

// edit changes the world: now and then this node's own addresses, otherwise in up to four ways at once. This node's change alone: see transition.
func (w *randomWorld) edit() {
	if w.onlyNode = rapid.IntRange(0, 11).Draw(w.t, "this node") == 0; w.onlyNode {
		w.onlyPolicies = false
		w.putNode("here", ownPool)
		return
	}
	w.edits()
}

func (w *randomWorld) edits() {
	edits := []struct {
		name     string
		do       func()
		policies bool
	}{
		{"put policy", w.putPolicy, true},
		{"delete policy", w.deletePolicy, true},
		{"toggle isolation", w.toggleIsolation, true},
		{"relabel pod", w.relabelPod, false},
		{"add pod", w.addPod, false},
		{"delete pod", w.deletePod, false},
		{"relabel namespace", w.relabelNamespace, false},
		{"toggle namespace", w.toggleNamespace, false},
		{"detach", w.detach, false},
		{"steal address", w.stealAddress, false},
		{"terminate", w.terminate, false},
		{"recreate", w.recreate, false},
		{"put node", func() { w.putNode(rapid.SampledFrom([]string{"there", "third"}).Draw(w.t, "node"), nodePool) }, false},
		{"delete node", w.deleteNode, false},
		{"change ranges", w.changeRanges, false},
	}
	w.onlyPolicies = true
	for range rapid.IntRange(1, 4).Draw(w.t, "edits") {
		e := rapid.SampledFrom(edits).Draw(w.t, "edit")
		e.do()
		w.onlyPolicies = w.onlyPolicies && e.policies
	}
}

func (w *randomWorld) namespace(name string) *policy.Namespace {
	ns := &policy.Namespace{Name: name, Labels: w.labels("namespace labels")}
	if rapid.Bool().Draw(w.t, "isolated") {
		ns.Isolation = isolationOf(name)
	}
	return ns
}

func isolationOf(name string) *policy.Policy {
	p := &policy.Policy{
		Ref: policy.Ref{Kind: policy.KindNamespaceIsolation, Namespace: name, Name: "on"}, Tier: policy.NetworkPolicy,
		Subject: policy.PodSelector{Namespace: name, Pods: policy.Everything()},
	}
	p.Isolates[policy.Ingress] = true
	return p
}

func (w *randomWorld) labels(name string) map[string]string {
	labels := map[string]string{}
	for _, key := range []string{"k", "l"} {
		if v := rapid.SampledFrom([]string{"", "x", "y"}).Draw(w.t, name); v != "" {
			labels[key] = v
		}
	}
	return labels
}

func (w *randomWorld) addPod() {
	w.counter++
	local := rapid.Bool().Draw(w.t, "local")
	pool, pool6 := remotePool, remotePool6
	if local {
		pool, pool6 = localPool, localPool6
	}
	p := &policy.Pod{
		Namespace: rapid.SampledFrom(namespaceName).Draw(w.t, "namespace"), Name: fmt.Sprintf("p%d", w.counter), UID: fmt.Sprint(w.counter),
		Labels: w.labels("labels"), Addresses: []netip.Addr{rapid.SampledFrom(pool).Draw(w.t, "address")}, Node: "there",
		HostNetwork: rapid.IntRange(0, 15).Draw(w.t, "host network") == 0,
	}
	switch rapid.IntRange(0, 5).Draw(w.t, "families") {
	case 0:
		p.Addresses = append(p.Addresses, rapid.SampledFrom(pool6).Draw(w.t, "address"))
	case 1:
		p.Addresses = []netip.Addr{rapid.SampledFrom(pool6).Draw(w.t, "address")}
	}
	for _, port := range []policy.NamedPort{
		{Name: "web", Protocol: policy.TCP, Number: 80}, {Name: "web", Protocol: policy.TCP, Number: 81}, {Name: "web", Protocol: policy.UDP, Number: 80},
		{Name: "dns", Protocol: policy.UDP, Number: 53}, {Name: "sig", Protocol: policy.SCTP, Number: 80},
	} {
		if rapid.IntRange(0, 2).Draw(w.t, "named port") == 0 {
			p.Ports = append(p.Ports, port)
		}
	}
	key := p.String()
	if local {
		p.Node = "here"
		if rapid.IntRange(0, 7).Draw(w.t, "attached") > 0 {
			w.attachments[key] = Attachment{Key: key, Interface: uint32(w.counter), Addresses: p.Addresses, Namespace: p.Namespace, Pod: p.Name, UID: p.UID}
		}
		if rapid.IntRange(0, 7).Draw(w.t, "object") == 0 {
			return
		}
	}
	w.pods[key] = p
}

func (w *randomWorld) somePod() *policy.Pod {
	if len(w.pods) == 0 {
		return nil
	}
	return w.pods[rapid.SampledFrom(sortedKeys(w.pods)).Draw(w.t, "pod")]
}

// replacePod puts a changed copy in the place of a pod: objects are never changed.
func (w *randomWorld) replacePod(change func(p *policy.Pod)) {
	if p := w.somePod(); p != nil {
		changed := *p
		change(&changed)
		w.pods[p.String()] = &changed
	}
}

func (w *randomWorld) relabelPod() {
	w.replacePod(func(p *policy.Pod) { p.Labels = w.labels("labels") })
}

func (w *randomWorld) terminate() { w.replacePod(func(p *policy.Pod) { p.Terminated = true }) }

// recreate puts a new pod of the same name, which has not started, in the place of one whose interface is still there.
func (w *randomWorld) recreate() {
	w.replacePod(func(p *policy.Pod) {
		w.counter++
		p.UID, p.Addresses, p.Labels = fmt.Sprint(w.counter), nil, w.labels("labels")
	})
}

func (w *randomWorld) changeRanges() {
	w.local = [][]netip.Prefix{{localCIDR, localCIDR6}, {localCIDR, localCIDR6, secondLocal}, {localCIDR}}[rapid.IntRange(0, 2).Draw(w.t, "ranges")]
}

// putNode adds or replaces a node. Two nodes may claim one address, but nobody else claims this node's.
func (w *randomWorld) putNode(name string, pool []netip.Addr) {
	n := &policy.Node{Name: name, Labels: w.labels("node labels")}
	n.Addresses = rapid.SliceOfN(rapid.SampledFrom(pool), 0, 3).Draw(w.t, "node addresses")
	w.nodes[n.Name] = n
}

func (w *randomWorld) deleteNode() {
	delete(w.nodes, rapid.SampledFrom([]string{"there", "third"}).Draw(w.t, "node"))
}

// restorePolicies undoes what happened to policies and isolations, and to nothing else.
func (w *randomWorld) restorePolicies(world *World) {
	clear(w.policies)
	for _, p := range world.Policies {
		w.policies[p.Ref.String()] = p
	}
	for _, old := range world.Namespaces {
		if ns := w.namespaces[old.Name]; ns != nil {
			changed := *ns
			changed.Isolation = old.Isolation
			w.namespaces[old.Name] = &changed
		}
	}
}

func (w *randomWorld) deletePod() {
	if p := w.somePod(); p != nil {
		delete(w.pods, p.String())
		if rapid.IntRange(0, 3).Draw(w.t, "keep attachment") > 0 {
			delete(w.attachments, p.String())
		}
	}
}

func (w *randomWorld) detach() {
	if len(w.attachments) > 0 {
		delete(w.attachments, rapid.SampledFrom(sortedKeys(w.attachments)).Draw(w.t, "attachment"))
	}
}

// stealAddress lets a new pod have the address of one that goes away at the same time.
func (w *randomWorld) stealAddress() {
	victim := w.somePod()
	if victim == nil || victim.Addresses == nil {
		return
	}
	delete(w.pods, victim.String())
	attachment, attached := w.attachments[victim.String()]
	delete(w.attachments, victim.String())
	w.counter++
	thief := *victim
	thief.Name, thief.UID, thief.Labels = fmt.Sprintf("p%d", w.counter), fmt.Sprint(w.counter), w.labels("labels")
	thief.Namespace = rapid.SampledFrom(namespaceName).Draw(w.t, "namespace")
	if rapid.IntRange(0, 3).Draw(w.t, "moves") == 0 {
		attached = !attached
	}
	thief.Node = "there"
	if attached {
		thief.Node = "here"
		attachment.Addresses = victim.Addresses
		attachment.Key, attachment.Interface = thief.String(), uint32(w.counter)
		attachment.Namespace, attachment.Pod, attachment.UID = thief.Namespace, thief.Name, thief.UID
		w.attachments[attachment.Key] = attachment
	}
	w.pods[thief.String()] = &thief
}

func (w *randomWorld) someNamespace() string {
	return rapid.SampledFrom(namespaceName).Draw(w.t, "namespace")
}

func (w *randomWorld) relabelNamespace() {
	name := w.someNamespace()
	if ns := w.namespaces[name]; ns != nil {
		changed := *ns
		changed.Labels = w.labels("namespace labels")
		w.namespaces[name] = &changed
	}
}

func (w *randomWorld) toggleNamespace() {
	name := w.someNamespace()
	if w.namespaces[name] == nil {
		w.namespaces[name] = w.namespace(name)
	} else if rapid.IntRange(0, 3).Draw(w.t, "really") == 0 {
		delete(w.namespaces, name)
	}
}

func (w *randomWorld) toggleIsolation() {
	name := w.someNamespace()
	ns := w.namespaces[name]
	if ns == nil {
		return
	}
	changed := *ns
	changed.Isolation = nil
	if ns.Isolation == nil {
		changed.Isolation = isolationOf(name)
	}
	w.namespaces[name] = &changed
}

func (w *randomWorld) deletePolicy() {
	if len(w.policies) > 0 {
		delete(w.policies, rapid.SampledFrom(sortedKeys(w.policies)).Draw(w.t, "policy"))
	}
}

func (w *randomWorld) putPolicy() {
	p := &policy.Policy{
		Ref:      policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: w.someNamespace(), Name: rapid.SampledFrom([]string{"p", "q"}).Draw(w.t, "name")},
		Tier:     rapid.SampledFrom([]policy.Tier{policy.NetworkPolicy, policy.NetworkPolicy, policy.Admin, policy.Baseline}).Draw(w.t, "tier"),
		Priority: int32(rapid.IntRange(0, 1).Draw(w.t, "priority")),
		Subject:  w.podSelector(),
	}
	if p.Tier != policy.NetworkPolicy {
		p.Ref = policy.Ref{Kind: policy.KindClusterNetworkPolicy, Name: p.Ref.Name}
	}
	p.WhenIsolated = p.Tier == policy.NetworkPolicy && rapid.Bool().Draw(w.t, "alpha")
	for _, d := range policy.Directions {
		p.Isolates[d] = p.Tier == policy.NetworkPolicy && !p.WhenIsolated && rapid.Bool().Draw(w.t, "isolates")
		for i := range rapid.IntRange(0, 2).Draw(w.t, "rules") {
			p.Rules[d] = append(p.Rules[d], w.rule(p.Tier, i))
		}
	}
	w.policies[p.Ref.String()] = p
}

func (w *randomWorld) rule(tier policy.Tier, index int) policy.Rule {
	r := policy.Rule{Action: policy.Accept, Index: index, Name: rapid.SampledFrom([]string{"", "n"}).Draw(w.t, "rule name"), Field: fmt.Sprintf("spec.x[%d]", index)}
	if tier != policy.NetworkPolicy {
		r.Action = rapid.SampledFrom([]policy.Action{policy.Accept, policy.Deny, policy.Pass}).Draw(w.t, "action")
	}
	if rapid.IntRange(0, 3).Draw(w.t, "all peers") > 0 {
		r.Peers = []policy.Peer{}
		for range rapid.IntRange(0, 2).Draw(w.t, "peers") {
			r.Peers = append(r.Peers, w.peer())
		}
	}
	if rapid.Bool().Draw(w.t, "some ports") {
		r.Ports = rapid.SliceOfN(rapid.SampledFrom([]policy.Port{
			{Protocol: policy.TCP, Number: 80}, {Protocol: policy.TCP, Number: 81}, {Protocol: policy.TCP}, {Protocol: policy.UDP, Number: 80},
			{Protocol: policy.TCP, Name: "web"}, {Protocol: policy.UDP, Name: "web"}, {Protocol: policy.UDP, Name: "dns"}, {Protocol: policy.SCTP, Name: "sig"},
			{Protocol: policy.TCP, Number: 80, End: 80}, {Protocol: policy.TCP, Number: 79, End: 82}, {Protocol: policy.TCP, Number: 81, End: 90},
			{Protocol: policy.TCP, Number: 1, End: 1023}, {Protocol: policy.TCP, Number: 1, End: 65535}, {Protocol: policy.TCP, Number: 1000, End: 65535},
			{Protocol: policy.UDP, Number: 50, End: 90}, {Protocol: policy.SCTP, Number: 3, End: 4},
		}), 1, 3).Draw(w.t, "ports")
	}
	return r
}

func (w *randomWorld) peer() policy.Peer {
	switch rapid.IntRange(0, 5).Draw(w.t, "peer") {
	case 0, 1:
		return policy.Peer{Network: w.network()}
	case 2:
		nodes := w.selector()
		return policy.Peer{Nodes: &nodes}
	}
	s := w.podSelector()
	return policy.Peer{Pods: &s}
}

// network draws a CIDR and excepts, some of which lie inside it.
func (w *randomWorld) network() *policy.Network {
	n := &policy.Network{CIDR: rapid.SampledFrom(cidrs).Draw(w.t, "cidr")}
	for range rapid.IntRange(0, 2).Draw(w.t, "excepts") {
		e := rapid.SampledFrom(cidrs).Draw(w.t, "except")
		if n.CIDR.Bits() < e.Bits() || rapid.IntRange(0, 7).Draw(w.t, "odd") == 0 {
			n.Except = append(n.Except, e)
		}
	}
	return n
}

func (w *randomWorld) podSelector() policy.PodSelector {
	s := policy.PodSelector{Pods: w.selector()}
	if rapid.Bool().Draw(w.t, "one namespace") {
		s.Namespace = w.someNamespace()
	} else {
		s.Namespaces = w.selector()
	}
	return s
}

func (w *randomWorld) selector() policy.Selector {
	api := &metav1.LabelSelector{}
	switch rapid.IntRange(0, 3).Draw(w.t, "selector") {
	case 0:
		api.MatchLabels = map[string]string{"k": "x"}
	case 1:
		api.MatchLabels = map[string]string{"l": rapid.SampledFrom([]string{"x", "y"}).Draw(w.t, "value")}
	case 2:
		api.MatchExpressions = []metav1.LabelSelectorRequirement{{Key: "k", Operator: metav1.LabelSelectorOpNotIn, Values: []string{"x"}}}
	}
	s, err := policy.NewSelector(api)
	if err != nil {
		w.t.Fatalf("make selector: %v", err)
	}
	return s
}

func sortedKeys[V any](m map[string]V) []string {
	keys := make([]string, 0, len(m))
	for k := range m {
		keys = append(keys, k)
	}
	slices.Sort(keys)
	return keys
}
