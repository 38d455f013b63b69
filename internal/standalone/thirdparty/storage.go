package thirdparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metainternalversion "k8s.io/apimachinery/pkg/apis/meta/internalversion"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"
	genericregistry "k8s.io/apiserver/pkg/registry/generic/registry"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/util/dryrun"

	"github.com/hedgerow-net/hedgerow/deploy/crds"
	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// Times that a request waits for a definition. They are below the minute that the API server gives a request.
const (
	defineTimeout = 30 * time.Second
	removeTimeout = 20 * time.Second
)

// storage stores ThirdPartyResources and keeps their definitions in step: a create or update returns when the kind is
// served, a delete when it is gone.
type storage struct {
	*genericregistry.Store
	log     *slog.Logger
	kinds   *kinds
	definer *definer
}

var (
	_ rest.StandardStorage      = (*storage)(nil)
	_ rest.ShortNamesProvider   = (*storage)(nil)
	_ rest.SingularNameProvider = (*storage)(nil)
)

func (e *Extension) newStorage(strategy strategy, options generic.RESTOptionsGetter, definer *definer) (*storage, error) {
	store := &genericregistry.Store{
		NewFunc:                   func() runtime.Object { return &v1beta1.ThirdPartyResource{} },
		NewListFunc:               func() runtime.Object { return &v1beta1.ThirdPartyResourceList{} },
		DefaultQualifiedResource:  v1beta1.GroupResource,
		SingularQualifiedResource: schema.GroupResource{Group: v1beta1.GroupName, Resource: "thirdpartyresource"},
		CreateStrategy:            strategy,
		UpdateStrategy:            strategy,
		DeleteStrategy:            strategy,
		TableConvertor:            table{},
	}
	if err := store.CompleteWithOptions(&generic.StoreOptions{RESTOptions: options}); err != nil {
		return nil, fmt.Errorf("open the storage of %s: %w", v1beta1.GroupResource, err)
	}
	out := &storage{Store: store, log: e.log, kinds: e.kinds, definer: definer}
	store.AfterDelete = out.deleted
	return out, nil
}

// ShortNames implements rest.ShortNamesProvider.
func (*storage) ShortNames() []string { return []string{"tpr", "tprs"} }

// Create implements rest.Creater. It returns when the kind is served; if it cannot be, nothing stays stored.
func (s *storage) Create(ctx context.Context, object runtime.Object, validate rest.ValidateObjectFunc, options *metav1.CreateOptions) (runtime.Object, error) {
	created, err := s.Store.Create(ctx, object, validate, options)
	if err != nil || dryrun.IsDryRun(options.DryRun) {
		return created, err
	}
	resource := created.(*v1beta1.ThirdPartyResource)
	if err := s.define(ctx, resource); err != nil {
		s.takeBack(ctx, resource)
		return nil, unserved(resource, err)
	}
	return created, nil
}

// takeBack removes a resource that could not be served, even when its request has timed out.
func (s *storage) takeBack(ctx context.Context, resource *v1beta1.ThirdPartyResource) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), removeTimeout)
	defer cancel()
	only := &metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(resource.UID))}
	if _, _, err := s.Delete(ctx, resource.Name, rest.ValidateAllObjectFunc, only); err != nil && !apierrors.IsNotFound(err) {
		s.log.Error("a ThirdPartyResource that is not served stays stored", "name", resource.Name, "error", err)
	}
}

// Update implements rest.Updater. The definition is changed first: what it refuses, such as dropping a version in which objects are
// stored, is refused here.
func (s *storage) Update(ctx context.Context, name string, info rest.UpdatedObjectInfo, create rest.ValidateObjectFunc,
	update rest.ValidateObjectUpdateFunc, forceCreate bool, options *metav1.UpdateOptions) (runtime.Object, bool, error) {
	defining := func(ctx context.Context, object, old runtime.Object) error {
		if err := update(ctx, object, old); err != nil || dryrun.IsDryRun(options.DryRun) {
			return err
		}
		resource := object.(*v1beta1.ThirdPartyResource)
		if resource.DeletionTimestamp != nil {
			return nil
		}
		if err := s.define(ctx, resource); err != nil {
			return unserved(resource, err)
		}
		return nil
	}
	return s.Store.Update(ctx, name, info, create, defining, forceCreate, options)
}

// define makes the kind of a resource be served.
func (s *storage) define(ctx context.Context, resource *v1beta1.ThirdPartyResource) error {
	ctx, cancel := context.WithTimeout(ctx, defineTimeout)
	defer cancel()
	name, err := ParseName(resource.Name)
	if err != nil {
		return err
	}
	crd, err := definitionOf(resource, name)
	if err != nil {
		return err
	}
	if err := s.definer.define(ctx, crd); err != nil {
		return err
	}
	s.kinds.add(name)
	return nil
}

// deleted runs when a resource has left the storage, by whatever way. The definition goes too, with every object of the kind, unless the
// deletion orphaned it: then the garbage collector has taken our name off it. If this fails, the garbage collector does it later.
func (s *storage) deleted(object runtime.Object, options *metav1.DeleteOptions) {
	resource := object.(*v1beta1.ThirdPartyResource)
	name, err := ParseName(resource.Name)
	if err != nil || options != nil && dryrun.IsDryRun(options.DryRun) || name.Definition() == crds.NetworkPolicysName {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), removeTimeout)
	defer cancel()
	if err := s.definer.remove(ctx, name.Definition(), ownerOf(resource)); err != nil {
		s.log.Warn("the definition of a deleted ThirdPartyResource is still there", "name", resource.Name, "error", err)
	}
	s.kinds.remove(name)
}

// all lists what is stored.
func (s *storage) all(ctx context.Context) (*v1beta1.ThirdPartyResourceList, error) {
	list, err := s.List(ctx, &metainternalversion.ListOptions{})
	if err != nil {
		return nil, fmt.Errorf("list %s: %w", v1beta1.GroupResource, err)
	}
	return list.(*v1beta1.ThirdPartyResourceList), nil
}

// unserved is the answer to a resource whose kind cannot be served: the API server's own refusal of the definition where there is one.
func unserved(resource *v1beta1.ThirdPartyResource, err error) error {
	kind := schema.GroupKind{Group: v1beta1.GroupName, Kind: v1beta1.Kind}
	var other *taken
	switch {
	case apierrors.IsInvalid(err):
		return apierrors.NewInvalid(kind, resource.Name, refusals(err))
	case errors.As(err, &other):
		return apierrors.NewConflict(v1beta1.GroupResource, resource.Name, other)
	}
	return apierrors.NewInternalError(fmt.Errorf("serve the kind of %s: %w", resource.Name, err))
}
