package policy

import (
	"net/netip"
	"testing"
)

func TestPeerWords(t *testing.T) {
	labelled, err := SelectLabels(map[string]string{"role": "x"})
	if err != nil {
		t.Fatal(err)
	}
	everything := Everything()
	for _, test := range []struct {
		peer Peer
		want string
	}{
		{Peer{}, "nobody"},
		{Peer{Pods: &PodSelector{}}, "no pod of no namespace"},
		{Peer{Pods: &PodSelector{Namespace: "a", Pods: labelled}}, "pods with role=x of namespace a"},
		{Peer{Pods: &PodSelector{Namespaces: labelled, Pods: everything}}, "every pod of namespaces with role=x"},
		{Peer{Pods: &PodSelector{Namespaces: everything, Pods: labelled}}, "pods with role=x of every namespace"},
		{Peer{Nodes: &everything}, "every node"},
		{Peer{Nodes: &labelled}, "nodes with role=x"},
		{Peer{Network: &Network{CIDR: netip.MustParsePrefix("10.0.0.0/8")}}, "10.0.0.0/8"},
		{Peer{Network: &Network{CIDR: netip.MustParsePrefix("10.0.0.0/8"), Except: []netip.Prefix{
			netip.MustParsePrefix("10.2.0.0/16"), netip.MustParsePrefix("10.1.0.0/16"), netip.MustParsePrefix("10.2.0.0/16")}}}, "10.0.0.0/8 except 10.1.0.0/16, 10.2.0.0/16"},
	} {
		if got := test.peer.Words(); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestRuleWords(t *testing.T) {
	for _, test := range []struct {
		rule Rule
		d    Direction
		want string
	}{
		{Rule{Action: Accept}, Ingress, "Accept everything from everybody"},
		{Rule{Action: Deny, Peers: []Peer{}, Ports: []Port{}}, Egress, "Deny nothing to nobody"},
		{Rule{Action: Pass, Ports: []Port{{Protocol: TCP}, {Protocol: UDP, Number: 53}, {Protocol: SCTP, Number: 5, End: 9}, {Protocol: TCP, Name: "web"}, {Protocol: TCP, Number: 7, End: 7}}}, Egress,
			`Pass TCP or UDP 53 or SCTP 5-9 or TCP "web" or TCP 7 to everybody`},
	} {
		if got := test.rule.Words(test.d); got != test.want {
			t.Errorf("got %q, want %q", got, test.want)
		}
	}
}

func TestSentences(t *testing.T) {
	ref := Ref{Kind: KindClusterNetworkPolicy, Name: "p"}
	for _, test := range []struct {
		reason Reason
		want   string
	}{
		{Reason{Action: Deny, Direction: Egress, Cause: CauseRule, Tier: Baseline, Policy: ref, Rule: 2, RuleName: "keep out"},
			`Denied: egress of a/x: ClusterNetworkPolicy p rule 2 "keep out", tier Baseline, decides about TCP 80 to b/y`},
		{Reason{Action: Deny, Direction: Ingress, Cause: CauseIsolated, Isolating: []Ref{{Kind: KindNetworkPolicy, Namespace: "b", Name: "q"}, {Kind: KindNamespaceIsolation, Namespace: "b", Name: "on"}}},
			"Denied: ingress of b/y is isolated by NetworkPolicy b/q and by namespace b (annotation net.alpha.kubernetes.io/network-isolation=on) and no policy allows TCP 80 from a/x"},
		{Reason{Action: Accept, Direction: Ingress, Cause: CauseNotIsolated}, "Accepted: ingress of b/y is not isolated and no rule is about TCP 80 from a/x"},
		{Reason{Action: Accept, Direction: Ingress, Cause: CauseNode}, "Accepted: ingress of b/y: a node always reaches its own pods, also with TCP 80 from a/x"},
		{Reason{Action: Accept, Direction: Egress, Cause: CauseNoPod}, "Accepted: egress of a/x is not looked at, because it is no pod"},
		{Reason{Action: Accept, Direction: Egress, Cause: CauseSelf}, "Accepted: a/x reaches itself, whatever the policies"},
		{Reason{Action: Deny, Direction: Egress, Cause: CauseClosed}, "Denied: one end is an address that no pod rightfully has: a/x, TCP 80 to b/y"},
		{Reason{Action: Deny, Direction: Egress, Cause: CauseFamilies}, "Denied: a/x and b/y have no address family in common, so there is no TCP 80 to b/y"},
	} {
		if got := test.reason.Sentence("a/x", "b/y", TCP, 80); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
	}
}

// What a denial says besides its reason.
func TestDecisionSaysMore(t *testing.T) {
	pod := &Pod{Namespace: "a", Name: "x"}
	for _, test := range []struct{ spec, want string }{
		{`{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{name: all, action: Deny, from: [{namespaces: {}}], protocols: [{tcp: {destinationPort: {range: {start: 80, end: 90}}}}]}]}`,
			`Denied: ingress of a/x: ClusterNetworkPolicy p rule 0 "all", tier Admin, decides about TCP 80 from the unknown pod address (unspecified); it says: Deny TCP 80-90 from every pod of every namespace`},
		{`{tier: Admin, priority: 1, subject: {namespaces: {}}, ingress: [{action: Pass, from: [{}]}]}`,
			"Denied: ingress of a/x: ClusterNetworkPolicy p rule 0, tier Admin, decides about TCP 80 from the unknown pod address (unspecified); the rule fails closed: " +
				"spec.ingress[0].from[0]: has none of the fields namespaces, pods, nodes, networks, domainNames that are known here; until that is changed the rule denies everything"},
	} {
		set := NewSet([]*Namespace{{Name: "a"}}, nil, []*Policy{clusterPolicy(t, "p", test.spec)})
		d := Evaluate(set, Flow{Source: End{Place: Unknown}, Destination: PodEnd(pod), Protocol: TCP, Port: 80})
		if got := d.String(); got != test.want {
			t.Errorf("got  %s\nwant %s", got, test.want)
		}
		if d.Ingress.RuleName != "" && d.Ingress.Field != "spec.ingress[0]" {
			t.Errorf("field %q", d.Ingress.Field)
		}
	}
}
