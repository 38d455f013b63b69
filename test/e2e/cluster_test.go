package e2e

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"testing"

	"github.com/google/go-cmp/cmp"
	appsv1 "k8s.io/api/apps/v1"
	authorizationv1 "k8s.io/api/authorization/v1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
)

// TestNamespaceDeletion deletes a namespace that holds built-in and custom objects and a pod.
func TestNamespaceDeletion(t *testing.T) {
	ns := makeNamespace(t, shared, map[string]string{isolation: "on"})
	client := shared.client(t)
	makePolicy(t, shared, ns, "pol1")
	makePod(t, shared, ns, webPod("web"))
	settings := &corev1.ConfigMap{ObjectMeta: metav1.ObjectMeta{Name: "settings"}}
	_, err := client.CoreV1().ConfigMaps(ns).Create(t.Context(), settings, metav1.CreateOptions{})
	must(t, err)
	must(t, client.CoreV1().Namespaces().Delete(t.Context(), ns, metav1.DeleteOptions{}))
	eventually(t, "namespace is gone", func(ctx context.Context) error {
		left, err := client.CoreV1().Namespaces().Get(ctx, ns, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(err, fmt.Errorf("its status is %+v", left.Status))
	})
}

// TestControllers makes pods by way of a Deployment and removes them by way of the garbage collector.
func TestControllers(t *testing.T) {
	ns := makeNamespace(t, shared, nil)
	client := shared.client(t)
	labels, replicas := map[string]string{"app": "web"}, int32(2)
	template := webPod("web")
	template.Labels = labels
	deployment := &appsv1.Deployment{
		ObjectMeta: metav1.ObjectMeta{Name: "web"},
		Spec: appsv1.DeploymentSpec{
			Replicas: &replicas, Selector: &metav1.LabelSelector{MatchLabels: labels},
			Template: corev1.PodTemplateSpec{ObjectMeta: metav1.ObjectMeta{Labels: labels}, Spec: template.Spec},
		},
	}
	_, err := client.AppsV1().Deployments(ns).Create(t.Context(), deployment, metav1.CreateOptions{})
	must(t, err)
	eventually(t, "deployment is available", func(ctx context.Context) error {
		d, err := client.AppsV1().Deployments(ns).Get(ctx, "web", metav1.GetOptions{})
		if err != nil || d.Status.AvailableReplicas != replicas {
			return fmt.Errorf("error %v, status %+v", err, d.Status)
		}
		return nil
	})
	_, err = client.CoreV1().ServiceAccounts(ns).Get(t.Context(), "default", metav1.GetOptions{})
	must(t, err)
	must(t, client.AppsV1().Deployments(ns).Delete(t.Context(), "web", metav1.DeleteOptions{}))
	eventually(t, "pods are gone", func(ctx context.Context) error {
		list, err := client.CoreV1().Pods(ns).List(ctx, metav1.ListOptions{})
		if err != nil || len(list.Items) > 0 {
			return fmt.Errorf("error %v, %d pods", err, len(list.Items))
		}
		return nil
	})
}

func TestNodes(t *testing.T) {
	for name, want := range map[string]corev1.Node{
		"node1": {
			Spec: corev1.NodeSpec{PodCIDR: "10.244.1.0/24", PodCIDRs: []string{"10.244.1.0/24", "fd00:10:244:1::/64"}},
			Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
				{Type: "Hostname", Address: "node1"}, {Type: "InternalIP", Address: "10.213.0.11"}, {Type: "InternalIP", Address: "fd00:213::11"},
			}},
		},
		"node2": {
			Spec: corev1.NodeSpec{PodCIDR: "10.244.2.0/24", PodCIDRs: []string{"10.244.2.0/24", "fd00:10:244:2::/64"}},
			Status: corev1.NodeStatus{Addresses: []corev1.NodeAddress{
				{Type: "Hostname", Address: "node2"}, {Type: "InternalIP", Address: "10.213.0.12"}, {Type: "InternalIP", Address: "fd00:213::12"},
			}},
		},
	} {
		node, err := shared.client(t).CoreV1().Nodes().Get(t.Context(), name, metav1.GetOptions{})
		must(t, err)
		if diff := cmp.Diff(want.Spec, node.Spec); diff != "" { // no taints either
			t.Errorf("%s: spec (-want +got):\n%s", name, diff)
		}
		if diff := cmp.Diff(want.Status.Addresses, node.Status.Addresses); diff != "" {
			t.Errorf("%s: addresses (-want +got):\n%s", name, diff)
		}
		if node.Labels[corev1.LabelHostname] != name || !nodeReady(node) {
			t.Errorf("%s: labels %v, conditions %+v", name, node.Labels, node.Status.Conditions)
		}
		if c := node.Status.Capacity; c.Pods().Value() != 250 || c.Cpu().IsZero() || c.Memory().IsZero() {
			t.Errorf("%s: capacity %v", name, c)
		}
	}
}

func nodeReady(node *corev1.Node) bool {
	for _, c := range node.Status.Conditions {
		if c.Type == corev1.NodeReady {
			return c.Status == corev1.ConditionTrue
		}
	}
	return false
}

// TestPodsOfEveryNode reaches pods of each node from the other one.
func TestPodsOfEveryNode(t *testing.T) {
	ns := makeNamespace(t, shared, nil)
	for _, node := range []string{"node1", "node2"} {
		pod := webPod("on-" + node)
		pod.Spec.NodeName = node
		pod = makePod(t, shared, ns, pod)
		for _, from := range []string{"node1", "node2"} {
			for _, ip := range pod.Status.PodIPs {
				eventually(t, "from "+from+" to "+ip.IP, func(context.Context) error { return dialPod(shared, from, ip.IP, "80") })
			}
		}
	}
}

// TestLoopbackOnly looks at every socket of the instance's processes that are in the machine's network namespace.
func TestLoopbackOnly(t *testing.T) {
	own, err := os.Readlink("/proc/self/ns/net")
	must(t, err)
	local := 0
	for _, p := range descendants(t, shared.cmd.Process.Pid) {
		dir := fmt.Sprintf("/proc/%d", p.pid)
		if ns, err := os.Readlink(dir + "/ns/net"); err != nil || ns != own {
			continue // a node's or a pod's, or gone
		}
		inodes := sockets(t, dir)
		for table, loopback := range map[string]*regexp.Regexp{
			"tcp": regexp.MustCompile("^0100007F:"), "udp": regexp.MustCompile("^0100007F:"),
			"tcp6": regexp.MustCompile("^(0{24}01000000|0{16}FFFF00000100007F):"), "udp6": regexp.MustCompile("^0{24}01000000:"),
		} {
			for _, address := range listening(t, filepath.Join(dir, "net", table), inodes) {
				if !loopback.MatchString(address) {
					t.Errorf("process %d (%s) listens on %s %s", p.pid, p.name, table, address)
				}
				local++
			}
		}
	}
	if local != 1 {
		t.Errorf("%d listening sockets on the machine, want 1: the API server's", local)
	}
}

// sockets returns the inodes of a process's sockets.
func sockets(t *testing.T, proc string) map[string]bool {
	t.Helper()
	fds, err := filepath.Glob(proc + "/fd/*")
	must(t, err)
	set := map[string]bool{}
	for _, fd := range fds {
		if to, err := os.Readlink(fd); err == nil && strings.HasPrefix(to, "socket:[") {
			set[strings.Trim(to, "socket:[]")] = true
		}
	}
	return set
}

// listening returns the local addresses in a table of /proc/PID/net (see proc_net_tcp in the kernel's documentation) that belong to the
// inodes and wait for anybody: TCP in state LISTEN, UDP without a peer.
func listening(t *testing.T, table string, inodes map[string]bool) []string {
	t.Helper()
	f, err := os.Open(table)
	must(t, err)
	defer f.Close()
	var list []string
	for lines := bufio.NewScanner(f); lines.Scan(); {
		fields := strings.Fields(lines.Text())
		if len(fields) > 9 && inodes[fields[9]] && (fields[3] == "0A" || fields[3] == "07") {
			list = append(list, fields[1])
		}
	}
	return list
}

func TestKubeconfigMode(t *testing.T) {
	info, err := os.Stat(shared.kubeconfig)
	must(t, err)
	if got := info.Mode().Perm(); got != 0o600 {
		t.Errorf("mode of the kubeconfig is %o, want 600", got)
	}
	info, err = os.Stat(shared.dataDir)
	must(t, err)
	if got := info.Mode().Perm(); got != 0o700 {
		t.Errorf("mode of the data folder is %o, want 700", got)
	}
}

// TestServerVersion compares what the server says with what go.mod asks for.
func TestServerVersion(t *testing.T) {
	text, err := os.ReadFile("../../go.mod")
	must(t, err)
	m := regexp.MustCompile(`(?m)^\tk8s\.io/kubernetes (\S+)$`).FindSubmatch(text)
	if m == nil {
		t.Fatal("go.mod names no version of k8s.io/kubernetes")
	}
	v, err := shared.client(t).Discovery().ServerVersion()
	must(t, err)
	if v.GitVersion != string(m[1]) {
		t.Errorf("server says it is %s, want %s", v.GitVersion, m[1])
	}
}

// TestAgentRights asks the API server what an agent's user may do.
func TestAgentRights(t *testing.T) {
	config, err := clientcmd.BuildConfigFromFlags("", shared.file("run", "node1", "agent.kubeconfig"))
	must(t, err)
	config.Host = shared.config(t).Host // the agent's own address is inside
	client, err := kubernetes.NewForConfig(config)
	must(t, err)
	for _, c := range []struct {
		group, resource, verb string
		want                  bool
	}{
		{"", "pods", "watch", true},
		{"", "namespaces", "list", true},
		{"", "nodes", "get", true},
		{"", "services", "list", true},
		{"networking.k8s.io", "networkpolicies", "watch", true},
		{"net.alpha.kubernetes.io", "networkpolicys", "watch", true},
		{"policy.networking.k8s.io", "clusternetworkpolicies", "watch", true},
		{"policy.networking.k8s.io", "adminnetworkpolicies", "watch", true},
		{"policy.networking.k8s.io", "baselineadminnetworkpolicies", "list", true},
		{"policy.networking.k8s.io", "clusternetworkpolicies/status", "patch", false},
		{"", "nodes", "watch", true},
		{"events.k8s.io", "events", "create", true},
		{"", "events", "patch", true},
		{"", "secrets", "get", false},
		{"", "pods", "delete", false},
		{"", "nodes", "update", false},
		{"net.alpha.kubernetes.io", "networkpolicys", "delete", false},
	} {
		resource, subresource, _ := strings.Cut(c.resource, "/")
		review := &authorizationv1.SelfSubjectAccessReview{Spec: authorizationv1.SelfSubjectAccessReviewSpec{
			ResourceAttributes: &authorizationv1.ResourceAttributes{Group: c.group, Resource: resource, Subresource: subresource, Verb: c.verb},
		}}
		answer, err := client.AuthorizationV1().SelfSubjectAccessReviews().Create(t.Context(), review, metav1.CreateOptions{})
		must(t, err)
		if answer.Status.Allowed != c.want {
			t.Errorf("agent may %s %s.%s: %v, want %v", c.verb, c.resource, c.group, answer.Status.Allowed, c.want)
		}
	}
}

// TestChildrenComeBack kills child processes with kill -9. Others must take their place.
func TestChildrenComeBack(t *testing.T) {
	i := startInstance(t, "--ephemeral")
	old := children(t, i)
	for _, p := range old {
		must(t, syscall.Kill(p.pid, syscall.SIGKILL))
	}
	eventually(t, "new children run", func(context.Context) error {
		now := children(t, i)
		for name, p := range old {
			if now[name].pid == 0 || now[name] == p {
				return fmt.Errorf("%s: now %v, killed %v", name, now[name], p)
			}
		}
		return nil
	})
	eventually(t, "agent is ready", func(ctx context.Context) error {
		status, err := agentapi.NewClient(i.agentSocket("node1")).Status(ctx)
		if err != nil || !status.Ready {
			return fmt.Errorf("error %v, status %+v", err, status)
		}
		return nil
	})
	// The controllers work again.
	ns := makeNamespace(t, i, nil)
	checkServes(t, i, makePod(t, i, ns, webPod("web")))
}

// children lists the instance's long-running child processes by what they run.
func children(t *testing.T, i *instance) map[string]process {
	t.Helper()
	found := map[string]process{}
	for _, p := range descendants(t, i.cmd.Process.Pid) {
		text, _ := os.ReadFile(fmt.Sprintf("/proc/%d/cmdline", p.pid)) // it may be gone
		for _, name := range []string{"kube-controller-manager", "kube-scheduler", "hedgerow-agent"} {
			args := strings.SplitN(string(text), "\x00", 3)
			if len(args) > 1 && (filepath.Base(args[0]) == name || args[1] == name) {
				found[name] = p
			}
		}
	}
	return found
}

// TestKubectl finds the instance by its folder.
func TestKubectl(t *testing.T) {
	code, out, errOut := run(t, standalone("kubectl", "--data-dir", shared.dataDir, "get", "nodes", "-o", "name"))
	if code != 0 || out != "node/node1\nnode/node2\n" || errOut != "" {
		t.Errorf("kubectl ended with %d, stdout %q, stderr %q", code, out, errOut)
	}
	code, out, errOut = run(t, standalone("kubectl", "--data-dir", shared.dataDir, "get", "pod", "nobody"))
	if code != 1 || out != "" || !strings.Contains(errOut, "not found") {
		t.Errorf("kubectl ended with %d, stdout %q, stderr %q", code, out, errOut)
	}
	nowhere := t.TempDir()
	code, out, errOut = run(t, standalone("kubectl", "--data-dir", nowhere, "get", "nodes"))
	if code != 1 || out != "" || !strings.Contains(errOut, "no instance found: start one") || !strings.Contains(errOut, nowhere) {
		t.Errorf("without an instance kubectl ended with %d, stdout %q, stderr %q", code, out, errOut)
	}
	cmd := standalone("kubectl", "get", "ns", "default", "-o", "name")
	cmd.Env = append(os.Environ(), "KUBECONFIG="+shared.kubeconfig)
	if code, out, errOut := run(t, cmd); code != 0 || out != "namespace/default\n" {
		t.Errorf("kubectl ended with %d, stdout %q, stderr %q", code, out, errOut)
	}
}
