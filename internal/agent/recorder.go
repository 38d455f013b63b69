package agent

import (
	"strings"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/kubernetes"
	typedcorev1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
	anpv1alpha1 "sigs.k8s.io/network-policy-api/apis/v1alpha1"
	cnpv1alpha2 "sigs.k8s.io/network-policy-api/apis/v1alpha2"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/policy"
)

// EventRecorder raises Events at the API server, aggregated and rate limited by client-go.
type EventRecorder struct {
	broadcaster record.EventBroadcaster
	recorder    record.EventRecorder
}

var _ Recorder = (*EventRecorder)(nil)

// NewEventRecorder returns a recorder whose Events name this node's agent as their source. Close it.
func NewEventRecorder(client kubernetes.Interface, node string) *EventRecorder {
	b := record.NewBroadcaster()
	b.StartRecordingToSink(&typedcorev1.EventSinkImpl{Interface: client.CoreV1().Events("")})
	source := corev1.EventSource{Component: "hedgerow-agent", Host: node}
	return &EventRecorder{broadcaster: b, recorder: b.NewRecorder(runtime.NewScheme(), source)}
}

// Warn raises a warning Event in the object's namespace; one about a namespace is raised inside it, and one about an object of the whole cluster
// in the namespace "default".
func (r *EventRecorder) Warn(ref policy.Ref, reason, message string) {
	r.recorder.Event(objectOf(ref), corev1.EventTypeWarning, reason, message)
}

// Close waits for nothing: Events on their way may be lost.
func (r *EventRecorder) Close() { r.broadcaster.Shutdown() }

func objectOf(ref policy.Ref) *corev1.ObjectReference {
	o := &corev1.ObjectReference{Namespace: ref.Namespace, Name: ref.Name}
	switch ref.Kind {
	case policy.KindNamespaceIsolation:
		o.APIVersion, o.Kind, o.Name = "v1", "Namespace", ref.Namespace
	case policy.KindAlphaNetworkPolicy:
		o.APIVersion, o.Kind = v1alpha1.SchemeGroupVersion.String(), v1alpha1.Kind
	case policy.KindNetworkPolicy:
		o.APIVersion, o.Kind = networkingv1.SchemeGroupVersion.String(), "NetworkPolicy"
	case policy.KindClusterNetworkPolicy:
		o.APIVersion, o.Kind = cnpv1alpha2.GroupVersion.String(), string(ref.Kind)
	case policy.KindAdminNetworkPolicy, policy.KindBaselineAdminNetworkPolicy:
		o.APIVersion, o.Kind = anpv1alpha1.GroupVersion.String(), string(ref.Kind)
	case KindNode:
		o.APIVersion, o.Kind = "v1", "Node"
	case KindPod:
		o.APIVersion, o.Kind = "v1", "Pod"
		o.Namespace, o.Name, _ = strings.Cut(ref.Name, "/")
	}
	return o
}
