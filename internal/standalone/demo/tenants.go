package demo

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/netip"
	"strings"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/apimachinery/pkg/util/wait"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"
	"k8s.io/client-go/rest"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	tenanta "github.com/hedgerow-net/hedgerow/examples/tenant-a"
)

const (
	frontend = "tenant-a/frontend"
	backend  = "tenant-a/backend"
	outsider = "tenant-b/outsider"
)

// ports are the TCP ports that the pods listen on.
var ports = []struct {
	pod  string
	port uint16
}{{backend, 80}, {backend, 8080}, {frontend, 80}, {outsider, 80}}

// steps are the four acts: open, isolated, one way in, isolated again.
func (d *Demo) steps() []step {
	inTenantA := func(target string) bool { return target != outsider+":80" }
	isolated := func(source, target string) bool { return !inTenantA(target) || source == d.node }
	opened := func(source, target string) bool {
		return isolated(source, target) || source == frontend && target == backend+":80"
	}
	everything := func(string, string) bool { return true }
	return []step{
		{title: "open: nothing is isolated", open: everything},
		{
			title:  "isolated: namespace tenant-a is annotated " + v1alpha1.IsolationAnnotation + "=on",
			change: d.isolate, open: isolated, watchFrom: frontend, watchTo: backend + ":80",
		},
		{
			title:  "pol1 posted: pods segment=frontend of tenant-a may reach pods segment=backend on TCP 80",
			change: d.postPolicy, open: opened, watchFrom: frontend, watchTo: backend + ":80",
		},
		{title: "pol1 deleted", change: d.deletePolicy, open: isolated, watchFrom: frontend, watchTo: backend + ":80"},
	}
}

// prepare applies the example, waits until its pods are ready and serve, and learns where they are.
func (d *Demo) prepare(ctx context.Context) error {
	if err := d.apply(ctx, tenanta.Tenants); err != nil {
		return fmt.Errorf("apply examples/tenant-a: %w", err)
	}
	for _, name := range []string{frontend, backend, outsider} {
		if err := d.awaitPod(ctx, name); err != nil {
			return fmt.Errorf("wait for pod %s: %w", name, err)
		}
	}
	d.places = append(d.places, place{name: d.node, netns: d.instance.NodeNetns(d.node)})
	node := d.places[len(d.places)-1]
	for _, t := range d.targets {
		err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, 20*time.Second, true, func(ctx context.Context) (bool, error) {
			return connect(node, t.address) == nil, nil
		})
		if err != nil {
			return fmt.Errorf("wait for %s to listen: %w", t.name, err)
		}
	}
	return nil
}

// apply creates the namespaces and pods of a manifest. What is there from an earlier run with the same data stays, without its isolation.
func (d *Demo) apply(ctx context.Context, manifest []byte) error {
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(manifest), 4096)
	for {
		var o struct {
			metav1.TypeMeta `json:",inline"`
			Metadata        metav1.ObjectMeta `json:"metadata"`
			Spec            corev1.PodSpec    `json:"spec"`
		}
		if err := decoder.Decode(&o); errors.Is(err, io.EOF) {
			return d.startOpen(ctx)
		} else if err != nil {
			return err
		}
		var err error
		switch o.Kind {
		case "Namespace":
			_, err = d.client.CoreV1().Namespaces().Create(ctx, &corev1.Namespace{ObjectMeta: o.Metadata}, metav1.CreateOptions{})
		case "Pod":
			pod := &corev1.Pod{ObjectMeta: o.Metadata, Spec: o.Spec}
			_, err = d.client.CoreV1().Pods(pod.Namespace).Create(ctx, pod, metav1.CreateOptions{})
		default:
			err = fmt.Errorf("unexpected kind %q", o.Kind)
		}
		if err != nil && !apierrors.IsAlreadyExists(err) {
			return err
		}
	}
}

// startOpen takes back what an earlier run left.
func (d *Demo) startOpen(ctx context.Context) error {
	if err := d.deletePolicy(ctx); err != nil && !apierrors.IsNotFound(err) {
		return err
	}
	return d.annotate(ctx, "null")
}

func (d *Demo) awaitPod(ctx context.Context, name string) error {
	namespace, pod, _ := strings.Cut(name, "/")
	var p *corev1.Pod
	err := wait.PollUntilContextTimeout(ctx, 20*time.Millisecond, time.Minute, true, func(ctx context.Context) (bool, error) {
		var err error
		p, err = d.client.CoreV1().Pods(namespace).Get(ctx, pod, metav1.GetOptions{})
		return err == nil && ready(p), nil
	})
	if err != nil {
		return fmt.Errorf("%w (its state: %s)", err, describe(p))
	}
	path, err := d.instance.PodNetns(p.Spec.NodeName, namespace, pod)
	if err != nil {
		return err
	}
	address, err := netip.ParseAddr(p.Status.PodIP)
	if err != nil {
		return err
	}
	d.places = append(d.places, place{name: name, netns: path})
	for _, t := range ports {
		if t.pod == name {
			d.targets = append(d.targets, target{name: fmt.Sprintf("%s:%d", name, t.port), pod: name, address: netip.AddrPortFrom(address, t.port)})
		}
	}
	return nil
}

func ready(p *corev1.Pod) bool {
	for _, c := range p.Status.Conditions {
		if c.Type == corev1.PodReady {
			return c.Status == corev1.ConditionTrue && p.DeletionTimestamp == nil
		}
	}
	return false
}

// describe says in what state a pod is that does not get ready.
func describe(p *corev1.Pod) string {
	if p == nil {
		return "not found"
	}
	for _, c := range p.Status.ContainerStatuses {
		if c.State.Waiting != nil {
			return fmt.Sprintf("container %s waits: %s %s", c.Name, c.State.Waiting.Reason, c.State.Waiting.Message)
		}
	}
	return string(p.Status.Phase) + " " + p.Status.Message
}

func (d *Demo) isolate(ctx context.Context) error {
	return d.annotate(ctx, `"`+v1alpha1.IsolationOn+`"`)
}

// annotate sets the isolation annotation of tenant-a to a JSON value.
func (d *Demo) annotate(ctx context.Context, value string) error {
	patch := fmt.Sprintf(`{"metadata":{"annotations":{%q:%s}}}`, v1alpha1.IsolationAnnotation, value)
	_, err := d.client.CoreV1().Namespaces().Patch(ctx, "tenant-a", types.MergePatchType, []byte(patch), metav1.PatchOptions{})
	return err
}

// policies is where the alpha policies of tenant-a live, with the trailing slash of the published example.
const policies = "/apis/net.alpha.kubernetes.io/v1alpha1/namespaces/tenant-a/networkpolicys/"

// postPolicy posts examples/tenant-a/pol1.json byte for byte, as "curl -d" does.
func (d *Demo) postPolicy(ctx context.Context) error {
	return d.request(ctx, http.MethodPost, policies, tenanta.Pol1)
}

func (d *Demo) deletePolicy(ctx context.Context) error {
	return d.request(ctx, http.MethodDelete, policies+"pol1", nil)
}

func (d *Demo) request(ctx context.Context, method, path string, body []byte) error {
	config := d.instance.Config()
	client, err := rest.HTTPClientFor(config)
	if err != nil {
		return err
	}
	req, err := http.NewRequestWithContext(ctx, method, config.Host+path, bytes.NewReader(body))
	if err != nil {
		return err
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	}
	resp, err := client.Do(req)
	if err != nil {
		return err
	}
	defer resp.Body.Close()
	if resp.StatusCode < 300 {
		return nil
	}
	answer, _ := io.ReadAll(io.LimitReader(resp.Body, 1<<16))
	if resp.StatusCode == http.StatusNotFound {
		return apierrors.NewNotFound(v1alpha1.SchemeGroupVersion.WithResource(v1alpha1.Resource).GroupResource(), path)
	}
	return fmt.Errorf("%s %s: %s: %s", method, path, resp.Status, answer)
}
