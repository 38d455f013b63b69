package policy

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

func TestHowToAllow(t *testing.T) {
	space := func(name string) *Namespace {
		return &Namespace{Name: name, Labels: map[string]string{"kubernetes.io/metadata.name": name}}
	}
	isolated := space("alpha")
	isolated.Isolation = isolation("alpha", map[string]string{IsolationAnnotation: "on"})
	namespaces := []*Namespace{space("shop"), space("other"), isolated}
	web := &Pod{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web", "pod-template-hash": "x"}}
	db := &Pod{Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}}
	bare := &Pod{Namespace: "other", Name: "bare"}
	old := &Pod{Namespace: "alpha", Name: "old", Labels: map[string]string{"app": "old"}}
	outside := OutsideEnd(netip.MustParseAddr("192.0.2.1"))
	closed := v1Policy(t, "shop", "closed", `{podSelector: {matchLabels: {app: db}}}`)
	closedOut := v1Policy(t, "shop", "closed-out", `{podSelector: {matchLabels: {app: web}}, policyTypes: [Egress]}`)
	broken := v1Policy(t, "shop", "broken", `{ingress: [{from: [{}]}]}`)
	admin := clusterPolicy(t, "admin", `{tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{name: keep out, action: Deny, from: [{namespaces: {}}]}]}`)
	top := adminPolicy(t, "top", `{priority: 0, subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`)
	torn := clusterPolicy(t, "torn", `{tier: Admin, priority: 5, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{}]}]}`)
	base := baselinePolicy(t, "default", `{subject: {namespaces: {}}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`)
	for _, test := range []struct {
		name     string
		policies []*Policy
		from, to End
		protocol Protocol
		want     string
	}{
		{"accepted", nil, PodEnd(web), PodEnd(db), TCP, ""},
		{"a pod of the same namespace", []*Policy{closed}, PodEnd(web), PodEnd(db), TCP, "add to NetworkPolicy shop/closed: spec.ingress[+]: from pods with app=web, port TCP 80"},
		{"a pod of another", []*Policy{closed}, PodEnd(bare), PodEnd(db), TCP,
			"add to NetworkPolicy shop/closed: spec.ingress[+]: from every pod of namespaces with kubernetes.io/metadata.name=other, port TCP 80"},
		{"an address, without ports", []*Policy{closed}, outside, PodEnd(db), OtherProtocols,
			"add to NetworkPolicy shop/closed: spec.ingress[+]: from ipBlock 192.0.2.1/32, no ports (a rule that names ports is about TCP, UDP and SCTP only)"},
		{"a pod in the network of a node that is not known", []*Policy{closed}, PodEnd(&Pod{Namespace: "shop", Name: "agent", HostNetwork: true}), PodEnd(db), TCP,
			"add to NetworkPolicy shop/closed: spec.ingress[+]: from an ipBlock with the address of its node, port TCP 80"},
		{"both directions", []*Policy{closed, closedOut}, PodEnd(web), PodEnd(db), UDP,
			"add to NetworkPolicy shop/closed-out: spec.egress[+]: to pods with app=db, port UDP 80; and add to NetworkPolicy shop/closed: spec.ingress[+]: from pods with app=web, port UDP 80"},
		{"a sound policy before a broken one", []*Policy{broken, closed}, PodEnd(web), PodEnd(db), TCP, "add to NetworkPolicy shop/closed: spec.ingress[+]: from pods with app=web, port TCP 80"},
		{"a broken policy", []*Policy{broken}, PodEnd(web), PodEnd(db), TCP,
			"mend NetworkPolicy shop/broken, which fails closed: spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; until that is changed the policy allows nothing"},
		{"an isolated namespace", nil, PodEnd(web), PodEnd(old), TCP,
			"add to namespace alpha a NetworkPolicy that selects pods with app=old and has in spec.ingress: from pods with app=web of namespaces with kubernetes.io/metadata.name=shop, port TCP 80"},
		{"an unknown peer", []*Policy{closed}, End{Place: Unknown, Address: netip.MustParseAddr("10.244.0.9")}, PodEnd(db), TCP,
			"add to NetworkPolicy shop/closed: spec.ingress[+]: a rule without peers (nothing is known of the unknown pod address 10.244.0.9), port TCP 80"},
		{"an admin rule", []*Policy{admin}, PodEnd(web), PodEnd(db), TCP,
			`only an Admin rule that comes first can allow it: add above rule 0 "keep out" of ClusterNetworkPolicy admin, or in an Admin policy with a priority below 5: action Accept, from pods with app=web, port TCP 80`},
		{"the first of all policies", []*Policy{top}, PodEnd(web), PodEnd(db), TCP,
			"only an Admin rule that comes first can allow it: add above rule 0 of AdminNetworkPolicy top: action Allow, from pods with app=web, port TCP 80"},
		{"a rule that fails closed", []*Policy{torn}, PodEnd(web), PodEnd(db), TCP,
			"mend ClusterNetworkPolicy torn: spec.ingress[0].from[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything"},
		{"an unclear policy", []*Policy{clusterPolicy(t, "lost", `{tier: Admin, subject: {}, ingress: [{action: Deny, from: [{namespaces: {}}]}]}`)}, PodEnd(web), PodEnd(db), TCP,
			"mend ClusterNetworkPolicy lost: spec.subject: has none of the fields namespaces, pods that are known here; until that is changed the policy's Deny rules hold for everybody whom it may mean, its Pass rules deny, and its other rules match nothing"},
		{"a baseline rule", []*Policy{base}, PodEnd(web), PodEnd(db), TCP,
			"override BaselineAdminNetworkPolicy default with a NetworkPolicy of namespace shop that selects pods with app=db and has in spec.ingress: from pods with app=web, port TCP 80 (what it does not name, it denies)"},
		{"a baseline rule for egress", []*Policy{clusterPolicy(t, "base", `{tier: Baseline, priority: 1, subject: {namespaces: {}}, egress: [{action: Deny, to: [{networks: [192.0.2.0/24]}]}]}`)}, PodEnd(web), outside, TCP,
			"override ClusterNetworkPolicy base with a NetworkPolicy of namespace shop that selects pods with app=web and has policyTypes [Egress] and in spec.egress: to ipBlock 192.0.2.1/32, port TCP 80 (what it does not name, it denies)"},
		{"a disputed address", nil, End{Address: netip.MustParseAddr("10.244.0.9")}, PodEnd(db), TCP, "no policy can allow it: one end is an address that no pod rightfully has"},
		{"no common family", nil, outside, End{Place: InPod, Pod: db, Address: netip.MustParseAddr("fd00::1")}, TCP, "no policy can allow it: give both ends addresses of one family"},
	} {
		t.Run(test.name, func(t *testing.T) {
			set := NewSet(namespaces, nil, test.policies)
			d := Evaluate(set, Flow{Source: test.from, Destination: test.to, Protocol: test.protocol, Port: 80})
			if diff := cmp.Diff(test.want, d.HowToAllow(set)); diff != "" {
				t.Errorf("how (-want +got):\n%s\n%s", diff, d)
			}
		})
	}
}

// A miss names its object and field, so that the place in a file can be said.
func TestMissesHavePlaces(t *testing.T) {
	namespaces := []*Namespace{{Name: "shop"}}
	web, db := &Pod{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web"}}, &Pod{Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}}
	set := NewSet(namespaces, nil, []*Policy{
		v1Policy(t, "shop", "a", `{ingress: [{from: [{podSelector: {matchLabels: {app: front}}}], ports: [{port: 81}]}]}`),
		v1Policy(t, "shop", "b", `{ingress: [{from: [{podSelector: {matchLabels: {x: y, z: z}}}]}, {from: [{podSelector: {matchLabels: {app: front}}}]}]}`),
	})
	j := Evaluate(set, Flow{Source: PodEnd(web), Destination: PodEnd(db), Protocol: TCP, Port: 80}).Ingress
	if want := (Ref{Kind: KindNetworkPolicy, Namespace: "shop", Name: "b"}); j.MissRef != want || j.MissField != "spec.ingress[1]" {
		t.Errorf("got %v %s: %s", j.MissRef, j.MissField, j.Miss)
	}
	if want := "NetworkPolicy shop/b rule 1 accepts everything from pods with app=front of namespace shop, but shop/web needs app=front, has app=web"; j.Miss != want {
		t.Errorf("got  %s\nwant %s", j.Miss, want)
	}
	d := Evaluate(set, Flow{Source: PodEnd(web), Destination: PodEnd(db), Protocol: TCP, Port: 80})
	if got, want := d.HowToAllow(set), "add to NetworkPolicy shop/b: spec.ingress[+]: from pods with app=web, port TCP 80"; got != want {
		t.Errorf("the nearest policy: got %q, want %q", got, want)
	}
	if len(j.Isolating) != 2 {
		t.Errorf("isolating: got %v, want both", j.Isolating)
	}
}
