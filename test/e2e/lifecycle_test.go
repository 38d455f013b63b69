package e2e

import (
	"errors"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

const isolation = "net.alpha.kubernetes.io/network-isolation"

// TestDataSurvivesRestart stops an instance with Ctrl-C and another time with kill -9. What was written must be there afterwards, at the
// same address, and pods must run again.
func TestDataSurvivesRestart(t *testing.T) {
	dir := t.TempDir()
	i := startInstance(t, "--data-dir", dir)
	ns := makeNamespace(t, i, map[string]string{isolation: "on"})
	makePolicy(t, i, ns, "pol1")
	installNewer(t, i)
	pod := makePod(t, i, ns, webPod("backend"))
	config := i.config(t)
	for round, stop := range map[string]func(*instance){
		"Ctrl-C":  func(i *instance) { must(t, i.interrupt()) },
		"kill -9": func(i *instance) { i.kill(t) },
	} {
		stop(i)
		i = startInstance(t, "--data-dir", dir)
		if again := i.config(t); again.Host != config.Host || !cmp.Equal(again.CAData, config.CAData) {
			t.Errorf("after %s the server is %s with another authority or at another address than %s", round, again.Host, config.Host)
		}
		checkKept(t, i, ns)
		checkNewer(t, i)
		after := awaitPod(t, i, ns, "backend")
		if after.UID != pod.UID {
			t.Errorf("after %s the pod is another one", round)
		}
		checkServes(t, i, after)
	}
}

func checkKept(t *testing.T, i *instance, ns string) {
	t.Helper()
	namespace, err := i.client(t).CoreV1().Namespaces().Get(t.Context(), ns, metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if got := namespace.Annotations[isolation]; got != "on" {
		t.Errorf("the namespace's isolation is %q, want on", got)
	}
	kept, err := i.dynamic(t).Resource(alphaPolicies).Namespace(ns).Get(t.Context(), "pol1", metav1.GetOptions{})
	if err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(policy("pol1").Object["spec"], kept.Object["spec"]); diff != "" {
		t.Errorf("the policy's spec (-want +got):\n%s", diff)
	}
}

// TestKill ends instances with kill -9, with pods running. Processes must be gone at once and mounts and links as before; "clean" must
// remove the files, and only those that are dead.
func TestKill(t *testing.T) {
	dir := t.TempDir()
	for name, args := range map[string][]string{"kept": {"--data-dir", dir}, "ephemeral": {"--ephemeral"}} {
		t.Run(name, func(t *testing.T) {
			i := startInstance(t, args...)
			makePod(t, i, makeNamespace(t, i, nil), webPod("web"))
			family := descendants(t, i.cmd.Process.Pid)
			if len(family) < 5 {
				t.Fatalf("too few processes to test with: %v", family)
			}
			links := i.enforcement(t)
			i.kill(t)
			checkGone(t, family)
			checkUntouched(t)
			checkUnlinked(t, links)
			checkCleaned(t, i, name == "ephemeral")
		})
	}
}

// checkCleaned runs "clean" twice. The data of an instance that is kept must stay, shared's must not be touched.
func checkCleaned(t *testing.T, i *instance, ephemeral bool) {
	t.Helper()
	args := []string{"clean"}
	if !ephemeral {
		args = append(args, "--data-dir", i.dataDir)
	} else {
		args = append(args, "--data-dir", filepath.Join(t.TempDir(), "none"))
	}
	for range 2 {
		if code, out, errOut := run(t, standalone(args...)); code != 0 {
			t.Fatalf("clean ended with %d: %s%s", code, out, errOut)
		}
	}
	gone := i.dataDir
	if !ephemeral {
		gone = i.file("run")
		if _, err := os.Stat(i.kubeconfig); err != nil {
			t.Errorf("clean removed data: %v", err)
		}
	}
	if _, err := os.Stat(gone); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("%s is still there (error %v)", gone, err)
	}
	if _, err := os.Stat(shared.kubeconfig); err != nil {
		t.Errorf("clean removed a live instance's data: %v", err)
	}
}

// TestStopLeavesNothing stops an instance with Ctrl-C while pods run.
func TestStopLeavesNothing(t *testing.T) {
	i := startInstance(t, "--ephemeral")
	makePod(t, i, makeNamespace(t, i, nil), webPod("web"))
	checkUntouched(t) // while it runs, too
	family, links := descendants(t, i.cmd.Process.Pid), i.enforcement(t)
	must(t, i.interrupt())
	checkGone(t, family)
	checkUntouched(t)
	checkUnlinked(t, links)
	if _, err := os.Stat(i.dataDir); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the ephemeral data folder is still there (error %v)", err)
	}
}

// TestSecondSignal ends an instance at once.
func TestSecondSignal(t *testing.T) {
	i, err := launch("--ephemeral")
	if err != nil {
		t.Fatal(err)
	}
	defer os.Remove(i.log)
	family := descendants(t, i.cmd.Process.Pid)
	// Stopped, it sees both signals together when it goes on.
	for _, s := range []syscall.Signal{syscall.SIGSTOP, syscall.SIGINT, syscall.SIGTERM, syscall.SIGCONT} {
		must(t, i.cmd.Process.Signal(s))
	}
	<-i.exited
	if code := i.cmd.ProcessState.ExitCode(); code != 130 && code != 0 {
		t.Errorf("exit code %d, want 130 (or 0, when stopping was faster)\n%s", code, i.output())
	}
	checkGone(t, family)
	checkUntouched(t)
	if code, out, errOut := run(t, standalone("clean", "--data-dir", filepath.Join(t.TempDir(), "none"))); code != 0 {
		t.Errorf("clean ended with %d: %s%s", code, out, errOut)
	}
}

// TestSideBySide runs a second instance with the same addresses beside the shared one.
func TestSideBySide(t *testing.T) {
	i := startInstance(t, "--data-dir", t.TempDir())
	for _, at := range []*instance{shared, i} {
		ns := makeNamespace(t, at, nil)
		checkServes(t, at, makePod(t, at, ns, webPod("web")))
	}
	if _, err := i.client(t).CoreV1().Nodes().Get(t.Context(), "node2", metav1.GetOptions{}); err == nil {
		t.Error("the instance with one node sees node2 of the other")
	}
	if a, b := shared.config(t).Host, i.config(t).Host; a == b {
		t.Errorf("both servers are %s", a)
	}
	code, _, errOut := run(t, standalone("up", "--data-dir", i.dataDir))
	if pid := strconv.Itoa(i.cmd.Process.Pid); code != 1 || strings.Count(errOut, "\n") != 1 || !strings.Contains(errOut, "in use by process "+pid) {
		t.Errorf("a second run in the same folder ended with %d: %q, want one line that names process %s", code, errOut, pid)
	}
	code, _, errOut = run(t, standalone("clean", "--data-dir", i.dataDir, "--all"))
	if code != 1 || !strings.Contains(errOut, "in use") {
		t.Errorf("clean of a live instance ended with %d: %q", code, errOut)
	}
	must(t, i.interrupt())
	if _, err := shared.client(t).CoreV1().Namespaces().List(t.Context(), metav1.ListOptions{}); err != nil {
		t.Errorf("the other instance suffered: %v", err)
	}
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
