package standalone

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"sync"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"

	"github.com/hedgerow-net/hedgerow/internal/agentapi"
	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
	"github.com/hedgerow-net/hedgerow/internal/standalone/datadir"
	"github.com/hedgerow-net/hedgerow/internal/standalone/etcd"
	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
	"github.com/hedgerow-net/hedgerow/internal/standalone/pki"
	"github.com/hedgerow-net/hedgerow/internal/standalone/spawn"
)

// Instance is a running cluster. Its methods are safe for concurrent use.
type Instance struct {
	options Options
	dir     *datadir.Dir
	log     *slog.Logger
	spawner *spawn.Spawner

	authority *pki.Authority
	network   *fabric.Fabric
	store     *etcd.Server
	api       *apiserver.Server
	config    *rest.Config
	client    kubernetes.Interface
	port      int

	failed chan error // the first failure of a part that cannot be restarted

	mu     sync.Mutex
	stages []stage // what Stop undoes, last first
}

type stage struct {
	name string
	stop func() error
}

// onStop adds what Stop must do for something that was just started.
func (i *Instance) onStop(name string, stop func() error) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.stages = append(i.stages, stage{name, stop})
}

// background runs something until Stop. That it ends by itself is a failure of the instance.
func (i *Instance) background(name string, run func(ctx context.Context) error) {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		err := run(ctx)
		if ctx.Err() == nil {
			i.fail(fmt.Errorf("%s ended: %w", name, err))
		}
	}()
	i.onStop(name, func() error {
		cancel()
		<-done
		return nil
	})
}

func (i *Instance) fail(err error) {
	i.log.Error("instance failed", "error", err)
	select {
	case i.failed <- err:
	default: // one failure is enough to end
	}
}

// Stop stops everything in order, within about three seconds, and removes what must not stay. Repeating it does nothing.
func (i *Instance) Stop() error {
	var errs []error
	for {
		i.mu.Lock()
		if len(i.stages) == 0 {
			i.mu.Unlock()
			return errors.Join(errs...)
		}
		last := i.stages[len(i.stages)-1]
		i.stages = i.stages[:len(i.stages)-1]
		i.mu.Unlock()
		if err := last.stop(); err != nil {
			errs = append(errs, fmt.Errorf("stop %s: %w", last.name, err))
		}
	}
}

// Failed receives an error when a part that cannot be restarted has ended; the instance is then of no more use than for Stop.
func (i *Instance) Failed() <-chan error { return i.failed }

// Config is a client configuration that may do everything.
func (i *Instance) Config() *rest.Config { return rest.CopyConfig(i.config) }

// KubeconfigPath is the kubeconfig for people, mode 0600.
func (i *Instance) KubeconfigPath() string { return i.dir.File("kubeconfig") }

// URL is the API server's address on the machine.
func (i *Instance) URL() string { return serverURL(loopback, i.port) }

// LogDir is the folder with the log files of all parts.
func (i *Instance) LogDir() string { return i.dir.Run("log") }

// NodeNames lists the nodes.
func (i *Instance) NodeNames() []string {
	var names []string
	for _, n := range i.network.Nodes {
		names = append(names, n.Name)
	}
	return names
}

// NodeNetns is the path of a node's network namespace, as this process sees it.
func (i *Instance) NodeNetns(node string) string { return i.network.Netns(node) }

// AgentSocket is the path of the unix socket of a node's agent.
func (i *Instance) AgentSocket(node string) string { return i.dir.Run(node, "agent.sock") }

// agentTime bounds a question to an agent, which is in this machine and keeps its answer ready.
const agentTime = 5 * time.Second

// PodNetns is the path of a running pod's network namespace, as this process sees it.
func (i *Instance) PodNetns(node, namespace, pod string) (string, error) {
	ctx, cancel := context.WithTimeout(context.Background(), agentTime)
	defer cancel()
	list, err := agentapi.NewClient(i.AgentSocket(node)).Attachments(ctx)
	if err != nil {
		return "", fmt.Errorf("find network namespace of pod %s/%s: %w", namespace, pod, err)
	}
	for _, a := range list {
		if a.Namespace == namespace && a.Pod == pod {
			return a.Netns, nil
		}
	}
	return "", fmt.Errorf("find network namespace of pod %s/%s: it has none on %s", namespace, pod, node)
}
