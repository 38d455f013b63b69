// Package pods runs the pods that are bound to one standalone node, as a kubelet does on a machine of its own. Pods come in
// through a watch of the API server; sandbox network namespaces, wired by the CNI plugin, and containers come out, and
// their state goes back as pod status and Events. One worker per pod does everything in order and survives any change of the
// pod meanwhile. The package never decides where a pod runs, never judges packets, never touches another network
// namespace than the node's and those it made, and enforces no CPU or memory limits.
package pods

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net/netip"
	"os"
	"path/filepath"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"
	v1 "k8s.io/api/core/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/fields"
	"k8s.io/apimachinery/pkg/types"
	"k8s.io/client-go/informers"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/tools/cache"
	"k8s.io/client-go/tools/record"

	"github.com/hedgerow-net/hedgerow/internal/standalone/container"
)

// Config says which node's pods to run, and with what.
type Config struct {
	NodeName string
	// NodeAddresses are the node's own, as status.hostIPs of its pods; at most one of each family, the first is
	// status.hostIP.
	NodeAddresses []netip.Addr
	// NodeNetns is the path of the node's network namespace.
	NodeNetns string
	// Client reads pods, writes their status and Events, and deletes pods that have ended.
	Client kubernetes.Interface
	// Network gives a sandbox its interface; see NewCNI.
	Network Network
	Images  *Images
	// Spawner forks the containers.
	Spawner container.Spawner
	// RunDir takes what is needed while pods run: sandboxes, logs, volumes. What an earlier run left there is removed.
	RunDir string
	// Nameservers and ClusterDomain go to resolv.conf of pods with dnsPolicy ClusterFirst. Both may be empty.
	Nameservers   []netip.Addr
	ClusterDomain string
	Logger        *slog.Logger
}

// shutdownGrace is what containers get between SIGTERM and SIGKILL when the node is shut down.
const shutdownGrace = time.Second

// Manager runs the pods of one node. Make it with New.
type Manager struct {
	cfg    Config
	delays delays
	events record.EventRecorder

	// resumed are the statuses that resumeAll wrote, by UID. Until the watch has caught up, the informer shows those from before.
	resumed map[types.UID]*v1.PodStatus

	mu      sync.Mutex
	workers map[types.UID]*worker
	closed  bool // no worker starts any more
	running sync.WaitGroup
}

// New checks the configuration. Nothing is started.
func New(cfg Config) (*Manager, error) {
	switch {
	case cfg.NodeName == "":
		return nil, errors.New("run pods: no node name given")
	case len(cfg.NodeAddresses) == 0:
		return nil, errors.New("run pods: no node address given")
	case cfg.NodeNetns == "":
		return nil, errors.New("run pods: no network namespace of the node given")
	case cfg.Client == nil, cfg.Network == nil, cfg.Images == nil, cfg.Spawner == nil, cfg.Logger == nil, cfg.RunDir == "":
		return nil, errors.New("run pods: client, network, images, spawner, logger and run directory must be given")
	}
	return &Manager{cfg: cfg, delays: defaultDelays, workers: map[types.UID]*worker{}}, nil
}

// Run runs the node's pods until ctx ends, then stops all of them, within about a second and in parallel, and returns nil. Their objects stay in
// the API, so that the next Run starts them again. Networking must still work while it returns: the CNI plugin is called for
// every pod.
func (m *Manager) Run(ctx context.Context) error {
	if err := m.clean(ctx); err != nil {
		return fmt.Errorf("run pods of %s: %w", m.cfg.NodeName, err)
	}
	stopEvents := m.startEvents()
	defer stopEvents()
	factory := informers.NewSharedInformerFactoryWithOptions(m.cfg.Client, 0, informers.WithTweakListOptions(func(o *metav1.ListOptions) {
		o.FieldSelector = fields.OneTermEqualSelector("spec.nodeName", m.cfg.NodeName).String()
	}))
	informer := factory.Core().V1().Pods().Informer()
	ctx, cancel := context.WithCancel(ctx)
	defer factory.Shutdown()
	defer cancel()
	factory.Start(ctx.Done())
	if !cache.WaitForCacheSync(ctx.Done(), informer.HasSynced) {
		return nil // ctx ended
	}
	m.resumed = m.resumeAll(ctx, informer.GetStore().List())
	registration, err := informer.AddEventHandler(m.handler(ctx))
	if err != nil {
		return fmt.Errorf("run pods of %s: %w", m.cfg.NodeName, err)
	}
	<-ctx.Done()
	err = informer.RemoveEventHandler(registration)
	m.shutDown()
	return err
}

// clean removes what an earlier run left: files, and addresses that the network still holds for sandboxes of that time.
func (m *Manager) clean(ctx context.Context) error {
	for _, dir := range []string{m.podsDir(), m.netnsDir()} {
		if err := os.RemoveAll(dir); err != nil {
			return fmt.Errorf("remove what an earlier run left: %w", err)
		}
		if err := os.MkdirAll(dir, 0o700); err != nil {
			return fmt.Errorf("make run directory: %w", err)
		}
	}
	if err := m.cfg.Network.Clean(ctx); err != nil {
		m.cfg.Logger.Warn("cannot release addresses of an earlier run", "node", m.cfg.NodeName, "error", err)
	}
	return nil
}

func (m *Manager) podsDir() string  { return filepath.Join(m.cfg.RunDir, "pods") }
func (m *Manager) netnsDir() string { return filepath.Join(m.cfg.RunDir, "netns") }

// resumeAll writes, before any sandbox is made, the status of pods that an earlier run left: their addresses are void and may be given
// to others. It returns the new statuses by UID.
func (m *Manager) resumeAll(ctx context.Context, objects []any) map[types.UID]*v1.PodStatus {
	var mu sync.Mutex
	resumed := map[types.UID]*v1.PodStatus{}
	var group errgroup.Group
	group.SetLimit(16)
	for _, o := range objects {
		pod := o.(*v1.Pod)
		status, changed := resume(pod, seconds(time.Now()))
		if !changed || pod.Spec.NodeName != m.cfg.NodeName {
			continue
		}
		group.Go(func() error {
			written, err := patchStatus(ctx, m.cfg.Client, pod, status)
			if err != nil {
				m.cfg.Logger.Warn("cannot write status of a pod of an earlier run", "pod", podName(pod), "error", err)
				written = status
			}
			mu.Lock()
			defer mu.Unlock()
			resumed[pod.UID] = written
			return nil
		})
	}
	_ = group.Wait() // no function returns an error
	return resumed
}

// handler passes pods on to their workers.
func (m *Manager) handler(ctx context.Context) cache.ResourceEventHandler {
	return cache.ResourceEventHandlerFuncs{
		AddFunc: func(o any) { m.observe(ctx, o.(*v1.Pod)) },
		UpdateFunc: func(before, after any) {
			// A deletion and a creation with the same name may arrive as one update.
			if old := before.(*v1.Pod); old.UID != after.(*v1.Pod).UID {
				m.vanished(old.UID)
			}
			m.observe(ctx, after.(*v1.Pod))
		},
		DeleteFunc: func(o any) {
			if tombstone, ok := o.(cache.DeletedFinalStateUnknown); ok {
				o = tombstone.Obj
			}
			if pod, ok := o.(*v1.Pod); ok {
				m.vanished(pod.UID)
			}
		},
	}
}

// observe starts a worker for a pod, or tells the one it has.
func (m *Manager) observe(ctx context.Context, pod *v1.Pod) {
	if pod.Spec.NodeName != m.cfg.NodeName {
		return
	}
	m.mu.Lock()
	defer m.mu.Unlock()
	if w, ok := m.workers[pod.UID]; ok {
		w.update(pod)
		return
	}
	status := &pod.Status
	if s, ok := m.resumed[pod.UID]; ok {
		status = s
	}
	if m.closed || finished(status.Phase) && pod.DeletionTimestamp == nil {
		return // a finished pod is of an earlier run; nothing of it is here
	}
	w := newWorker(m, pod, status)
	m.workers[pod.UID] = w
	m.running.Add(1)
	go func() {
		defer m.running.Done()
		w.run(ctx)
	}()
}

// vanished tells a worker that its pod's object is gone.
func (m *Manager) vanished(uid types.UID) {
	m.mu.Lock()
	defer m.mu.Unlock()
	w, ok := m.workers[uid]
	if ok && w.vanish() {
		delete(m.workers, uid)
	}
}

// forget removes a worker whose object is gone and that has nothing left to do.
func (m *Manager) forget(w *worker) {
	m.mu.Lock()
	defer m.mu.Unlock()
	delete(m.workers, w.uid)
}

func (m *Manager) shutDown() {
	m.mu.Lock()
	m.closed = true
	for _, w := range m.workers {
		w.stopper.stop(shutdownGrace)
	}
	m.mu.Unlock()
	m.running.Wait()
}

// ErrNoContainer is wrapped by Container's error.
var ErrNoContainer = errors.New("no such running container")

// Container returns the running container of a pod on this node; name "" is the pod's first one. It may end at any time.
func (m *Manager) Container(namespace, pod, name string) (*container.Container, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, w := range m.workers {
		if w.namespace != namespace || w.name != pod {
			continue
		}
		if c := w.container(name); c != nil {
			return c, nil
		}
	}
	return nil, fmt.Errorf("find container %q of pod %s/%s on node %s: %w", name, namespace, pod, m.cfg.NodeName, ErrNoContainer)
}

func podName(pod *v1.Pod) string { return pod.Namespace + "/" + pod.Name }

func finished(phase v1.PodPhase) bool { return phase == v1.PodSucceeded || phase == v1.PodFailed }
