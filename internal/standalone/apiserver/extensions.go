// Package apiserver runs the real kube-apiserver inside this process: the same options, storage, admission and handler
// chain, assembled from its exported parts so that three things can be added that flags cannot express. Options go in, a serving API
// comes out. It knows nothing of nodes, networks or policies.
package apiserver

import (
	"net/http"

	"k8s.io/apiserver/pkg/admission"
	"k8s.io/apiserver/pkg/registry/generic"
	genericapiserver "k8s.io/apiserver/pkg/server"
	openapi "k8s.io/kube-openapi/pkg/common"
)

// Extensions are added to the stock kube-apiserver. The zero value adds nothing.
type Extensions struct {
	// WrapHandler wraps the whole handler chain: it sees every request as it arrives (nothing authenticated, no request
	// info yet), also those of the loopback client, and may rewrite it. Nil wraps nothing.
	WrapHandler func(http.Handler) http.Handler
	// Admission plugins run enabled, in this order, after the built-in ones but before webhooks and quota.
	Admission []AdmissionPlugin
	// InstallAPIs runs when the kube-apiserver exists but serves nothing yet, before the aggregator in front of it is made. It may
	// call InstallAPIGroup (APIServices and discovery follow by themselves) and AddPostStartHook; server.LoopbackClientConfig
	// is a client that may do everything once hooks run. Options gives the storage of the server's own resources.
	InstallAPIs func(server *genericapiserver.GenericAPIServer, options generic.RESTOptionsGetter) error
	// DescribeAPIs runs before any server is made, on the OpenAPI configurations that all of them share. Types that InstallAPIs
	// serves must be described in both, or their installation fails. Nil describes nothing.
	DescribeAPIs func(v2 *openapi.Config, v3 *openapi.OpenAPIV3Config)
}

// AdmissionPlugin is an in-process admission plugin. What New returns may implement the initializer interfaces of
// k8s.io/apiserver/pkg/admission/initializer.
type AdmissionPlugin struct {
	Name string
	New  admission.Factory
}
