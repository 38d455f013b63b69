package compile

import (
	"math/rand"
	"net/netip"
	"slices"
	"strings"
	"testing"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"pgregory.net/rapid"

	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

// verdictsOf compiles a world from nothing and judges all flows.
func verdictsOf(t *rapid.T, w *World) []sides {
	tables := datapathtest.New()
	plan := New(Options{}).Update(w)
	for i := range plan.Changes {
		if err := tables.Apply(&plan.Changes[i]); err != nil {
			t.Fatalf("apply: %v", err)
		}
	}
	var all []sides
	for _, f := range flows(usualPorts...) {
		all = append(all, sidesOf(tables.Judge(f)))
	}
	return all
}

// laws are the changes of a world that must not matter.
var laws = map[string]func(*rapid.T, *World){
	"the order of objects":                                 shuffle,
	"whether a network is one or two halves":               splitNetworks,
	"whether a range of ports is one or two":               splitRanges,
	"whether rules are in one policy or two":               split,
	"how labels are called":                                relabel,
	"a policy that selects nobody":                         addIdle,
	"rules for nobody":                                     addEmptyRules,
	"whether a policy of an open namespace would say more": addDormant,
}

// TestLaws checks that what must not matter does not.
func TestLaws(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		random := newRandomWorld(t)
		before := verdictsOf(t, random.world())
		for range 2 {
			name := rapid.SampledFrom(sortedKeys(laws)).Draw(t, "law")
			w := random.world()
			laws[name](t, w)
			for i, after := range verdictsOf(t, w) {
				if after != before[i] {
					t.Fatalf("%s matters for %+v: before %+v, after %+v\n%s", name, flows(usualPorts...)[i], before[i], after, worldText(w))
				}
			}
		}
	})
}

func shuffle(t *rapid.T, w *World) {
	random := rand.New(rand.NewSource(rapid.Int64().Draw(t, "seed")))
	random.Shuffle(len(w.Policies), func(i, j int) { w.Policies[i], w.Policies[j] = w.Policies[j], w.Policies[i] })
	random.Shuffle(len(w.Namespaces), func(i, j int) { w.Namespaces[i], w.Namespaces[j] = w.Namespaces[j], w.Namespaces[i] })
	random.Shuffle(len(w.Pods), func(i, j int) { w.Pods[i], w.Pods[j] = w.Pods[j], w.Pods[i] })
	random.Shuffle(len(w.Nodes), func(i, j int) { w.Nodes[i], w.Nodes[j] = w.Nodes[j], w.Nodes[i] })
	random.Shuffle(len(w.Attachments), func(i, j int) { w.Attachments[i], w.Attachments[j] = w.Attachments[j], w.Attachments[i] })
}

// split makes two policies of one. In the ordered tiers the second one must come directly after the first.
func split(_ *rapid.T, w *World) {
	var all []*policy.Policy
	for _, p := range w.Policies {
		first, second := *p, *p
		second.Ref.Name += " (second half)"
		for _, d := range policy.Directions {
			half := len(p.Rules[d]) / 2
			first.Rules[d], second.Rules[d] = p.Rules[d][:half], p.Rules[d][half:]
		}
		all = append(all, &first, &second)
	}
	w.Policies = all
}

func relabel(t *rapid.T, w *World) {
	names := strings.NewReplacer("k", "key", "l", "level", "x", "ex", "y", "why")
	labels := func(old map[string]string) map[string]string {
		renamed := map[string]string{}
		for k, v := range old {
			renamed[names.Replace(k)] = names.Replace(v)
		}
		return renamed
	}
	for i, ns := range w.Namespaces {
		changed := *ns
		changed.Labels = labels(ns.Labels)
		w.Namespaces[i] = &changed
	}
	for i, p := range w.Pods {
		changed := *p
		changed.Labels = labels(p.Labels)
		w.Pods[i] = &changed
	}
	for i, n := range w.Nodes {
		changed := *n
		changed.Labels = labels(n.Labels)
		w.Nodes[i] = &changed
	}
	nodes := func(s policy.Selector) policy.Selector { return renameSelector(t, s, names) }
	pods := func(s policy.PodSelector) policy.PodSelector {
		return policy.PodSelector{Namespace: s.Namespace, Namespaces: renameSelector(t, s.Namespaces, names), Pods: renameSelector(t, s.Pods, names)}
	}
	for i, p := range w.Policies {
		changed := *p
		changed.Subject = pods(p.Subject)
		changed.Rules = [2][]policy.Rule{}
		for _, d := range policy.Directions {
			for _, r := range p.Rules[d] {
				changed.Rules[d] = append(changed.Rules[d], renamePeers(r, pods, nodes))
			}
		}
		w.Policies[i] = &changed
	}
}

func renamePeers(r policy.Rule, pods func(policy.PodSelector) policy.PodSelector, nodes func(policy.Selector) policy.Selector) policy.Rule {
	if r.Peers == nil {
		return r
	}
	peers := []policy.Peer{}
	for _, peer := range r.Peers {
		if peer.Pods != nil {
			renamed := pods(*peer.Pods)
			peer.Pods = &renamed
		}
		if peer.Nodes != nil {
			renamed := nodes(*peer.Nodes)
			peer.Nodes = &renamed
		}
		peers = append(peers, peer)
	}
	r.Peers = peers
	return r
}

func renameSelector(t *rapid.T, s policy.Selector, names *strings.Replacer) policy.Selector {
	text := s.String()
	if text == "everything" || text == "nothing" {
		return s
	}
	parsed, err := metav1.ParseToLabelSelector(names.Replace(text))
	if err != nil {
		t.Fatalf("rename %q: %v", text, err)
	}
	renamed, err := policy.NewSelector(parsed)
	if err != nil {
		t.Fatalf("rename %q: %v", text, err)
	}
	return renamed
}

func addIdle(_ *rapid.T, w *World) {
	p := &policy.Policy{Ref: policy.Ref{Kind: policy.KindNetworkPolicy, Namespace: "a", Name: "idle"}, Tier: policy.NetworkPolicy, Isolates: [2]bool{true, true}}
	w.Policies = append(w.Policies, p)
}

func addEmptyRules(_ *rapid.T, w *World) {
	for i, p := range w.Policies {
		changed := *p
		for _, d := range policy.Directions {
			changed.Rules[d] = append([]policy.Rule{
				{Action: policy.Accept, Peers: []policy.Peer{}}, {Action: policy.Accept, Peers: []policy.Peer{{}}}, {Action: policy.Accept, Ports: []policy.Port{}},
			}, p.Rules[d]...)
		}
		w.Policies[i] = &changed
	}
}

func addDormant(_ *rapid.T, w *World) {
	for _, ns := range w.Namespaces {
		if ns.Isolation != nil {
			continue
		}
		p := &policy.Policy{
			Ref: policy.Ref{Kind: policy.KindAlphaNetworkPolicy, Namespace: ns.Name, Name: "dormant"}, Tier: policy.NetworkPolicy, WhenIsolated: true,
			Subject: policy.PodSelector{Namespace: ns.Name, Pods: policy.Everything()},
		}
		p.Rules[policy.Ingress] = []policy.Rule{{Action: policy.Accept}}
		w.Policies = append(w.Policies, p)
	}
}

// changeRules puts changed copies in the place of all rules.
func changeRules(w *World, change func(r *policy.Rule)) {
	for i, p := range w.Policies {
		changed := *p
		for _, d := range policy.Directions {
			changed.Rules[d] = slices.Clone(p.Rules[d])
			for j := range changed.Rules[d] {
				change(&changed.Rules[d][j])
			}
		}
		w.Policies[i] = &changed
	}
}

func splitNetworks(_ *rapid.T, w *World) {
	changeRules(w, func(r *policy.Rule) {
		if r.Peers == nil {
			return
		}
		peers := []policy.Peer{}
		for _, peer := range r.Peers {
			if peer.Network == nil || peer.Network.CIDR.IsSingleIP() {
				peers = append(peers, peer)
				continue
			}
			for _, half := range halves(peer.Network.CIDR) {
				peers = append(peers, policy.Peer{Network: &policy.Network{CIDR: half, Except: peer.Network.Except}})
			}
		}
		r.Peers = peers
	})
}

func halves(p netip.Prefix) [2]netip.Prefix {
	upper := p.Addr().AsSlice()
	upper[p.Bits()/8] |= 0x80 >> (p.Bits() % 8)
	a, _ := netip.AddrFromSlice(upper)
	return [2]netip.Prefix{netip.PrefixFrom(p.Addr(), p.Bits()+1), netip.PrefixFrom(a, p.Bits()+1)}
}

func splitRanges(_ *rapid.T, w *World) {
	changeRules(w, func(r *policy.Rule) {
		if r.Ports == nil {
			return
		}
		ports := []policy.Port{}
		for _, port := range r.Ports {
			if port.End <= port.Number {
				ports = append(ports, port)
				continue
			}
			first, second := port, port
			first.End = port.Number + (port.End-port.Number)/2
			second.Number = first.End + 1
			ports = append(ports, first, second)
		}
		r.Ports = ports
	})
}
