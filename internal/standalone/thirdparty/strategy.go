package thirdparty

import (
	"context"
	"errors"

	apierrors "k8s.io/apimachinery/pkg/api/errors"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/validation/field"
	"k8s.io/apiserver/pkg/registry/rest"
	"k8s.io/apiserver/pkg/storage/names"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// strategy says what a ThirdPartyResource must look like to be stored.
type strategy struct {
	runtime.ObjectTyper
	names.NameGenerator
	builtIn builtIn
}

var (
	_ rest.RESTCreateStrategy = strategy{}
	_ rest.RESTUpdateStrategy = strategy{}
	_ rest.RESTDeleteStrategy = strategy{}
)

func newStrategy(typer runtime.ObjectTyper, builtIn builtIn) strategy {
	return strategy{ObjectTyper: typer, NameGenerator: names.SimpleNameGenerator, builtIn: builtIn}
}

// NamespaceScoped implements rest.RESTCreateStrategy.
func (strategy) NamespaceScoped() bool { return false }

// PrepareForCreate implements rest.RESTCreateStrategy.
func (strategy) PrepareForCreate(context.Context, runtime.Object) {}

// PrepareForUpdate implements rest.RESTUpdateStrategy.
func (strategy) PrepareForUpdate(_ context.Context, _, _ runtime.Object) {}

// Validate implements rest.RESTCreateStrategy.
func (s strategy) Validate(_ context.Context, object runtime.Object) field.ErrorList {
	return validate(object.(*v1beta1.ThirdPartyResource), s.builtIn)
}

// ValidateUpdate implements rest.RESTUpdateStrategy.
func (s strategy) ValidateUpdate(_ context.Context, object, _ runtime.Object) field.ErrorList {
	return validate(object.(*v1beta1.ThirdPartyResource), s.builtIn)
}

// WarningsOnCreate implements rest.RESTCreateStrategy.
func (strategy) WarningsOnCreate(context.Context, runtime.Object) []string { return nil }

// WarningsOnUpdate implements rest.RESTUpdateStrategy.
func (strategy) WarningsOnUpdate(_ context.Context, _, _ runtime.Object) []string { return nil }

// Canonicalize implements rest.RESTCreateStrategy.
func (strategy) Canonicalize(runtime.Object) {}

// AllowCreateOnUpdate implements rest.RESTUpdateStrategy.
func (strategy) AllowCreateOnUpdate() bool { return false }

// AllowUnconditionalUpdate implements rest.RESTUpdateStrategy.
func (strategy) AllowUnconditionalUpdate() bool { return true }

// refusals are the problems that the API server has with a definition. They carry its field paths, so they say whose they are.
func refusals(err error) field.ErrorList {
	versions := field.NewPath("versions")
	var status apierrors.APIStatus
	if !errors.As(err, &status) || status.Status().Details == nil {
		return field.ErrorList{field.Invalid(versions, field.OmitValueType{}, err.Error())}
	}
	var errs field.ErrorList
	for _, cause := range status.Status().Details.Causes {
		errs = append(errs, field.Invalid(versions, field.OmitValueType{}, "the definition is refused: "+cause.Field+": "+cause.Message))
	}
	return errs
}
