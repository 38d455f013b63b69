package e2e

import (
	"context"
	"fmt"
	"net"
	"strings"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
)

// alphaPolicies is the resource of the alpha policy API.
var alphaPolicies = schema.GroupVersionResource{Group: "net.alpha.kubernetes.io", Version: "v1alpha1", Resource: "networkpolicys"}

// makeNamespace creates a namespace with annotations and deletes it at the end of the test, without waiting.
func makeNamespace(t *testing.T, i *instance, annotations map[string]string) string {
	t.Helper()
	meta := metav1.ObjectMeta{GenerateName: strings.ToLower(strings.NewReplacer("/", "-", "_", "-").Replace(t.Name())) + "-", Annotations: annotations}
	client := i.client(t)
	ns, err := client.CoreV1().Namespaces().Create(t.Context(), &corev1.Namespace{ObjectMeta: meta}, metav1.CreateOptions{})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		select {
		case <-i.exited: // the test ended it
			return
		default:
		}
		err := client.CoreV1().Namespaces().Delete(context.Background(), ns.Name, metav1.DeleteOptions{})
		if err != nil && !apierrors.IsNotFound(err) {
			t.Error(err)
		}
	})
	return ns.Name
}

// policy is an alpha policy that lets pods segment=frontend of its namespace reach pods segment=backend on TCP 80.
func policy(name string) *unstructured.Unstructured {
	return &unstructured.Unstructured{Object: map[string]any{
		"apiVersion": "net.alpha.kubernetes.io/v1alpha1", "kind": "NetworkPolicy",
		"metadata": map[string]any{"name": name},
		"spec": map[string]any{
			"podSelector": map[string]any{"segment": "backend"},
			"allowIncoming": map[string]any{
				"from":    []any{map[string]any{"pods": map[string]any{"segment": "frontend"}}},
				"toPorts": []any{map[string]any{"port": int64(80), "protocol": "TCP"}},
			},
		},
	}}
}

func makePolicy(t *testing.T, i *instance, namespace, name string) {
	t.Helper()
	if _, err := i.dynamic(t).Resource(alphaPolicies).Namespace(namespace).Create(t.Context(), policy(name), metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
}

// webPod is a pod that answers on TCP 80; GET /hostname says its name.
func webPod(name string) *corev1.Pod {
	grace := int64(1)
	return &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"segment": name}},
		Spec: corev1.PodSpec{
			TerminationGracePeriodSeconds: &grace,
			Containers:                    []corev1.Container{{Name: "web", Image: "hedgerow/toolbox", Args: []string{"netexec", "--http-port=80"}}},
		},
	}
}

// makePod creates a pod and returns it when it is Ready.
func makePod(t *testing.T, i *instance, namespace string, pod *corev1.Pod) *corev1.Pod {
	t.Helper()
	if _, err := i.client(t).CoreV1().Pods(namespace).Create(t.Context(), pod, metav1.CreateOptions{}); err != nil {
		t.Fatal(err)
	}
	return awaitPod(t, i, namespace, pod.Name)
}

// awaitPod returns a pod when it is Ready and has addresses of both families.
func awaitPod(t *testing.T, i *instance, namespace, name string) *corev1.Pod {
	t.Helper()
	var pod *corev1.Pod
	eventually(t, "pod "+namespace+"/"+name+" is ready", func(ctx context.Context) (err error) {
		if pod, err = i.client(t).CoreV1().Pods(namespace).Get(ctx, name, metav1.GetOptions{}); err != nil {
			return err
		}
		for _, c := range pod.Status.Conditions {
			if c.Type == corev1.PodReady && c.Status == corev1.ConditionTrue && len(pod.Status.PodIPs) == 2 {
				return nil
			}
		}
		return fmt.Errorf("its status is %+v", pod.Status)
	})
	return pod
}

// dialPod opens a TCP connection from a node to a port of a pod.
func dialPod(i *instance, node, address, port string) error {
	return inNetns(i.nodeNetns(node), func() error {
		// Without a fallback the dialler stays on this thread.
		d := net.Dialer{Timeout: 2 * time.Second, FallbackDelay: -1}
		c, err := d.Dial("tcp", net.JoinHostPort(address, port))
		if err == nil {
			c.Close()
		}
		return err
	})
}

// checkServes fails the test unless a pod can be reached on TCP 80 from a node, soon: a container that runs may not listen yet.
func checkServes(t *testing.T, i *instance, pod *corev1.Pod) {
	t.Helper()
	for _, ip := range pod.Status.PodIPs {
		eventually(t, "pod "+pod.Name+" answers at "+ip.IP, func(context.Context) error {
			return dialPod(i, "node1", ip.IP, "80")
		})
	}
}
