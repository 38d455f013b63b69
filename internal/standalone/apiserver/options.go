package apiserver

import (
	"net"
	"net/http"
	"slices"

	"k8s.io/apiserver/pkg/admission/plugin/policy/mutating"
	genericapiserver "k8s.io/apiserver/pkg/server"
	"k8s.io/kubernetes/cmd/kube-apiserver/app/options"
	"k8s.io/kubernetes/plugin/pkg/admission/nodetaint"
	"k8s.io/kubernetes/plugin/pkg/admission/serviceaccount"

	"github.com/hedgerow-net/hedgerow/internal/standalone/pki"
)

// Options say where the server listens, what it stores in, and whom it trusts.
type Options struct {
	Listener *Merged
	// Advertise is the address under which nodes and pods reach the server.
	Advertise net.IP
	// Etcd is the store's endpoint.
	Etcd string
	// Serving is the server's certificate; client certificates must be signed by ClientCAFile.
	Serving      pki.Pair
	ClientCAFile string
	// ServiceAccountKeyFile signs service account tokens.
	ServiceAccountKeyFile string
	// ServiceRanges are the cluster addresses of services: "IPv4,IPv6".
	ServiceRanges string
	Extensions    Extensions
}

// issuer names the issuer of service account tokens.
const issuer = "https://kubernetes.default.svc.cluster.local"

func (o Options) runOptions() *options.ServerRunOptions {
	s := options.NewServerRunOptions()
	s.GenericServerRunOptions.AdvertiseAddress = o.Advertise
	s.SecureServing.Listener = o.Listener
	s.SecureServing.ServerCert.CertKey.CertFile = o.Serving.CertFile
	s.SecureServing.ServerCert.CertKey.KeyFile = o.Serving.KeyFile
	s.Etcd.StorageConfig.Transport.ServerList = []string{o.Etcd}
	s.Authentication.ClientCert.ClientCA = o.ClientCAFile
	s.Authentication.ServiceAccounts.Issuers = []string{issuer}
	s.Authentication.ServiceAccounts.KeyFiles = []string{o.ServiceAccountKeyFile}
	s.ServiceAccountSigningKeyFile = o.ServiceAccountKeyFile
	s.Authorization.Modes = []string{"Node", "RBAC"}
	s.ServiceClusterIPRanges = o.ServiceRanges
	s.AllowPrivileged = true
	o.Extensions.admit(s)
	return s
}

// admit adds the admission plugins and turns off two that do not fit a machine like this.
func (e Extensions) admit(s *options.ServerRunOptions) {
	a := s.Admission.GenericAdmission
	a.DisablePlugins = append(a.DisablePlugins,
		// Pods have no volumes yet that could hold a token.
		serviceaccount.PluginName,
		// It taints new nodes until the node lifecycle controller removes the taint, and that one is not run.
		nodetaint.PluginName)
	order := slices.Clone(a.RecommendedPluginOrder)
	at := slices.Index(order, mutating.PluginName)
	for i, p := range e.Admission {
		a.Plugins.Register(p.Name, p.New)
		order = slices.Insert(order, at+i, p.Name)
	}
	a.RecommendedPluginOrder = order
}

// wrap puts the additional handler around the handler chain of the outermost server.
func (e Extensions) wrap(config *genericapiserver.Config) {
	if e.WrapHandler == nil {
		return
	}
	stock := config.BuildHandlerChainFunc
	config.BuildHandlerChainFunc = func(api http.Handler, c *genericapiserver.Config) http.Handler {
		return e.WrapHandler(stock(api, c))
	}
}
