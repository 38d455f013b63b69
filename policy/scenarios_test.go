package policy

import (
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"

	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha1"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	"sigs.k8s.io/yaml"
)

// objects is what a text of manifests holds.
type objects struct {
	namespaces []*Namespace
	nodes      []*Node
	pods       map[string]*Pod
	policies   []*Policy
}

// add reads manifests, divided by lines of three dashes.
func (o *objects) add(t *testing.T, manifests string) {
	t.Helper()
	for _, text := range strings.Split(manifests, "\n---\n") {
		var meta metav1.TypeMeta
		if err := yaml.Unmarshal([]byte(text), &meta); err != nil {
			t.Fatalf("read %s: %v", text, err)
		}
		if meta.Kind != "" {
			o.addOne(t, meta.APIVersion+" "+meta.Kind, text)
		}
	}
}

func (o *objects) addOne(t *testing.T, kind, text string) {
	t.Helper()
	switch kind {
	case "v1 Namespace":
		o.namespaces = append(o.namespaces, FromNamespace(decode[corev1.Namespace](t, text)))
	case "v1 Node":
		o.nodes = append(o.nodes, FromNode(decode[corev1.Node](t, text)))
	case "v1 Pod":
		pod := FromPod(decode[corev1.Pod](t, text))
		o.pods[pod.String()] = pod
	case "networking.k8s.io/v1 NetworkPolicy":
		o.policies = append(o.policies, FromNetworkPolicy(decode[networkingv1.NetworkPolicy](t, text)))
	case "net.alpha.kubernetes.io/v1alpha1 NetworkPolicy":
		o.policies = append(o.policies, FromAlphaObject(*decode[map[string]any](t, text)))
	case "policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy":
		o.policies = append(o.policies, FromClusterNetworkPolicy(decode[v1alpha2.ClusterNetworkPolicy](t, text)))
	case "policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy":
		o.policies = append(o.policies, FromAdminNetworkPolicy(decode[v1alpha1.AdminNetworkPolicy](t, text)))
	case "policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy":
		o.policies = append(o.policies, FromBaselineAdminNetworkPolicy(decode[v1alpha1.BaselineAdminNetworkPolicy](t, text)))
	default:
		t.Fatalf("unknown kind %q", kind)
	}
}

func decode[T any](t *testing.T, text string) *T {
	t.Helper()
	object := new(T)
	read(t, text, object)
	return object
}

// scenario is one flow of a file, and what must be said of it.
type scenario struct {
	comment, flow string
	want          []string
}

// parseScenarios reads the cases of a file: a comment that says which sentence is proved, the flow, and the sentences of the directions that matter.
func parseScenarios(t *testing.T, text string) []scenario {
	t.Helper()
	var all []scenario
	for _, block := range strings.Split(strings.TrimSpace(text), "\n\n") {
		lines := strings.Split(strings.TrimSpace(block), "\n")
		if len(lines) < 3 || !strings.HasPrefix(lines[0], "# ") || !strings.Contains(lines[1], " -> ") {
			t.Fatalf("a case needs a comment, a flow and what must be said of it:\n%s", block)
		}
		all = append(all, scenario{comment: lines[0], flow: lines[1], want: lines[2:]})
	}
	return all
}

// parse reads a flow such as "shop/web -> shop/db TCP 80".
func (o *objects) parse(t *testing.T, text string) Flow {
	t.Helper()
	source, rest, _ := strings.Cut(text, " -> ")
	words := strings.Fields(rest)
	f := Flow{Source: o.end(t, source), Destination: o.end(t, words[0])}
	protocols := map[string]Protocol{"TCP": TCP, "UDP": UDP, "SCTP": SCTP, "ICMP": OtherProtocols}
	protocol, found := protocols[words[1]]
	if f.Protocol = protocol; !found || (len(words) == 3) != (protocol != OtherProtocols) {
		t.Fatalf("read flow %q", text)
	}
	if len(words) == 3 {
		port, err := strconv.ParseUint(words[2], 10, 16)
		if err != nil {
			t.Fatal(err)
		}
		f.Port = uint16(port)
	}
	return f
}

// end reads an end: "node", "namespace/pod" (with "@" and one of its addresses), "unknown=" and the like with an address, or an address outside.
func (o *objects) end(t *testing.T, text string) End {
	t.Helper()
	if text == "node" {
		return End{Place: OnNode}
	}
	places := map[string]Place{"unknown": Unknown, "disputed": InDispute, "unattached": Unattached}
	if place, address, found := strings.Cut(text, "="); found {
		return End{Place: places[place], Address: netip.MustParseAddr(address)}
	}
	name, address, given := strings.Cut(text, "@")
	pod := o.pods[name]
	switch {
	case pod == nil:
		return OutsideEnd(netip.MustParseAddr(text))
	case given:
		return End{Place: InPod, Pod: pod, Address: netip.MustParseAddr(address)}
	}
	return PodEnd(pod)
}

// check decides the flow and compares with what was worked out by hand: the verdict, and the sentence of each direction that matters.
func (c *scenario) check(t *testing.T, set *Set, f Flow) {
	t.Helper()
	d := Evaluate(set, f)
	want := Accept
	for _, sentence := range c.want {
		if strings.HasPrefix(sentence, "Denied: ") {
			want = Deny
		}
	}
	if d.Action() != want {
		t.Errorf("%s\n%s\ngot %s, want %s:\n%s", c.comment, c.flow, d.Action(), want, d)
	}
	said := strings.Split(d.String(), "\n")
	for i := range said {
		said[i], _, _ = strings.Cut(said[i], "; ")
	}
	for _, sentence := range c.want {
		if !slices.Contains(said, sentence) {
			t.Errorf("%s\n%s\ngot\n%s\nwant\n%s", c.comment, c.flow, strings.Join(said, "\n"), sentence)
		}
	}
}

// The scenarios were worked out by hand from the sentences of the specifications. They are the first of the ways to check Evaluate, and know nothing of
// how it works.
func TestScenarios(t *testing.T) {
	world, err := os.ReadFile("testdata/world.yaml")
	if err != nil {
		t.Fatal(err)
	}
	files, err := filepath.Glob("testdata/*.txtar")
	if err != nil {
		t.Fatal(err)
	}
	cases := 0
	for _, file := range files {
		archive, err := txtar.ParseFile(file)
		if err != nil {
			t.Fatal(err)
		}
		for i := 0; i+1 < len(archive.Files); i += 2 {
			policies, flows := archive.Files[i], archive.Files[i+1]
			name := strings.TrimSuffix(policies.Name, ".yaml")
			if flows.Name != name+".cases" {
				t.Fatalf("%s: %s is followed by %s", file, policies.Name, flows.Name)
			}
			t.Run(strings.TrimSuffix(filepath.Base(file), ".txtar")+"/"+name, func(t *testing.T) {
				o := &objects{pods: map[string]*Pod{}}
				o.add(t, string(world)+"\n---\n"+string(policies.Data))
				set := NewSet(o.namespaces, o.nodes, o.policies)
				for _, c := range parseScenarios(t, string(flows.Data)) {
					cases++
					c.check(t, set, o.parse(t, c.flow))
				}
			})
		}
	}
	if cases < 250 {
		t.Errorf("only %d cases: some are not read", cases)
	}
}
