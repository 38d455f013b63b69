package pods

import (
	v1 "k8s.io/api/core/v1"
	"k8s.io/client-go/kubernetes/scheme"
	typedv1 "k8s.io/client-go/kubernetes/typed/core/v1"
	"k8s.io/client-go/tools/record"
)

// Reasons of Events; those that a kubelet has too are named as there.
const (
	eventStarted     = "Started"
	eventKilling     = "Killing"
	eventFailed      = "Failed"
	eventBackOff     = "BackOff"
	eventSandbox     = "FailedCreatePodSandBox"
	eventTearDown    = "FailedKillPod"
	eventUnhealthy   = "Unhealthy"
	eventUnsupported = "Unsupported"
	eventHook        = "FailedLifecycleHook"
	eventDeadline    = "DeadlineExceeded"
	eventComponent   = "hedgerow-standalone"
)

// startEvents makes the recorder and returns a function that ends it.
func (m *Manager) startEvents() (stop func()) {
	broadcaster := record.NewBroadcaster()
	broadcaster.StartRecordingToSink(&typedv1.EventSinkImpl{Interface: m.cfg.Client.CoreV1().Events("")})
	m.events = broadcaster.NewRecorder(scheme.Scheme, v1.EventSource{Component: eventComponent, Host: m.cfg.NodeName})
	return broadcaster.Shutdown
}
