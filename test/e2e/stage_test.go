package e2e

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/netip"
	"regexp"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/client-go/dynamic"
	"k8s.io/client-go/kubernetes"
	"sigs.k8s.io/yaml"
)

// stage is what policies are tried on: pods of two namespaces and two nodes, the nodes themselves, and a host outside of the cluster. All of them listen on
// the same ports of TCP and UDP. Namespaces and pods are labelled team=NAMESPACE and app=NAME.
//
//	red/web    node1  port http is 80
//	red/api    node2  port http is 8080
//	red/client node1
//	blue/blue  node2
type stage struct {
	instance *instance
	client   kubernetes.Interface
	dynamic  dynamic.Interface
	ends     map[string]livePod
	replacer *strings.Replacer // of $web4, $web6 and so on
}

// The ports that all ends of a stage listen on, by TCP and UDP.
var stagePorts = []uint16{80, 81, 82, 8080}

// newStage sets the stage until the end of the test.
func newStage(t *testing.T, i *instance) *stage {
	t.Helper()
	s := &stage{instance: i, client: i.client(t), dynamic: i.dynamic(t), ends: map[string]livePod{}}
	for _, name := range []string{"red", "blue"} {
		ns := &corev1.Namespace{ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"team": name}}}
		_, err := s.client.CoreV1().Namespaces().Create(t.Context(), ns, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() {
			must(t, s.client.CoreV1().Namespaces().Delete(context.Background(), name, metav1.DeleteOptions{}))
		})
	}
	var pods sync.WaitGroup
	for _, p := range []struct {
		node, namespace, name string
		http                  int32
	}{{"node1", "red", "web", 80}, {"node2", "red", "api", 8080}, {"node1", "red", "client", 0}, {"node2", "blue", "blue", 0}} {
		_, err := s.client.CoreV1().Pods(p.namespace).Create(t.Context(), stagePod(p.node, p.name, p.http), metav1.CreateOptions{})
		must(t, err)
		pods.Go(func() { awaitPod(t, i, p.namespace, p.name) })
	}
	pods.Wait()
	for _, p := range []struct{ namespace, name string }{{"red", "web"}, {"red", "api"}, {"red", "client"}, {"blue", "blue"}} {
		s.addPod(t, awaitPod(t, i, p.namespace, p.name))
	}
	s.add(t, "node1", i.nodeNetns("node1"), "10.213.0.11", "fd00:213::11")
	s.add(t, "node2", i.nodeNetns("node2"), "10.213.0.12", "fd00:213::12")
	s.add(t, "outside", i.nodeNetns("fabric"), "10.213.0.1", "fd00:213::1")
	var pairs []string
	for name, e := range s.ends {
		pairs = append(pairs, "$"+name+"4", e.addresses[0].String(), "$"+name+"6", e.addresses[1].String())
	}
	s.replacer = strings.NewReplacer(pairs...)
	return s
}

func stagePod(node, name string, http int32) *corev1.Pod {
	grace := int64(0)
	pod := &corev1.Pod{
		ObjectMeta: metav1.ObjectMeta{Name: name, Labels: map[string]string{"app": name}},
		Spec: corev1.PodSpec{
			NodeName: node, TerminationGracePeriodSeconds: &grace,
			Containers: []corev1.Container{{Name: "main", Image: "hedgerow/toolbox", Args: []string{"pause"}}},
		},
	}
	if http != 0 {
		pod.Spec.Containers[0].Ports = []corev1.ContainerPort{{Name: "http", ContainerPort: http}}
	}
	return pod
}

func (s *stage) addPod(t *testing.T, pod *corev1.Pod) {
	t.Helper()
	p := s.instance.live(t, pod)
	s.add(t, p.name, p.netns, pod.Status.PodIPs[0].IP, pod.Status.PodIPs[1].IP)
}

// add lets an end listen: its servers are sockets of this process in its network namespace.
func (s *stage) add(t *testing.T, name, netns, ipv4, ipv6 string) {
	t.Helper()
	s.ends[name] = livePod{name: name, netns: netns, addresses: []netip.Addr{netip.MustParseAddr(ipv4), netip.MustParseAddr(ipv6)}}
	err := inNetns(netns, func() error {
		for _, port := range stagePorts {
			at := fmt.Sprintf("[::]:%d", port)
			l, err := net.Listen("tcp", at)
			if err != nil {
				return err
			}
			t.Cleanup(func() { l.Close() })
			go greet(l)
			p, err := net.ListenPacket("udp", at)
			if err != nil {
				return err
			}
			t.Cleanup(func() { p.Close() })
			go echo(p)
		}
		return nil
	})
	must(t, err)
}

// greet takes connections until the listener is closed.
func greet(l net.Listener) {
	for {
		c, err := l.Accept()
		if err != nil {
			return
		}
		c.Close()
	}
}

// echo answers datagrams until the socket is closed.
func echo(p net.PacketConn) {
	buffer := make([]byte, 64)
	for {
		n, from, err := p.ReadFrom(buffer)
		if err != nil {
			return
		}
		_, _ = p.WriteTo(buffer[:n], from) // a client that is gone gets nothing
	}
}

// flow is what is tried: "client>web:80" or "client>web:80/UDP".
type flow struct {
	text     string
	from, to livePod
	port     uint16
	udp      bool
}

var flowPattern = regexp.MustCompile(`^(\w+)>(\w+):(\d+)(/UDP)?$`)

func (s *stage) flows(t *testing.T, text string) []flow {
	t.Helper()
	var flows []flow
	for _, word := range strings.Fields(text) {
		m := flowPattern.FindStringSubmatch(word)
		if m == nil || s.ends[m[1]].netns == "" || s.ends[m[2]].netns == "" {
			t.Fatalf("no flow: %q", word)
		}
		port, err := strconv.ParseUint(m[3], 10, 16)
		must(t, err)
		flows = append(flows, flow{word, s.ends[m[1]], s.ends[m[2]], uint16(port), m[4] != ""})
	}
	return flows
}

// How long a flow is tried: one that must be open again and again, until it is; one that must be closed longer. What a denied connection's
// retransmissions meet is tried elsewhere, see denied.
const (
	openPatience   = 150 * time.Millisecond
	closedPatience = 400 * time.Millisecond
)

// try tries the flow to one address. The error is a timeout if what was sent, or its answer, was dropped.
func (f flow) try(to netip.Addr, patience time.Duration) error {
	if !f.udp {
		return dial(f.from.netns, to, f.port, patience)
	}
	return inNetns(f.from.netns, func() error {
		c, err := net.Dial("udp", netip.AddrPortFrom(to, f.port).String())
		if err != nil {
			return err
		}
		defer c.Close()
		for end := time.Now().Add(patience); ; {
			if _, err := c.Write([]byte("hello")); err != nil {
				return err
			}
			_ = c.SetReadDeadline(time.Now().Add(100 * time.Millisecond))
			if _, err = c.Read(make([]byte, 64)); err == nil || time.Now().After(end) {
				return err
			}
		}
	})
}

// expect waits until what has to be closed is closed, and then until what has to be open is open, over both families. A closed flow is dropped,
// not refused.
func (s *stage) expect(t *testing.T, open, closed string) {
	t.Helper()
	s.await(t, closed, "closed", closedPatience, func(err error) error {
		var timeout net.Error
		switch {
		case err == nil:
			return errors.New("it is open")
		case !errors.As(err, &timeout) || !timeout.Timeout():
			return fmt.Errorf("it is refused, not dropped: %w", err)
		}
		return nil
	})
	s.await(t, open, "open", openPatience, func(err error) error { return err })
}

// await waits until each of the flows is as wanted, all at once.
func (s *stage) await(t *testing.T, text, want string, patience time.Duration, wrong func(error) error) {
	t.Helper()
	var all sync.WaitGroup
	for _, f := range s.flows(t, text) {
		for _, a := range f.to.addresses {
			all.Go(func() {
				var last error
				for end := time.Now().Add(waitTime / 4); time.Now().Before(end); time.Sleep(5 * time.Millisecond) {
					if last = wrong(f.try(a, patience)); last == nil {
						return
					}
				}
				t.Errorf("%s (%s) is not %s: %v", f.text, a, want, last)
			})
		}
	}
	all.Wait()
}

// resources of the policy APIs, by apiVersion and kind.
var resources = map[string]schema.GroupVersionResource{
	"networking.k8s.io/v1 NetworkPolicy":                           {Group: "networking.k8s.io", Version: "v1", Resource: "networkpolicies"},
	"net.alpha.kubernetes.io/v1alpha1 NetworkPolicy":               alphaPolicies,
	"policy.networking.k8s.io/v1alpha2 ClusterNetworkPolicy":       {Group: "policy.networking.k8s.io", Version: "v1alpha2", Resource: "clusternetworkpolicies"},
	"policy.networking.k8s.io/v1alpha1 AdminNetworkPolicy":         {Group: "policy.networking.k8s.io", Version: "v1alpha1", Resource: "adminnetworkpolicies"},
	"policy.networking.k8s.io/v1alpha1 BaselineAdminNetworkPolicy": {Group: "policy.networking.k8s.io", Version: "v1alpha1", Resource: "baselineadminnetworkpolicies"},
}

// of returns the client for an object's resource, in namespace red where it has namespaces.
func (s *stage) of(t *testing.T, o *unstructured.Unstructured) dynamic.ResourceInterface {
	t.Helper()
	r, known := resources[o.GetAPIVersion()+" "+o.GetKind()]
	if !known {
		t.Fatalf("no resource of %s %s", o.GetAPIVersion(), o.GetKind())
	}
	if r.Group == "policy.networking.k8s.io" {
		return s.dynamic.Resource(r)
	}
	return s.dynamic.Resource(r).Namespace("red")
}

// parse reads an object, with the addresses of ends in place of their names.
func (s *stage) parse(t *testing.T, text string) *unstructured.Unstructured {
	t.Helper()
	data, err := yaml.YAMLToJSON([]byte(s.replacer.Replace(text)))
	must(t, err)
	o := &unstructured.Unstructured{}
	must(t, o.UnmarshalJSON(data))
	return o
}

// apply creates objects until the end of the test.
func (s *stage) apply(t *testing.T, texts ...string) {
	t.Helper()
	for _, text := range texts {
		o := s.parse(t, text)
		_, err := s.of(t, o).Create(t.Context(), o, metav1.CreateOptions{})
		must(t, err)
		t.Cleanup(func() {
			err := s.of(t, o).Delete(context.Background(), o.GetName(), metav1.DeleteOptions{})
			if err != nil && !apierrors.IsNotFound(err) {
				t.Error(err)
			}
		})
	}
}

// scene is one case: these objects open and close these flows, all of which are open without them.
type scene struct {
	name         string
	objects      []string
	open, closed string
}

func (s *stage) play(t *testing.T, scenes []scene) {
	for _, c := range scenes {
		t.Run(c.name, func(t *testing.T) {
			s.expect(t, c.open+" "+c.closed, "")
			s.apply(t, c.objects...)
			s.expect(t, c.open, c.closed)
		})
	}
}
