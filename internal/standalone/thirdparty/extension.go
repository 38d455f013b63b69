package thirdparty

import (
	"context"
	"fmt"
	"log/slog"
	"maps"
	"time"

	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/registry/generic"
	"k8s.io/apiserver/pkg/registry/rest"
	genericapiserver "k8s.io/apiserver/pkg/server"
	openapi "k8s.io/kube-openapi/pkg/common"
	"k8s.io/kube-openapi/pkg/validation/spec"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// startHook is the name under which the API server's readiness shows whether every kind is served.
const startHook = "third-party-resources"

// restorePause is the time between attempts to restore the definitions at start.
const restorePause = 250 * time.Millisecond

// Extension is what this package adds to one API server: give WrapHandler, InstallAPIs and DescribeAPIs to it, and NewAdmission as a
// plugin. When the server is ready the policy APIs are served, and so is every kind that a stored ThirdPartyResource names.
type Extension struct {
	log   *slog.Logger
	kinds *kinds
}

// New makes an extension for one API server. It logs to log what goes wrong without anybody asking.
func New(log *slog.Logger) *Extension {
	return &Extension{log: log, kinds: newKinds()}
}

// DescribeAPIs adds the types of extensions/v1beta1 to the OpenAPI configurations that the server's parts share. Call it before
// the server is made.
func (*Extension) DescribeAPIs(v2 *openapi.Config, v3 *openapi.OpenAPIV3Config) {
	v2.GetDefinitions, v2.GetDefinitionName = withDefinitions(v2.GetDefinitions), withNames(v2.GetDefinitionName)
	v3.GetDefinitions, v3.GetDefinitionName = withDefinitions(v3.GetDefinitions), withNames(v3.GetDefinitionName)
	if v3.Definitions == nil {
		return
	}
	v3.Definitions = maps.Clone(v3.Definitions)
	maps.Copy(v3.Definitions, v1beta1.Definitions(func(model string) spec.Ref {
		name, _ := v3.GetDefinitionName(model)
		return spec.MustCreateRef("#/components/schemas/" + openapi.EscapeJsonPointer(name))
	}))
}

func withDefinitions(get openapi.GetOpenAPIDefinitions) openapi.GetOpenAPIDefinitions {
	return func(ref openapi.ReferenceCallback) map[string]openapi.OpenAPIDefinition {
		all := maps.Clone(get(ref))
		maps.Copy(all, v1beta1.Definitions(ref))
		return all
	}
}

func withNames(get func(string) (string, spec.Extensions)) func(string) (string, spec.Extensions) {
	return func(model string) (string, spec.Extensions) {
		if extensions, ours := v1beta1.DefinitionExtensions(model); ours {
			return model, extensions
		}
		return get(model)
	}
}

// InstallAPIs serves extensions/v1beta1 from the server, stored by way of options, and makes the server's readiness wait until all
// definitions are served.
func (e *Extension) InstallAPIs(server *genericapiserver.GenericAPIServer, options generic.RESTOptionsGetter) error {
	scheme, err := newScheme()
	if err != nil {
		return err
	}
	codecs := serializer.NewCodecFactory(scheme)
	definer, err := newDefiner(server.LoopbackClientConfig)
	if err != nil {
		return err
	}
	storage := storedAs{options: options, codec: codecs.LegacyCodec(v1beta1.SchemeGroupVersion)}
	resources, err := e.newStorage(newStrategy(scheme, builtInOf(server.ListedPaths())), storage, definer)
	if err != nil {
		return err
	}
	group := genericapiserver.NewDefaultAPIGroupInfo(v1beta1.GroupName, scheme, runtime.NewParameterCodec(scheme), codecs)
	group.VersionedResourcesStorageMap[v1beta1.Version] = map[string]rest.Storage{v1beta1.Resource: resources}
	if err := server.InstallAPIGroup(&group); err != nil {
		return fmt.Errorf("install %s: %w", v1beta1.SchemeGroupVersion, err)
	}
	return server.AddPostStartHook(startHook, func(hook genericapiserver.PostStartHookContext) error {
		return e.restore(hook, resources)
	})
}

// newScheme knows the types of extensions/v1beta1 and those that every API server answers with.
func newScheme() (*runtime.Scheme, error) {
	scheme := runtime.NewScheme()
	if err := v1beta1.AddToScheme(scheme); err != nil {
		return nil, fmt.Errorf("register %s: %w", v1beta1.SchemeGroupVersion, err)
	}
	unversioned := schema.GroupVersion{Version: "v1"}
	metav1.AddToGroupVersion(scheme, unversioned)
	scheme.AddUnversionedTypes(unversioned, &metav1.Status{}, &metav1.APIVersions{}, &metav1.APIGroupList{}, &metav1.APIGroup{}, &metav1.APIResourceList{})
	return scheme, nil
}

// restore makes sure that the policy APIs and all stored kinds are served. A kind that cannot be is reported and left out: it was
// served when it was created, so whatever stands in its way came later, and must not keep the server from starting.
func (e *Extension) restore(ctx context.Context, resources *storage) error {
	var stored *v1beta1.ThirdPartyResourceList
	for attempt := 0; ; attempt++ {
		list, err := e.tryRestore(ctx, resources)
		if err == nil {
			stored = list
			break
		}
		e.log.Warn("the policy APIs are not served yet", "attempt", attempt, "error", err)
		if err := sleep(ctx, restorePause); err != nil {
			return fmt.Errorf("serve the policy APIs: %w", err)
		}
	}
	for i := range stored.Items {
		if err := resources.define(ctx, &stored.Items[i]); err != nil {
			e.log.Error("a ThirdPartyResource is not served", "name", stored.Items[i].Name, "error", err)
		}
	}
	return nil
}

// tryRestore serves the policy APIs and lists the stored resources.
func (e *Extension) tryRestore(ctx context.Context, resources *storage) (*v1beta1.ThirdPartyResourceList, error) {
	if err := resources.definer.definePolicies(ctx, e.log); err != nil {
		return nil, err
	}
	return resources.all(ctx)
}
