package standalone

import (
	"context"
	"errors"
	"fmt"
	"net"
	"os"
	"os/exec"
	"time"

	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	"k8s.io/client-go/tools/clientcmd"

	"github.com/hedgerow-net/hedgerow/internal/controller"
	"github.com/hedgerow-net/hedgerow/internal/standalone/apiserver"
	"github.com/hedgerow-net/hedgerow/internal/standalone/controllers"
	"github.com/hedgerow-net/hedgerow/internal/standalone/etcd"
	"github.com/hedgerow-net/hedgerow/internal/standalone/fabric"
	"github.com/hedgerow-net/hedgerow/internal/standalone/pki"
	"github.com/hedgerow-net/hedgerow/internal/standalone/supervise"
	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty"
)

// serviceRanges are the cluster addresses of services. Like all addresses inside, they never appear on the machine.
const serviceRanges = "10.96.0.0/16,fd00:10:96::/112"

// readyTime is how long each part may take to become ready. It is far above what any machine should need.
const readyTime = 2 * time.Minute

// childGrace is what a child process gets between SIGTERM and SIGKILL. None of them has state to save.
const childGrace = 500 * time.Millisecond

func (i *Instance) startStore(ctx context.Context) error {
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	phase := i.options.Progress.Start("etcd ready")
	store, err := etcd.Start(ctx, etcd.Options{
		Dir: i.dir.File("etcd"), SocketDir: i.dir.Run(), LogFile: i.dir.Log("etcd"), Unsafe: i.dir.Ephemeral(),
	})
	if phase.End(err) != nil {
		return fmt.Errorf("%w (%s)", err, i.logHint("etcd"))
	}
	i.store = store
	i.background("etcd", func(ctx context.Context) error {
		select {
		case err := <-store.Err():
			return err
		case <-ctx.Done():
			store.Stop()
			return nil
		}
	})
	return nil
}

func (i *Instance) openAuthority() (err error) {
	i.authority, err = pki.Open(i.dir.File("pki"))
	return err
}

// serverNames are the names and addresses that the API server is reached by.
func serverNames() ([]string, []net.IP) {
	names := []string{
		"localhost", "kubernetes", "kubernetes.default", "kubernetes.default.svc", "kubernetes.default.svc.cluster.local",
	}
	addresses := []net.IP{
		net.IPv4(127, 0, 0, 1), net.IPv4(10, 96, 0, 1), fabric.BridgeIPv4.Addr().AsSlice(), fabric.BridgeIPv6.Addr().AsSlice(),
	}
	return names, addresses
}

func (i *Instance) startAPIServer(ctx context.Context) error {
	phase := i.options.Progress.Start("API server ready")
	ctx, cancel := context.WithTimeout(ctx, readyTime)
	defer cancel()
	return phase.End(i.runAPIServer(ctx))
}

func (i *Instance) runAPIServer(ctx context.Context) error {
	names, addresses := serverNames()
	serving, err := i.authority.Server("kube-apiserver", names, addresses)
	if err != nil {
		return err
	}
	key, err := i.authority.SigningKey("service-account")
	if err != nil {
		return err
	}
	listener, err := i.listen()
	if err != nil {
		return err
	}
	i.onStop("listeners", listener.Release)
	server, err := apiserver.Start(ctx, apiserver.Options{
		Listener: listener, Advertise: fabric.BridgeIPv4.Addr().AsSlice(), Etcd: i.store.Endpoint(),
		Serving: serving, ClientCAFile: i.authority.CAFile(), ServiceAccountKeyFile: key, ServiceRanges: serviceRanges,
		Extensions: i.extensions(),
	})
	if err != nil {
		return err
	}
	i.api = server
	i.background("API server", func(ctx context.Context) error {
		select {
		case <-server.Done():
			return errors.New(i.logHint("kube-apiserver"))
		case <-ctx.Done():
			server.Stop()
			return nil
		}
	})
	if err := server.WaitReady(ctx); err != nil {
		return fmt.Errorf("%w (%s)", err, i.logHint("kube-apiserver"))
	}
	return i.connect()
}

// extensions teach the API server what was written for it in 2016.
func (i *Instance) extensions() apiserver.Extensions {
	e := thirdparty.New(i.log)
	return apiserver.Extensions{
		WrapHandler:  e.WrapHandler,
		Admission:    []apiserver.AdmissionPlugin{{Name: thirdparty.AdmissionName, New: thirdparty.NewAdmission}},
		InstallAPIs:  e.InstallAPIs,
		DescribeAPIs: e.DescribeAPIs,
	}
}

// connect writes the kubeconfig for people and makes this process's own client of it.
func (i *Instance) connect() error {
	if err := i.kubeconfig(i.KubeconfigPath(), loopback, "admin", "admin", "system:masters"); err != nil {
		return err
	}
	config, err := clientcmd.BuildConfigFromFlags("", i.KubeconfigPath())
	if err != nil {
		return fmt.Errorf("read own kubeconfig: %w", err)
	}
	config.QPS, config.UserAgent = -1, "hedgerow-standalone"
	i.config = config
	if i.client, err = kubernetes.NewForConfig(config); err != nil {
		return fmt.Errorf("make API client: %w", err)
	}
	return nil
}

// kubeconfig writes a kubeconfig for a user who reaches the API server at host.
func (i *Instance) kubeconfig(path, host, certificate, user string, groups ...string) error {
	pair, err := i.authority.Client(certificate, user, groups...)
	if err != nil {
		return err
	}
	return i.authority.WriteKubeconfig(path, serverURL(host, i.port), pair)
}

// startControllers starts the two components that are child processes. Nobody waits for them: what they do is done when they are up.
func (i *Instance) startControllers() error {
	program, err := os.Executable()
	if err != nil {
		return fmt.Errorf("find own program: %w", err)
	}
	key, err := i.authority.SigningKey("service-account")
	if err != nil {
		return err
	}
	for _, c := range []struct {
		name  string
		group []string
		args  func(controllers.Options) []string
	}{
		// Its controllers act under the rights of one user here.
		{controllers.Manager, []string{"system:masters"}, controllers.ManagerArgs},
		{controllers.Scheduler, nil, controllers.SchedulerArgs},
	} {
		kubeconfig := i.dir.Run(c.name + ".kubeconfig")
		if err := i.kubeconfig(kubeconfig, loopback, c.name, "system:"+c.name, c.group...); err != nil {
			return err
		}
		args := append([]string{c.name}, c.args(controllers.Options{
			Kubeconfig: kubeconfig, ServiceAccountKeyFile: key, CAFile: i.authority.CAFile(),
		})...)
		i.child(c.name, "", func() *exec.Cmd { return exec.Command(program, args...) })
	}
	return nil
}

// startPolicyStatus starts what keeps the status of cluster policies. Nobody waits for it either.
func (i *Instance) startPolicyStatus() error {
	config := rest.CopyConfig(i.config)
	config.UserAgent = "hedgerow-controller"
	c, err := controller.New(config, i.log)
	if err != nil {
		return err
	}
	i.background("policy status", func(ctx context.Context) error {
		c.Run(ctx)
		return nil
	})
	return nil
}

// child runs a child process until Stop, in a network namespace.
func (i *Instance) child(name, netns string, command func() *exec.Cmd) {
	i.background(name, func(ctx context.Context) error {
		return supervise.Run(ctx, i.spawner, supervise.Process{
			Name: name, Command: command, Netns: netns, LogFile: i.dir.Log(name), Grace: childGrace, Logger: i.log,
		})
	})
}
