package probe

import (
	"context"
	"net/netip"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
	"github.com/vishvananda/netlink"
	"golang.org/x/sys/unix"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/util/intstr"

	"github.com/hedgerow-net/hedgerow/policy"
	"github.com/hedgerow-net/hedgerow/policy/analysis"
)

// pod returns a pod of namespace "shop" with its name as label app.
func pod(name, node string, addresses ...string) *policy.Pod {
	p := &policy.Pod{Namespace: "shop", Name: name, Node: node, Labels: map[string]string{"app": name}}
	for _, a := range addresses {
		p.Addresses = append(p.Addresses, netip.MustParseAddr(a))
	}
	return p
}

func namespace(name string) *policy.Namespace {
	return policy.FromNamespace(&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name}})
}

// onlyFrom is a policy of namespace shop: only the one app reaches the other, on one TCP port.
func onlyFrom(from, to string, port int) *policy.Policy {
	number := intstr.FromInt(port)
	return policy.FromNetworkPolicy(&networkingv1.NetworkPolicy{
		ObjectMeta: metav1.ObjectMeta{Namespace: "shop", Name: from + "-to-" + to},
		Spec: networkingv1.NetworkPolicySpec{
			PodSelector: metav1.LabelSelector{MatchLabels: map[string]string{"app": to}},
			Ingress: []networkingv1.NetworkPolicyIngressRule{{
				From:  []networkingv1.NetworkPolicyPeer{{PodSelector: &metav1.LabelSelector{MatchLabels: map[string]string{"app": from}}}},
				Ports: []networkingv1.NetworkPolicyPort{{Port: &number}},
			}},
		},
	})
}

// shop is two nodes with three pods: web and db on one, far on the other; node c has no pods.
func shop(policies ...*policy.Policy) *analysis.World {
	nodes := []*policy.Node{
		{Name: "a", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.1"), netip.MustParseAddr("fd01::1")}},
		{Name: "b", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.2"), netip.MustParseAddr("fd01::2")}},
		{Name: "c", Addresses: []netip.Addr{netip.MustParseAddr("192.168.0.3"), netip.MustParseAddr("fd01::3")}},
	}
	host := pod("host", "a", "192.168.0.1", "fd01::1")
	host.HostNetwork = true
	over := pod("over", "a", "10.0.0.9", "fd00::9")
	over.Terminated = true
	return &analysis.World{
		Namespaces: []*policy.Namespace{namespace("shop")}, Nodes: nodes, Policies: policies,
		Pods: []*policy.Pod{
			pod("web", "a", "10.0.0.1", "fd00::1"), pod("db", "a", "10.0.0.2", "fd00::2"), pod("far", "b", "10.99.0.1", "fd00:99::1"), host, over,
		},
	}
}

// ends of the shop's flows, of both families.
var ends = map[string][2]string{
	"web": {"10.0.0.1", "fd00::1"}, "db": {"10.0.0.2", "fd00::2"}, "far": {"10.99.0.1", "fd00:99::1"}, "a": {"192.168.0.1", "fd01::1"},
	"b": {"192.168.0.2", "fd01::2"}, "c": {"192.168.0.3", "fd01::3"}, "over": {"10.0.0.9", "fd00::9"}, "stranger": {"203.0.113.7", "2001:db8::7"},
	"unknown": {"10.0.0.77", "fd00::77"},
}

// protocols are what every pair of ends is probed with.
var protocols = []struct {
	policy.Protocol
	port uint16
}{{policy.TCP, 80}, {policy.TCP, 81}, {policy.UDP, 80}, {policy.SCTP, 80}, {policy.OtherProtocols, 0}}

// everything returns the flows between all ends, in both families.
func everything() (flows []Flow, names []string) {
	for from, sources := range ends {
		for to, destinations := range ends {
			for i := range sources {
				for _, p := range protocols {
					f := Flow{netip.MustParseAddr(sources[i]), netip.MustParseAddr(destinations[i]), p.Protocol, p.port}
					flows, names = append(flows, f), append(names, from+" to "+to+": "+f.String())
				}
			}
		}
	}
	return flows, names
}

// strangers are all ends, of whom those of the world count as theirs, and somebody in the pod range whom nobody knows.
func strangers() (s Strangers) {
	for name, pair := range ends {
		for _, a := range pair {
			if name == "unknown" || name == "over" {
				s.InPodRange = append(s.InPodRange, netip.MustParseAddr(a))
			} else {
				s.Outside = append(s.Outside, netip.MustParseAddr(a))
			}
		}
	}
	return s
}

func newSet(t testing.TB) *Set {
	t.Helper()
	s, err := New()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Close)
	return s
}

// TestProbe: everybody talks to everybody in every way, and gets through exactly where the evaluator says so, also after the world has changed under
// the running nodes.
func TestProbe(t *testing.T) {
	s := newSet(t)
	flows, names := everything()
	for _, test := range []struct {
		name   string
		world  *analysis.World
		denied bool
	}{
		{"nothing is isolated", shop(), false},
		{"the db takes only the web's connections", shop(onlyFrom("web", "db", 80)), true},
		{"the policy changes", shop(onlyFrom("far", "db", 81), onlyFrom("db", "far", 80)), true},
		{"it is gone", shop(), false},
	} {
		t.Run(test.name, func(t *testing.T) {
			if err := s.Update(test.world, strangers()); err != nil {
				t.Fatal(err)
			}
			want := make([]bool, len(flows))
			denied := 0
			for i, f := range flows {
				want[i] = evaluate(test.world, f)
				if !want[i] {
					denied++
				}
			}
			if (denied > 0) != test.denied {
				t.Fatalf("%d of %d flows should be denied", denied, len(flows))
			}
			answers, err := s.Probe(context.Background(), flows, want)
			if err != nil {
				t.Fatal(err)
			}
			for i, a := range answers {
				if (a.Outcome == Passed) != want[i] || a.Outcome == Rejected {
					t.Errorf("%s: %s (%s), want passed: %t", names[i], a.Outcome, a.Reason, want[i])
				}
			}
		})
	}
}

// evaluate says what should become of a flow in the shop.
func evaluate(w *analysis.World, f Flow) bool {
	flow := policy.Flow{Source: endOf(w, f.Source), Destination: endOf(w, f.Destination), Protocol: f.Protocol, Port: f.Port}
	return policy.Evaluate(w.Set(), flow).Action() == policy.Accept
}

func endOf(w *analysis.World, a netip.Addr) policy.End {
	for _, p := range w.Pods {
		for _, own := range p.Addresses {
			if own == a && !p.HostNetwork {
				return policy.End{Place: policy.InPod, Pod: p, Address: a}
			}
		}
	}
	if slices.Contains(strangers().InPodRange, a) {
		return policy.End{Place: policy.Unknown, Address: a}
	}
	return policy.OutsideEnd(a)
}

func TestLayOutRefusesTwoClaims(t *testing.T) {
	w := shop()
	w.Pods = append(w.Pods, pod("thief", "b", "10.0.0.1"))
	_, err := layOut(w, Strangers{})
	want := "lay out nodes: 10.0.0.1 is the address of both shop/web and shop/thief, and nothing passes there until one of them gives it up"
	if err == nil || err.Error() != want {
		t.Errorf("layOut() = %v", cmp.Diff(want, err))
	}
}

// TestRejected: a refusal is neither an answer nor a drop. The nodes are made to refuse what goes to the stranger.
func TestRejected(t *testing.T) {
	s := newSet(t)
	if err := s.Update(shop(), strangers()); err != nil {
		t.Fatal(err)
	}
	var flows []Flow
	for i, a := range ends["stranger"] {
		refuse := &netlink.Route{Dst: ipNet(single(netip.MustParseAddr(a))), Type: unix.RTN_UNREACHABLE}
		if err := s.nodes[0].handle.RouteAdd(refuse); err != nil {
			t.Fatal(err)
		}
		for _, p := range protocols {
			flows = append(flows, Flow{netip.MustParseAddr(ends["web"][i]), netip.MustParseAddr(a), p.Protocol, p.port})
		}
	}
	answers, err := s.Probe(context.Background(), flows, make([]bool, len(flows)))
	if err != nil {
		t.Fatal(err)
	}
	for i, a := range answers {
		if a.Outcome != Rejected {
			t.Errorf("%s: %s, want rejected", flows[i], a.Outcome)
		}
	}
}

// TestReason: the datapath's word about a drop comes with the answer.
func TestReason(t *testing.T) {
	s := newSet(t)
	if err := s.Update(shop(onlyFrom("web", "db", 80)), Strangers{}); err != nil {
		t.Fatal(err)
	}
	f := Flow{netip.MustParseAddr("10.99.0.1"), netip.MustParseAddr("10.0.0.2"), policy.UDP, 80}
	answers, err := s.Probe(context.Background(), []Flow{f}, nil)
	want := Answer{Dropped, "Denied: ingress of 10.0.0.2 is isolated by NetworkPolicy shop/web-to-db and no policy allows UDP 80 from 10.99.0.1"}
	if err != nil || answers[0] != want {
		t.Errorf("Probe() = %+v, %v, want %+v", answers, err, want)
	}
}

func TestCheck(t *testing.T) {
	four, six := netip.MustParseAddr("10.0.0.1"), netip.MustParseAddr("fd00::1")
	for _, test := range []struct {
		flow Flow
		want string
	}{
		{Flow{four, four, policy.TCP, 80}, ""},
		{Flow{six, six, policy.OtherProtocols, 0}, ""},
		{Flow{four, six, policy.TCP, 80}, "probe: 10.0.0.1 and fd00::1 are of different families"},
		{Flow{four, four, policy.UDP, 0}, "probe: UDP needs a port"},
		{Flow{netip.Addr{}, four, policy.TCP, 80}, "probe: one end has no address of the other's family"},
		{Flow{four, netip.MustParseAddr("127.0.0.1"), policy.TCP, 80}, "probe: 127.0.0.1 is no address that packets are routed to"},
		{Flow{six, netip.MustParseAddr("fe80::1"), policy.TCP, 80}, "probe: fe80::1 is no address that packets are routed to"},
	} {
		got := ""
		if err := test.flow.Check(); err != nil {
			got = err.Error()
		}
		if got != test.want {
			t.Errorf("%s: got %q, want %q", test.flow, got, test.want)
		}
	}
}

// TestManyFlows: what does not fit into one volley is sent in several, under a small limit of open files.
func TestManyFlows(t *testing.T) {
	var limit unix.Rlimit
	if err := unix.Getrlimit(unix.RLIMIT_NOFILE, &limit); err != nil {
		t.Fatal(err)
	}
	s := newSet(t)
	w := shop(onlyFrom("web", "db", 80))
	if err := s.Update(w, Strangers{}); err != nil {
		t.Fatal(err)
	}
	var flows []Flow
	var want []bool
	for port := range uint16(900) {
		for _, from := range []string{"web", "far"} {
			f := Flow{netip.MustParseAddr(ends[from][0]), netip.MustParseAddr(ends["db"][0]), policy.TCP, 1 + port}
			flows, want = append(flows, f), append(want, evaluate(w, f))
		}
	}
	if err := unix.Setrlimit(unix.RLIMIT_NOFILE, &unix.Rlimit{Cur: 2048, Max: limit.Max}); err != nil {
		t.Fatal(err)
	}
	answers, err := s.Probe(context.Background(), flows, want)
	if restored := unix.Setrlimit(unix.RLIMIT_NOFILE, &limit); restored != nil {
		t.Fatal(restored)
	}
	if err != nil {
		t.Fatal(err)
	}
	passed := 0
	for i, a := range answers {
		if (a.Outcome == Passed) != want[i] {
			t.Errorf("%s: %s, want passed: %t", flows[i], a.Outcome, want[i])
		}
		if a.Outcome == Passed {
			passed++
		}
	}
	if passed != 1 {
		t.Errorf("%d flows passed, want the one to port 80", passed)
	}
}
