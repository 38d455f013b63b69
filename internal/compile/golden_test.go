package compile

import (
	"bufio"
	"bytes"
	"flag"
	"fmt"
	"io"
	"maps"
	"net/netip"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"golang.org/x/tools/txtar"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/util/yaml"
	"sigs.k8s.io/network-policy-api/apis/v1alpha2"
	syaml "sigs.k8s.io/yaml"

	"github.com/hedgerow-net/hedgerow/internal/datapath"
	"github.com/hedgerow-net/hedgerow/internal/datapath/datapathtest"
	"github.com/hedgerow-net/hedgerow/policy"
)

var update = flag.Bool("update", false, "write what comes out into the golden files")

// TestGolden runs the scripts in testdata. A script is steps; each has a file "NAME.yaml" with objects that are applied, or, where an object
// has the annotation "deleted", removed; and a file "NAME.txt" with what must be in the tables then. Pods of the node "here" are attached.
func TestGolden(t *testing.T) {
	paths, err := filepath.Glob("testdata/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatalf("find scripts: %v, found %d", err, len(paths))
	}
	for _, path := range paths {
		t.Run(strings.TrimSuffix(filepath.Base(path), ".txtar"), func(t *testing.T) {
			archive, err := txtar.ParseFile(path)
			if err != nil {
				t.Fatalf("read script: %v", err)
			}
			runScript(t, archive)
			if *update {
				if err := os.WriteFile(path, txtar.Format(archive), 0o644); err != nil {
					t.Fatalf("write script: %v", err)
				}
			}
		})
	}
}

func runScript(t *testing.T, archive *txtar.Archive) {
	s := &script{t: t, compiler: New(Options{}), tables: datapathtest.New(),
		namespaces: map[string]*policy.Namespace{}, pods: map[string]*policy.Pod{}, policies: map[string]*policy.Policy{}, nodes: map[string]*policy.Node{}}
	for i := range archive.Files {
		f := &archive.Files[i]
		name, isStep := strings.CutSuffix(f.Name, ".yaml")
		if !isStep {
			continue
		}
		s.apply(f.Data)
		got := s.run()
		if i+1 == len(archive.Files) || archive.Files[i+1].Name != name+".txt" {
			t.Fatalf("step %s has no file %s.txt after it", name, name)
		}
		want := &archive.Files[i+1].Data
		if *update {
			*want = []byte(got)
		}
		if diff := cmp.Diff(string(*want), got); diff != "" {
			t.Errorf("step %s (-want +got):\n%s", name, diff)
		}
	}
}

// script is the state of a running script.
type script struct {
	t          *testing.T
	compiler   *Compiler
	tables     *datapathtest.Tables
	namespaces map[string]*policy.Namespace
	pods       map[string]*policy.Pod
	policies   map[string]*policy.Policy
	nodes      map[string]*policy.Node
	plan       *Plan
}

func (s *script) apply(data []byte) {
	decoder := yaml.NewYAMLReader(bufio.NewReader(bytes.NewReader(data)))
	for {
		document, err := decoder.Read()
		if err == io.EOF {
			return
		}
		if err != nil {
			s.t.Fatalf("read objects: %v", err)
		}
		var object map[string]any
		if err := syaml.Unmarshal(document, &object); err != nil {
			s.t.Fatalf("read object: %v", err)
		}
		s.applyObject(object, document)
	}
}

func (s *script) applyObject(object map[string]any, document []byte) {
	read := func(into any) {
		if err := syaml.UnmarshalStrict(document, into); err != nil {
			s.t.Fatalf("read object: %v\n%s", err, document)
		}
	}
	switch fmt.Sprint(object["apiVersion"], " ", object["kind"]) {
	case "v1 Namespace":
		var ns corev1.Namespace
		read(&ns)
		place(s.namespaces, ns.Name, policy.FromNamespace(&ns), ns.Annotations)
	case "v1 Pod":
		var pod corev1.Pod
		read(&pod)
		place(s.pods, pod.Namespace+"/"+pod.Name, policy.FromPod(&pod), pod.Annotations)
	case "v1 Node":
		var node corev1.Node
		read(&node)
		place(s.nodes, node.Name, policy.FromNode(&node), node.Annotations)
	case "policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy":
		var cnp v1alpha2.ClusterNetworkPolicy
		read(&cnp)
		place(s.policies, "cluster "+cnp.Name, policy.FromClusterNetworkPolicy(&cnp), cnp.Annotations)
	case "networking.k8s.io/v1 NetworkPolicy":
		var np networkingv1.NetworkPolicy
		read(&np)
		place(s.policies, "v1 "+np.Namespace+"/"+np.Name, policy.FromNetworkPolicy(&np), np.Annotations)
	case "net.alpha.kubernetes.io/v1alpha1 NetworkPolicy":
		p := policy.FromAlphaObject(object)
		annotations := map[string]string{}
		if metadata, ok := object["metadata"].(map[string]any); ok && metadata["annotations"] != nil {
			annotations["deleted"] = ""
		}
		place(s.policies, "alpha "+p.Ref.Namespace+"/"+p.Ref.Name, p, annotations)
	default:
		s.t.Fatalf("unknown object:\n%s", document)
	}
}

func place[T any](into map[string]T, key string, value T, annotations map[string]string) {
	if _, deleted := annotations["deleted"]; deleted {
		delete(into, key)
		return
	}
	into[key] = value
}

func (s *script) world() *World {
	w := &World{Node: "here", NodeAddresses: []netip.Addr{nodeAddress}, ClusterCIDRs: []netip.Prefix{clusterCIDR}, LocalCIDRs: []netip.Prefix{localCIDR}}
	for _, key := range sortedKeys(s.namespaces) {
		w.Namespaces = append(w.Namespaces, s.namespaces[key])
	}
	for _, key := range sortedKeys(s.policies) {
		w.Policies = append(w.Policies, s.policies[key])
	}
	for _, key := range sortedKeys(s.nodes) {
		w.Nodes = append(w.Nodes, s.nodes[key])
	}
	for i, key := range sortedKeys(s.pods) {
		pod := s.pods[key]
		w.Pods = append(w.Pods, pod)
		if pod.Node == "here" && !pod.HostNetwork {
			w.Attachments = append(w.Attachments, Attachment{Key: key, Interface: uint32(i + 2), Addresses: pod.Addresses, Namespace: pod.Namespace, Pod: pod.Name})
		}
	}
	return w
}

// run goes to the world, sweeps, and returns the tables in words.
func (s *script) run() string {
	var b strings.Builder
	s.plan = s.compiler.Update(s.world())
	for i := range s.plan.Changes {
		c := &s.plan.Changes[i]
		fmt.Fprintf(&b, "change: %d verdicts, %d profiles, %d endpoints, -%d endpoints\n", len(c.PutVerdicts), len(c.PutProfiles), len(c.PutEndpoints), len(c.DeleteEndpoints))
	}
	s.commit(s.plan)
	for _, p := range s.plan.Problems {
		fmt.Fprintf(&b, "problem: %s\n", p.Message)
	}
	for _, key := range sortedKeys(s.plan.Closed) {
		fmt.Fprintf(&b, "closed: %s: %s\n", key, s.plan.Closed[key])
	}
	for _, key := range sortedKeys(s.policies) {
		if problem := s.policies[key].Problem(); problem != "" {
			fmt.Fprintf(&b, "problem: %s: %s\n", s.policies[key].Ref, problem)
		}
	}
	for sweep := s.compiler.Sweep(); !sweep.Empty(); sweep = s.compiler.Sweep() {
		s.commit(sweep)
	}
	s.describe(&b)
	return b.String()
}

func (s *script) commit(p *Plan) {
	for i := range p.Changes {
		if err := s.tables.Apply(&p.Changes[i]); err != nil {
			s.t.Fatalf("apply: %v", err)
		}
	}
	s.compiler.Commit(len(p.Changes))
}

func (s *script) describe(b *strings.Builder) {
	members := map[datapath.GroupID][]string{}
	pods := map[datapath.ProfileID][]string{}
	for _, a := range slices.SortedFunc(maps.Keys(s.tables.Endpoints), netip.Addr.Compare) {
		e := s.tables.Endpoints[a]
		members[e.Group] = append(members[e.Group], s.nameOf(a))
		if p, local := s.tables.Profiles[e.Index]; local && e.Index != 0 {
			pods[p.Ingress] = append(pods[p.Ingress], s.nameOf(a))
			pods[p.Egress] = append(pods[p.Egress], s.nameOf(a))
		}
	}
	for _, line := range strings.Split(s.tables.String(), "\n") {
		if strings.HasPrefix(line, "network ") {
			fmt.Fprintln(b, line)
		}
	}
	for _, g := range slices.Sorted(maps.Keys(members)) {
		fmt.Fprintf(b, "group %d: %s\n", g, strings.Join(members[g], " "))
	}
	delete(pods, 0)
	for _, id := range slices.Sorted(maps.Keys(pods)) {
		fmt.Fprintf(b, "profile %d of %s\n", id, strings.Join(pods[id], " "))
		for _, line := range s.verdicts(id) {
			fmt.Fprintf(b, "  %s\n", line)
		}
	}
}

// nameOf names the living pods that have an address.
func (s *script) nameOf(a netip.Addr) string {
	var names []string
	for _, key := range sortedKeys(s.pods) {
		if p := s.pods[key]; slices.Contains(p.Addresses, a) && !p.HostNetwork && !p.Terminated {
			names = append(names, key)
		}
	}
	if len(names) == 0 {
		return a.String()
	}
	return fmt.Sprintf("%s(%s)", strings.Join(names, "+"), a)
}

func (s *script) verdicts(id datapath.ProfileID) []string {
	var lines []string
	for _, line := range strings.Split(s.tables.String(), "\n") {
		text, rule, _ := strings.Cut(line, " rule ")
		kind, text, _ := strings.Cut(text, " ")
		if text, ok := strings.CutPrefix(text, fmt.Sprintf("profile %d ", id)); ok && (kind == "verdict" || kind == "range") {
			var number datapath.RuleID
			if _, err := fmt.Sscan(rule, &number); err != nil {
				s.t.Fatalf("read the dump: %v", err)
			}
			lines = append(lines, text+" by "+s.reason(number))
		}
	}
	return lines
}

func (s *script) reason(rule datapath.RuleID) string {
	r := s.plan.Reasons[rule]
	if r.Cause == policy.CauseRule {
		return fmt.Sprintf("%s rule %d", r.Policy, r.Rule)
	}
	return fmt.Sprint(r.Isolating)
}
