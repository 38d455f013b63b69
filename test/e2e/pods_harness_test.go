package e2e

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/vishvananda/netlink"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/client-go/kubernetes"
)

// podRig is a namespace of the test's own, on one instance.
type podRig struct {
	*testing.T
	instance  *instance
	client    kubernetes.Interface
	namespace string
}

// newPodRig makes a namespace that is removed at the end of the test.
func newPodRig(t *testing.T, i *instance) *podRig {
	t.Helper()
	r := &podRig{T: t, instance: i, client: i.client(t)}
	ns, err := r.client.CoreV1().Namespaces().Create(t.Context(),
		&corev1.Namespace{ObjectMeta: metav1.ObjectMeta{GenerateName: "pods-"}}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	r.namespace = ns.Name
	t.Cleanup(func() {
		err := r.client.CoreV1().Namespaces().Delete(context.Background(), r.namespace, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	return r
}

// node is the node that the pods of these tests are bound to.
const node = "node1"

// pod is a pod of one toolbox container with the given arguments, which ends soon after SIGTERM if it wants to.
func (r *podRig) pod(name string, args ...string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Namespace: r.namespace, Name: name},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "main", Image: "hedgerow/toolbox", Args: args}},
		},
	}
}

func (r *podRig) create(pod *corev1.Pod) *corev1.Pod {
	r.Helper()
	created, err := r.client.CoreV1().Pods(r.namespace).Create(r.Context(), pod, metav1.CreateOptions{})
	if err != nil {
		r.Fatal(err)
	}
	return created
}

// until waits until the pod is as wanted: ok returns nothing, or what is missing.
func (r *podRig) until(name, want string, ok func(*corev1.Pod) string) *corev1.Pod {
	r.Helper()
	var pod *corev1.Pod
	eventually(r.T, fmt.Sprintf("pod %s is %s", name, want), func(ctx context.Context) error {
		var err error
		if pod, err = r.client.CoreV1().Pods(r.namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		if missing := ok(pod); missing != "" {
			return fmt.Errorf("%s; status: %+v", missing, pod.Status)
		}
		return nil
	})
	return pod
}

func (r *podRig) untilReady(name string) *corev1.Pod {
	r.Helper()
	return r.until(name, "ready", func(p *corev1.Pod) string {
		if conditionOf(p, corev1.PodReady) != corev1.ConditionTrue {
			return "it is not"
		}
		return ""
	})
}

func (r *podRig) untilPhase(name string, phase corev1.PodPhase) *corev1.Pod {
	r.Helper()
	return r.until(name, string(phase), func(p *corev1.Pod) string {
		if p.Status.Phase != phase {
			return "it is " + string(p.Status.Phase)
		}
		return ""
	})
}

func conditionOf(p *corev1.Pod, kind corev1.PodConditionType) corev1.ConditionStatus {
	for _, c := range p.Status.Conditions {
		if c.Type == kind {
			return c.Status
		}
	}
	return ""
}

func (r *podRig) delete(name string, options metav1.DeleteOptions) {
	r.Helper()
	if err := r.client.CoreV1().Pods(r.namespace).Delete(r.Context(), name, options); err != nil {
		r.Fatal(err)
	}
}

func (r *podRig) untilGone(name string) {
	r.Helper()
	eventually(r.T, "pod "+name+" is gone", func(ctx context.Context) error {
		_, err := r.client.CoreV1().Pods(r.namespace).Get(ctx, name, metav1.GetOptions{})
		if apierrors.IsNotFound(err) {
			return nil
		}
		return errors.Join(errors.New("it is there"), err)
	})
}

// log is what a container has written.
func (r *podRig) log(pod *corev1.Pod, container string) string {
	b, err := os.ReadFile(r.instance.file("run", node, "pods", "pods", string(pod.UID), container+".log"))
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		r.Fatal(err)
	}
	return string(b)
}

func (r *podRig) untilLog(pod *corev1.Pod, text string) {
	r.Helper()
	eventually(r.T, fmt.Sprintf("log of %s has %q", pod.Name, text), func(context.Context) error {
		if log := r.log(pod, "main"); !strings.Contains(log, text) {
			return fmt.Errorf("it has %q", log)
		}
		return nil
	})
}

func (r *podRig) untilEvent(pod, reason, text string) {
	r.Helper()
	eventually(r.T, fmt.Sprintf("an Event %s of %s says %q", reason, pod, text), func(ctx context.Context) error {
		list, err := r.client.CoreV1().Events(r.namespace).List(ctx, metav1.ListOptions{FieldSelector: "involvedObject.name=" + pod})
		if err != nil {
			return err
		}
		var said []string
		for _, e := range list.Items {
			if e.Reason == reason && strings.Contains(e.Message, text) {
				return nil
			}
			said = append(said, e.Reason+": "+e.Message)
		}
		return fmt.Errorf("there are: %q", said)
	})
}

// remains is everything that pods of a node leave when they are not torn down, as text by kind. Other tests' pods are in it too.
func remains(t *testing.T, i *instance) map[string][]string {
	t.Helper()
	found := map[string][]string{}
	for kind, pattern := range map[string]string{
		"sandboxes": i.file("run", node, "pods", "netns", "*"), "directories": i.file("run", node, "pods", "pods", "*"),
		"addresses": i.file("run", node, "ipam", "hedgerow", "[0-9a-f]*[.:]*"), "results": i.file("run", node, "cni", "results", "*"),
	} {
		files, err := filepath.Glob(pattern)
		if err != nil {
			t.Fatal(err)
		}
		found[kind] = files
	}
	err := inNetns(i.nodeNetns(node), func() error {
		all, err := netlink.LinkList()
		for _, l := range all {
			found["interfaces"] = append(found["interfaces"], l.Attrs().Name)
		}
		return err
	})
	if err != nil {
		t.Fatal(err)
	}
	mounts, err := os.ReadFile(fmt.Sprintf("/proc/%d/mountinfo", i.cmd.Process.Pid))
	if err != nil {
		t.Fatal(err)
	}
	found["mounts"] = strings.Split(string(mounts), "\n")
	for _, p := range descendants(t, i.cmd.Process.Pid) {
		if p.name != "hedgerow-cni" { // one may be at work for another test
			found["processes"] = append(found["processes"], fmt.Sprintf("%d %s", p.pid, p.name))
		}
	}
	return found
}
