package apiserver

import (
	"context"
	"errors"
	"fmt"
	"time"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	utilerrors "k8s.io/apimachinery/pkg/util/errors"
	genericfilters "k8s.io/apiserver/pkg/endpoints/filters"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/apiserver/pkg/util/notfoundhandler"
	"k8s.io/client-go/kubernetes"
	"k8s.io/client-go/rest"
	aggregator "k8s.io/kube-aggregator/pkg/apiserver"
	"k8s.io/kubernetes/cmd/kube-apiserver/app"
	controlplane "k8s.io/kubernetes/pkg/controlplane/apiserver"
)

// Server is a running kube-apiserver.
type Server struct {
	listener *Merged
	loopback *rest.Config
	stop     context.CancelFunc
	done     chan struct{}
	err      error // why it ended; read it after done is closed
}

// Start starts the server and returns as soon as it accepts connections; WaitReady waits for it to be complete. A process can have
// one server in its life, because feature gates and metrics are the process's.
func Start(ctx context.Context, o Options) (*Server, error) {
	chain, err := build(ctx, o)
	if err != nil {
		return nil, fmt.Errorf("set up API server: %w", err)
	}
	prepared, err := chain.PrepareRun()
	if err != nil {
		return nil, fmt.Errorf("prepare API server: %w", err)
	}
	// The server outlives the context of its start and ends by Stop.
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	s := &Server{
		listener: o.Listener, loopback: chain.GenericAPIServer.LoopbackClientConfig,
		stop: stop, done: make(chan struct{}),
	}
	go func() {
		defer close(s.done)
		s.err = prepared.Run(run)
	}()
	return s, nil
}

// Loopback is a client configuration that may do everything, for use inside this process.
func (s *Server) Loopback() *rest.Config { return rest.CopyConfig(s.loopback) }

// Done is closed when the server has ended, by Stop or by failing.
func (s *Server) Done() <-chan struct{} { return s.done }

// WaitReady returns when the server says that it is ready.
func (s *Server) WaitReady(ctx context.Context) error {
	config := s.Loopback()
	config.QPS = -1
	client, err := kubernetes.NewForConfig(config)
	if err != nil {
		return fmt.Errorf("wait for API server: %w", err)
	}
	tick := time.NewTicker(10 * time.Millisecond)
	defer tick.Stop()
	for {
		last := client.RESTClient().Get().AbsPath("/readyz").Do(ctx).Error()
		if last == nil {
			return nil
		}
		select {
		case <-tick.C:
		case <-s.done:
			return fmt.Errorf("API server ended while it started: %w", s.ended())
		case <-ctx.Done():
			return fmt.Errorf("API server is not ready: %w", last)
		}
	}
}

func (s *Server) ended() error {
	if s.err != nil {
		return s.err
	}
	return errors.New("it was stopped")
}

// How long Stop lets requests end by themselves, and how long it waits for the server at all. What was acknowledged is in etcd.
const (
	drainTime = 200 * time.Millisecond
	stopTime  = 1500 * time.Millisecond
)

// Stop ends the server: no new requests, a short time for running ones, then connections are cut, since watches would hold it for a
// minute. It returns when the server has ended or has taken too long about it.
func (s *Server) Stop() {
	s.stop()
	deadline := time.After(stopTime)
	for wait := drainTime; ; wait = 50 * time.Millisecond {
		select {
		case <-s.done:
			return
		case <-deadline:
			return
		case <-time.After(wait):
			s.listener.Cut()
		}
	}
}

// build assembles the three servers that make up kube-apiserver, last first: custom resources, built-in resources, aggregator.
func build(ctx context.Context, o Options) (*aggregator.APIAggregator, error) {
	config, err := configure(ctx, o)
	if err != nil {
		return nil, err
	}
	notFound := notfoundhandler.New(config.KubeAPIs.ControlPlane.Generic.Serializer, genericfilters.NoMuxAndDiscoveryIncompleteKey)
	custom, err := config.ApiExtensions.New(genericapiserver.NewEmptyDelegateWithCustomHandler(notFound))
	if err != nil {
		return nil, fmt.Errorf("custom resources: %w", err)
	}
	kube, err := config.KubeAPIs.New(custom.GenericAPIServer)
	if err != nil {
		return nil, fmt.Errorf("built-in resources: %w", err)
	}
	server := kube.ControlPlane.GenericAPIServer
	if install := o.Extensions.InstallAPIs; install != nil {
		if err := install(server, config.KubeAPIs.ControlPlane.Generic.RESTOptionsGetter); err != nil {
			return nil, fmt.Errorf("additional resources: %w", err)
		}
	}
	crds := apiextensionsv1.SchemeGroupVersion.WithResource("customresourcedefinitions")
	enabled := config.ApiExtensions.GenericConfig.MergedResourceConfig.ResourceEnabled(crds)
	chain, err := controlplane.CreateAggregatorServer(config.Aggregator, server,
		custom.Informers.Apiextensions().V1().CustomResourceDefinitions(), enabled, priorities(server.ListedPaths()))
	if err != nil {
		return nil, fmt.Errorf("aggregator: %w", err)
	}
	return chain, nil
}

// configure turns options into the completed configuration of the three servers.
func configure(ctx context.Context, o Options) (app.CompletedConfig, error) {
	options := o.runOptions()
	if err := options.GenericServerRunOptions.ComponentGlobalsRegistry.Set(); err != nil {
		return app.CompletedConfig{}, fmt.Errorf("feature gates: %w", err)
	}
	completed, err := options.Complete(ctx)
	if err != nil {
		return app.CompletedConfig{}, fmt.Errorf("complete options: %w", err)
	}
	if errs := completed.Validate(); len(errs) > 0 {
		return app.CompletedConfig{}, fmt.Errorf("options: %w", utilerrors.NewAggregate(errs))
	}
	config, err := app.NewConfig(completed)
	if err != nil {
		return app.CompletedConfig{}, err
	}
	o.Extensions.wrap(&config.Aggregator.GenericConfig.Config)
	if describe := o.Extensions.DescribeAPIs; describe != nil {
		describe(config.KubeAPIs.ControlPlane.Generic.OpenAPIConfig, config.KubeAPIs.ControlPlane.Generic.OpenAPIV3Config)
	}
	for _, generic := range []*genericapiserver.Config{
		&config.Aggregator.GenericConfig.Config, config.KubeAPIs.ControlPlane.Generic, &config.ApiExtensions.GenericConfig.Config,
	} {
		generic.EffectiveVersion = released(generic.EffectiveVersion)
	}
	return config.Complete()
}
