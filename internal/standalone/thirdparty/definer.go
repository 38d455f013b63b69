package thirdparty

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"time"

	"golang.org/x/sync/errgroup"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset"
	apiextensionsclient "k8s.io/apiextensions-apiserver/pkg/client/clientset/clientset/typed/apiextensions/v1"
	"k8s.io/apimachinery/pkg/api/equality"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/wait"
	"k8s.io/client-go/rest"

	"github.com/hedgerow-net/hedgerow/deploy/crds"
)

// pollInterval is how often a definition is looked at while it is waited for: the API server takes about a hundred of them.
const pollInterval = 10 * time.Millisecond

// definer writes CustomResourceDefinitions and waits until what they define is served.
type definer struct {
	definitions apiextensionsclient.CustomResourceDefinitionInterface
	api         rest.Interface
}

// newDefiner makes a definer that may do what the configuration allows.
func newDefiner(config *rest.Config) (*definer, error) {
	config = rest.CopyConfig(config)
	config.ContentConfig = rest.ContentConfig{ContentType: runtime.ContentTypeJSON}
	config.QPS = -1
	clients, err := clientset.NewForConfig(config)
	if err != nil {
		return nil, fmt.Errorf("make a client for definitions: %w", err)
	}
	return &definer{definitions: clients.ApiextensionsV1().CustomResourceDefinitions(), api: clients.Discovery().RESTClient()}, nil
}

// definePolicies makes the policy APIs be served. They are defined all at once: most of the time goes by in waiting. Where the definition of
// somebody else stands in the way of a cluster policy API, the others are served nevertheless.
func (d *definer) definePolicies(ctx context.Context, log *slog.Logger) error {
	all, err := crds.All()
	if err != nil {
		return err
	}
	group, ctx := errgroup.WithContext(ctx)
	for _, crd := range all {
		group.Go(func() error {
			err := d.define(ctx, crd)
			var other *taken
			if crd.Name != crds.NetworkPolicysName && (errors.As(err, &other) || apierrors.IsInvalid(err)) {
				log.Error("a policy API is not served", "definition", crd.Name, "error", err)
				return nil
			}
			return err
		})
	}
	return group.Wait()
}

// define makes the definition be as wanted and returns when it is served. A definition of the same name that belongs to somebody else is
// left alone, and so is one of a later release: if it has no owner and serves what is wanted that is good enough, otherwise the error is taken.
func (d *definer) define(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) error {
	for {
		done, err := d.write(ctx, want)
		if err != nil {
			return err
		}
		if done {
			return d.awaitServed(ctx, want)
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return fmt.Errorf("define %s: %w", want.Name, err)
		}
	}
}

// write tries once to create or update the definition. Neither done nor an error: try again.
func (d *definer) write(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) (done bool, err error) {
	existing, err := d.definitions.Get(ctx, want.Name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		_, err = d.definitions.Create(ctx, want, metav1.CreateOptions{})
		if apierrors.IsAlreadyExists(err) {
			return false, nil
		}
	case err != nil:
	case existing.DeletionTimestamp != nil:
		return false, nil // it is on its way out; its objects go first
	case isLeftOver(existing, want):
		err = d.delete(ctx, existing)
		return false, err
	case !sameOwner(existing, want), newerBundle(existing, want):
		return true, checkServes(existing, want)
	default:
		_, err = d.definitions.Update(ctx, updated(existing, want), metav1.UpdateOptions{})
		if apierrors.IsConflict(err) {
			return false, nil
		}
	}
	if err != nil {
		return false, fmt.Errorf("define %s: %w", want.Name, err)
	}
	return true, nil
}

// sameOwner tells whether the existing definition is the wanted one's author's to change.
func sameOwner(existing, want *apiextensionsv1.CustomResourceDefinition) bool {
	if want.Name == crds.NetworkPolicysName {
		return true
	}
	return equality.Semantic.DeepEqual(existing.OwnerReferences, want.OwnerReferences)
}

// isLeftOver tells whether the existing definition belongs to an earlier resource of the same name, which was deleted when nobody
// could see to its definition.
func isLeftOver(existing, want *apiextensionsv1.CustomResourceDefinition) bool {
	earlier, now := metav1.GetControllerOf(existing), metav1.GetControllerOf(want)
	return earlier != nil && now != nil && earlier.Kind == now.Kind && earlier.Name == now.Name && earlier.UID != now.UID
}

// checkServes returns an error when an existing definition does not serve what is wanted.
func checkServes(existing, want *apiextensionsv1.CustomResourceDefinition) error {
	if owner := metav1.GetControllerOf(existing); owner != nil {
		return &taken{want.Name, fmt.Sprintf("belongs to the %s %s", owner.Kind, owner.Name)}
	}
	if existing.Spec.Names.Kind != want.Spec.Names.Kind || existing.Spec.Scope != want.Spec.Scope {
		return &taken{want.Name, fmt.Sprintf("is about the %s kind %s", existing.Spec.Scope, existing.Spec.Names.Kind)}
	}
	served := map[string]bool{}
	for _, version := range existing.Spec.Versions {
		served[version.Name] = version.Served
	}
	for _, version := range want.Spec.Versions {
		if !served[version.Name] {
			return &taken{want.Name, "does not serve version " + version.Name}
		}
	}
	return nil
}

// taken is the error for a definition that belongs to somebody else.
type taken struct{ definition, why string }

// Error implements error.
func (t *taken) Error() string {
	return fmt.Sprintf("the definition %s is there already and %s; delete it or choose another name", t.definition, t.why)
}

// updated is the existing definition with the content of the wanted one.
func updated(existing, want *apiextensionsv1.CustomResourceDefinition) *apiextensionsv1.CustomResourceDefinition {
	out := existing.DeepCopy()
	out.Spec = *want.Spec.DeepCopy()
	for key, value := range want.Annotations {
		metav1.SetMetaDataAnnotation(&out.ObjectMeta, key, value)
	}
	return out
}

// remove deletes a definition that belongs to the owner, with all objects of its kind, and waits until it is gone. A definition that
// is gone already, or is somebody else's, is left alone.
func (d *definer) remove(ctx context.Context, name string, owner metav1.OwnerReference) error {
	existing, err := d.definitions.Get(ctx, name, metav1.GetOptions{})
	switch {
	case apierrors.IsNotFound(err):
		return nil
	case err != nil:
		return fmt.Errorf("undefine %s: %w", name, err)
	case !equality.Semantic.DeepEqual(existing.OwnerReferences, []metav1.OwnerReference{owner}):
		return nil
	}
	if err := d.delete(ctx, existing); err != nil {
		return err
	}
	return wait.PollUntilContextCancel(ctx, pollInterval, true, func(ctx context.Context) (bool, error) {
		current, err := d.definitions.Get(ctx, name, metav1.GetOptions{})
		gone := apierrors.IsNotFound(err) || err == nil && current.UID != existing.UID
		return gone, nil
	})
}

// delete deletes this very definition, not a later one of the same name.
func (d *definer) delete(ctx context.Context, crd *apiextensionsv1.CustomResourceDefinition) error {
	only := metav1.DeleteOptions{Preconditions: metav1.NewUIDPreconditions(string(crd.UID))}
	err := d.definitions.Delete(ctx, crd.Name, only)
	if err != nil && !apierrors.IsNotFound(err) && !apierrors.IsConflict(err) {
		return fmt.Errorf("undefine %s: %w", crd.Name, err)
	}
	return nil
}

func sleep(ctx context.Context, d time.Duration) error {
	timer := time.NewTimer(d)
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}
