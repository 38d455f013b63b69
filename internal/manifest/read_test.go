package manifest

import (
	"errors"
	"flag"
	"fmt"
	"math/rand/v2"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"
	"go.yaml.in/yaml/v3"
	"golang.org/x/tools/txtar"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hedgerow-net/hedgerow/policy"
)

var update = flag.Bool("update", false, "write the worlds that are read into testdata")

// read reads one text as standard input.
func read(t *testing.T, text string) *World {
	t.Helper()
	w, err := Read([]string{"-"}, strings.NewReader(text))
	if err != nil {
		t.Fatal(err)
	}
	return w
}

// refused returns what is said about a text that is refused.
func refused(t *testing.T, text string) *Error {
	t.Helper()
	_, err := Read([]string{"-"}, strings.NewReader(text))
	var e *Error
	if !errors.As(err, &e) {
		t.Fatalf("error is %v, want one with a position", err)
	}
	return e
}

// TestErrors: testdata/errors.txtar holds one manifest per file; what is said of it is its first line, after "# want: ".
func TestErrors(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/errors.txtar")
	if err != nil {
		t.Fatal(err)
	}
	for _, f := range archive.Files {
		t.Run(f.Name, func(t *testing.T) {
			text := string(f.Data)
			first, _, _ := strings.Cut(text, "\n")
			want, found := strings.CutPrefix(first, "# want: ")
			if !found {
				t.Fatalf("the first line is %q", first)
			}
			if got := refused(t, text).Error(); got != want {
				t.Errorf("said\n%s\nwant\n%s", got, want)
			}
		})
	}
}

// dump says what a world holds, one thing a line.
func dump(w *World) string {
	var b strings.Builder
	for _, ns := range w.Namespaces {
		fmt.Fprintf(&b, "namespace %s %v isolated=%v\n", ns.Name, ns.Labels, ns.Isolation != nil)
	}
	for _, n := range w.Nodes {
		fmt.Fprintf(&b, "node %s %v %v\n", n.Name, n.Labels, n.Addresses)
	}
	for _, p := range w.Pods {
		fmt.Fprintf(&b, "pod %s %v addresses=%d ports=%v", p, p.Labels, len(p.Addresses), p.Ports)
		if p.HostNetwork {
			fmt.Fprintf(&b, " host network %v", p.Addresses)
		}
		b.WriteByte('\n')
	}
	for _, wl := range w.Workloads {
		fmt.Fprintf(&b, "workload %s %s/%s: %s\n", wl.Kind, wl.Namespace, wl.Name, strings.Trim(fmt.Sprint(wl.Pods), "[]"))
	}
	for _, s := range w.Services {
		fmt.Fprintf(&b, "service %s/%s %v %v %v\n", s.Namespace, s.Name, s.Selector, s.Ports, s.ClusterIPs)
	}
	for _, p := range w.Policies {
		fmt.Fprintf(&b, "policy %s tier %s ingress=%d egress=%d %s\n", p.Ref, p.Tier, len(p.Rules[policy.Ingress]), len(p.Rules[policy.Egress]), p.Problem())
	}
	for _, o := range w.Objects {
		fmt.Fprintf(&b, "object %s %s %s value=%v\n", o.Position, o.Kind.GroupVersion(), o, o.Value != nil)
	}
	return b.String()
}

// TestWorlds: testdata/worlds/*.txtar hold manifests, and the world in the file "want".
func TestWorlds(t *testing.T) {
	paths, err := filepath.Glob("testdata/worlds/*.txtar")
	if err != nil || len(paths) == 0 {
		t.Fatal("no worlds", err)
	}
	for _, path := range paths {
		path, err := filepath.Abs(path)
		if err != nil {
			t.Fatal(err)
		}
		archive, err := txtar.ParseFile(path)
		if err != nil {
			t.Fatal(err)
		}
		t.Run(filepath.Base(path), func(t *testing.T) {
			t.Chdir(t.TempDir())
			var want *txtar.File
			for i, f := range archive.Files {
				if f.Name == "want" {
					want = &archive.Files[i]
					continue
				}
				write(t, filepath.Join("in", f.Name), string(f.Data))
			}
			w, err := Read([]string{"in"}, nil)
			if err != nil {
				t.Fatal(err)
			}
			if *update {
				want.Data = []byte(dump(w))
				write(t, path, string(txtar.Format(archive)))
			}
			if diff := cmp.Diff(string(want.Data), dump(w)); diff != "" {
				t.Errorf("the world is other than wanted (-want +got; -update takes it over):\n%s", diff)
			}
		})
	}
}

func write(t *testing.T, path, text string) {
	t.Helper()
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
}

func pod(name string) string {
	return "apiVersion: v1\nkind: Pod\nmetadata: {name: " + name + "}\n"
}

// TestPaths: which files are read, and that none is read twice.
func TestPaths(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "d/a.yaml", pod("a"))
	write(t, "d/sub/b.yml", pod("b"))
	write(t, "d/sub/c.json", `{"apiVersion": "v1", "kind": "Pod", "metadata": {"name": "c"}}`)
	write(t, "d/.git/no.yaml", "{")
	write(t, "d/.no.yaml", "{")
	write(t, "d/README.md", "{")
	write(t, "d/kustomization.yaml", "resources: [a.yaml]")
	write(t, "other.txt", pod("named-by-itself"))
	for from, to := range map[string]string{"d/link.yaml": "a.yaml", "d/sub/loop": "..", "d/x": "../linked", "d/.#lock.yaml": "nowhere", "d/notes.txt": "nowhere"} {
		if err := os.Symlink(to, from); err != nil {
			t.Fatal(err)
		}
	}
	write(t, "linked/e.yaml", pod("e"))
	w, err := Read([]string{"d", "d/a.yaml", "./d", "other.txt", "-"}, strings.NewReader(pod("stdin")))
	if err != nil {
		t.Fatal(err)
	}
	var got []string
	for _, o := range w.Objects {
		got = append(got, o.Position.File+" "+o.Name)
	}
	want := []string{"d/a.yaml a", "d/sub/b.yml b", "d/sub/c.json c", "d/x/e.yaml e", "other.txt named-by-itself", "- stdin"}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Errorf("read other objects (-want +got):\n%s", diff)
	}
	if _, err := Read([]string{"missing"}, nil); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a missing file gives %v", err)
	}
}

// TestFolderWithoutManifests: a folder must hold a manifest, which may be one that was named before.
func TestFolderWithoutManifests(t *testing.T) {
	t.Chdir(t.TempDir())
	write(t, "d/sub/a.yaml", "# nothing yet")
	write(t, "none/sub/README.md", "{")
	if _, err := Read([]string{"d/sub", "d", "d/sub"}, nil); err != nil {
		t.Error(err)
	}
	const want = "read manifests: folder none holds none: no file below it ends in .yaml, .yml or .json"
	if _, err := Read([]string{"d", "none"}, nil); err == nil || err.Error() != want {
		t.Errorf("an empty folder gives %v, want %s", err, want)
	}
}

// TestOrderDoesNotMatter: the same documents in another order are the same world, except for the list of objects.
func TestOrderDoesNotMatter(t *testing.T) {
	archive, err := txtar.ParseFile("testdata/worlds/workloads.txtar")
	if err != nil {
		t.Fatal(err)
	}
	documents := strings.Split(string(archive.Files[0].Data), "---\n")
	withoutObjects := func() string {
		world, _, _ := strings.Cut(dump(read(t, strings.Join(documents, "---\n"))), "object ")
		return world
	}
	want := withoutObjects()
	for range 20 {
		rand.Shuffle(len(documents), func(i, j int) { documents[i], documents[j] = documents[j], documents[i] })
		if diff := cmp.Diff(want, withoutObjects()); diff != "" {
			t.Fatalf("in the order\n%s\nthe world is another (-want +got):\n%s", strings.Join(documents, "---\n"), diff)
		}
	}
}

// TestReadUnchecked: custom resources come as they were written, everything else is checked.
func TestReadUnchecked(t *testing.T) {
	const head = "apiVersion: net.alpha.kubernetes.io/v1alpha1\nkind: NetworkPolicy\nmetadata: {name: x}\n"
	w, err := ReadUnchecked([]string{"-"}, strings.NewReader(head+"spec: {allowIncoming: {form: []}, big: 18446744073709551615}"))
	if err != nil {
		t.Fatal(err)
	}
	u, is := w.Objects[0].Value.(*unstructured.Unstructured)
	if !is || u.GetNamespace() != "default" || len(w.Policies) != 0 {
		t.Fatalf("read %v and %d policies", w.Objects[0].Value, len(w.Policies))
	}
	u = u.DeepCopy() // panics at values that no client of the API would hold
	if _, found, _ := unstructured.NestedSlice(u.Object, "spec", "allowIncoming", "form"); !found {
		t.Errorf("the unknown field is lost in %v", u.Object)
	}
	for _, text := range []string{
		strings.Replace(head, "net.alpha.kubernetes.io/v1alpha1", "networking.k8s.io/v1", 1) + "spec: {form: []}", strings.Replace(head, "name: x", "", 1),
	} {
		if _, err := ReadUnchecked([]string{"-"}, strings.NewReader(text)); err == nil {
			t.Errorf("read without error:\n%s", text)
		}
	}
}

// TestBomb: aliases of aliases are refused before they fill the memory, and so is an alias within itself.
func TestBomb(t *testing.T) {
	text := "a0: &a0 [x,x,x,x,x,x,x,x,x,x]\n"
	for i := 1; i < 12; i++ {
		text += fmt.Sprintf("a%d: &a%d [%s]\n", i, i, strings.Repeat(fmt.Sprintf("*a%d,", i-1), 10))
	}
	if e := refused(t, text); !strings.Contains(e.Message, "more than") {
		t.Errorf("said %v", e)
	}
	if e := refused(t, "a: &a\n  b: *a\n"); !strings.Contains(e.Message, "contains it") {
		t.Errorf("said %v", e)
	}
}

// TestBound: aliases are bounded, what was written is not.
func TestBound(t *testing.T) {
	for text, want := range map[string]bool{
		"[x, x, x, x, x, x, x, x, x, x, x, x]":            true,
		"[&a [x, x, x], *a]":                              true,
		"[&a [x, x, x, x], &b [*a, *a, *a], &c [*b, *b]]": false,
	} {
		var n yaml.Node
		if err := yaml.Unmarshal([]byte(text), &n); err != nil {
			t.Fatal(err)
		}
		bounded := tree{done: map[*yaml.Node]*value{}, most: 10}
		if _, err := bounded.value(n.Content[0]); (err == nil) != want {
			t.Errorf("%s: error is %v", text, err)
		}
	}
}

// lineBreak is what YAML 1.1 takes for one.
var lineBreak = regexp.MustCompile("[\r\n\u0085\u2028\u2029]")

func FuzzRead(f *testing.F) {
	archive, err := txtar.ParseFile("testdata/errors.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, file := range archive.Files {
		f.Add(file.Data)
	}
	worlds, err := filepath.Glob("testdata/worlds/*.txtar")
	if err != nil {
		f.Fatal(err)
	}
	for _, path := range worlds {
		data, err := os.ReadFile(path)
		if err != nil {
			f.Fatal(err)
		}
		f.Add(data)
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		if w, err := ReadUnchecked([]string{"-"}, strings.NewReader(string(data))); err == nil {
			for _, o := range w.Objects {
				if u, is := o.Value.(*unstructured.Unstructured); is {
					u.DeepCopy()
				}
			}
		}
		w, err := Read([]string{"-"}, strings.NewReader(string(data)))
		if err == nil {
			for _, o := range w.Objects {
				o.At("spec.ingress[0].from[0]")
			}
			w.Set()
			return
		}
		var e *Error
		lines := 1 + len(lineBreak.FindAll(data, -1))
		if !errors.As(err, &e) || e.Position.File != "-" || e.Position.Line < 1 || e.Position.Line > lines {
			t.Errorf("no position in: %v", err)
		}
	})
}
