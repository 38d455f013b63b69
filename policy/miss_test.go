package policy

import (
	"net/netip"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// missSet is a namespace shop whose pod db takes in, and whose pod web lets out, what the one policy says.
func missSet(p *Policy) *Set {
	space := func(name, team string) *Namespace {
		return &Namespace{Name: name, Labels: map[string]string{"team": team}}
	}
	nodes := []*Node{{Name: "n2", Labels: map[string]string{"role": "worker"}, Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.2")}}}
	return NewSet([]*Namespace{space("shop", "a"), space("bank", "b")}, nodes, []*Policy{p})
}

func TestNearestMiss(t *testing.T) {
	web := &Pod{Namespace: "shop", Name: "web", Labels: map[string]string{"app": "web", "tier": "back"}, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.3")}}
	db := &Pod{Namespace: "shop", Name: "db", Labels: map[string]string{"app": "db"}, Ports: []NamedPort{{"sql", TCP, 5432}}, Addresses: []netip.Addr{netip.MustParseAddr("10.1.2.4")}}
	teller := &Pod{Namespace: "bank", Name: "teller", Labels: map[string]string{"app": "teller"}, Addresses: []netip.Addr{netip.MustParseAddr("10.2.0.1")}}
	host := &Pod{Namespace: "shop", Name: "host", HostNetwork: true, Node: "n2", Labels: map[string]string{"app": "front"}}
	outside := OutsideEnd(netip.MustParseAddr("203.0.113.7"))
	const in, out = `{policyTypes: [Ingress], ingress: [`, `{policyTypes: [Egress], egress: [`
	for _, test := range []struct {
		name, spec string
		from, to   End
		want       string
	}{
		{"a label with another value", in + `{from: [{podSelector: {matchLabels: {app: front}}}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from pods with app=front of namespace shop, but shop/web needs app=front, has app=web"},
		{"a label that is not there", in + `{from: [{podSelector: {matchLabels: {zone: x}}}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from pods with zone=x of namespace shop, but shop/web needs zone=x, has no label zone"},
		{"expressions", in + `{from: [{podSelector: {matchExpressions: [{key: app, operator: NotIn, values: [web, x]}, {key: tier, operator: DoesNotExist}, {key: zone, operator: Exists}, {key: app, operator: In, values: [b, a]}]}}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from pods with app in (a,b),app notin (web,x),!tier,zone of namespace shop, but shop/web needs app in (a,b),app notin (web,x),!tier,zone, has app=web,tier=back,no label zone"},
		{"the namespace's labels", in + `{from: [{namespaceSelector: {matchLabels: {team: a}}}]}]}`, PodEnd(teller), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from every pod of namespaces with team=a, but namespace bank needs team=a, has team=b"},
		{"the policy's own namespace", in + `{from: [{podSelector: {matchLabels: {app: teller}}}]}]}`, PodEnd(teller), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from pods with app=teller of namespace shop, but bank/teller is not in namespace shop"},
		{"the nearest of several peers", in + `{from: [{ipBlock: {cidr: 192.0.2.0/24}}, {podSelector: {matchLabels: {app: front}}}, {podSelector: {matchLabels: {x: w, z: z}}}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from 192.0.2.0/24 or pods with app=front of namespace shop or pods with x=w,z=z of namespace shop, but shop/web needs app=front, has app=web"},
		{"the nearest of several rules", in + `{ports: [{port: 81}]}, {from: [{podSelector: {matchLabels: {app: x}}}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts TCP 81 from everybody, but this was TCP 80"},
		{"the protocol", in + `{ports: [{port: 80, protocol: UDP}]}]}`, PodEnd(web), PodEnd(db), "NetworkPolicy shop/p rule 0 accepts UDP 80 from everybody, but this was TCP 80"},
		{"a named port", in + `{ports: [{port: sql}]}]}`, PodEnd(web), PodEnd(db), `NetworkPolicy shop/p rule 0 accepts TCP "sql" from everybody, but this was TCP 80, and "sql" of shop/db is 5432`},
		{"a named port of a pod that has none", out + `{ports: [{port: sql}]}]}`, PodEnd(web), PodEnd(teller),
			`NetworkPolicy shop/p rule 0 accepts TCP "sql" to everybody, but this was TCP 80, and bank/teller has no TCP port named "sql"`},
		{"a named port of an address", out + `{ports: [{port: sql}]}]}`, PodEnd(web), outside, `NetworkPolicy shop/p rule 0 accepts TCP "sql" to everybody, but this was TCP 80, and 203.0.113.7 has no named ports`},
		{"an address outside", out + `{to: [{ipBlock: {cidr: 192.0.2.0/24}}]}]}`, PodEnd(web), outside, "NetworkPolicy shop/p rule 0 accepts everything to 192.0.2.0/24, but 203.0.113.7 is not in 192.0.2.0/24"},
		{"an exception", out + `{to: [{ipBlock: {cidr: 10.0.0.0/8, except: [10.2.0.0/16]}}]}]}`, PodEnd(web), PodEnd(teller),
			"NetworkPolicy shop/p rule 0 accepts everything to 10.0.0.0/8 except 10.2.0.0/16, but 10.2.0.1, the address of bank/teller, is in the exception 10.2.0.0/16"},
		{"an unknown address in a block", in + `{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}`, End{Place: Unknown, Address: netip.MustParseAddr("10.9.9.9")}, PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from 10.0.0.0/8, but no peer can accept the unknown pod address 10.9.9.9"},
		{"no address", in + `{from: [{ipBlock: {cidr: 10.0.0.0/8}}]}]}`, OutsideEnd(netip.Addr{}), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from 10.0.0.0/8, but an address outside the cluster has no address that is known"},
		{"a pod in the host's network", in + `{from: [{podSelector: {matchLabels: {app: front}}}]}]}`, PodEnd(host), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts everything from pods with app=front of namespace shop, but shop/host is in the network of its node, and no selector of pods matches such a pod"},
		{"another subject", `{podSelector: {matchLabels: {app: x}}, ingress: [{}]}`, PodEnd(web), PodEnd(db), ""},
		{"a policy that fails closed", in + `{from: [{}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p fails closed: spec.ingress[0].from[0]: needs podSelector, namespaceSelector or ipBlock; until that is changed the policy allows nothing"},
		{"no rule", in + `]}`, PodEnd(web), PodEnd(db), ""},
		{"port and peer", in + `{from: [{podSelector: {matchLabels: {app: front}}}], ports: [{port: 81}]}]}`, PodEnd(web), PodEnd(db),
			"NetworkPolicy shop/p rule 0 accepts TCP 81 from pods with app=front of namespace shop, but shop/web needs app=front, has app=web, and this was TCP 80"},
	} {
		t.Run(test.name, func(t *testing.T) {
			d := Evaluate(missSet(v1Policy(t, "shop", "p", test.spec)), Flow{Source: test.from, Destination: test.to, Protocol: TCP, Port: 80})
			j := d.Ingress
			if d.Egress.Cause == CauseIsolated {
				j = d.Egress
			}
			if diff := cmp.Diff(test.want, j.Miss); diff != "" {
				t.Errorf("miss (-want +got):\n%s", diff)
			}
			if (j.Miss == "") != (j.MissField == "") || (j.Miss == "") != (j.MissRef == Ref{}) {
				t.Errorf("%q is at %v %q", j.Miss, j.MissRef, j.MissField)
			}
		})
	}
}

// A rule for nodes can only be missed in a model that was made by hand: no policy of tier NetworkPolicy has one.
func TestNearestMissOfNodes(t *testing.T) {
	workers, err := SelectLabels(map[string]string{"role": "control"})
	if err != nil {
		t.Fatal(err)
	}
	p := v1Policy(t, "shop", "p", `{policyTypes: [Egress]}`)
	p.Rules[Egress] = []Rule{{Action: Accept, Peers: []Peer{{Nodes: &workers}, {}}, Field: "spec.egress[0]"}}
	web := PodEnd(&Pod{Namespace: "shop", Name: "web", Node: "n1"})
	for _, test := range []struct{ to, want string }{
		{"192.168.0.2", "NetworkPolicy shop/p rule 0 accepts everything to nodes with role=control or nobody, but node n2 needs role=control, has role=worker"},
		{"203.0.113.7", "NetworkPolicy shop/p rule 0 accepts everything to nodes with role=control or nobody, but 203.0.113.7 is no node"},
	} {
		d := Evaluate(missSet(p), Flow{Source: web, Destination: OutsideEnd(netip.MustParseAddr(test.to)), Protocol: TCP, Port: 80})
		if diff := cmp.Diff(test.want, d.Egress.Miss); diff != "" {
			t.Errorf("miss (-want +got):\n%s", diff)
		}
	}
}
