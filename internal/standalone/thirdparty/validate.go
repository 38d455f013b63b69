package thirdparty

import (
	"strings"

	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/util/validation"
	"k8s.io/apimachinery/pkg/util/validation/field"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
	"github.com/hedgerow-net/hedgerow/deploy/crds"
	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// maxVersions bounds the versions of one kind: each costs the API server a handler and a document.
const maxVersions = 16

// validate says what is wrong with a ThirdPartyResource, with field paths.
func validate(resource *v1beta1.ThirdPartyResource, builtIn builtIn) field.ErrorList {
	var errs field.ErrorList
	name, err := ParseName(resource.Name)
	if err != nil {
		errs = append(errs, field.Invalid(field.NewPath("metadata", "name"), resource.Name, err.Error()))
	}
	versions := field.NewPath("versions")
	switch count := len(resource.Versions); {
	case count == 0:
		errs = append(errs, field.Required(versions, `needs at least one version, as [{"name": "v1alpha1"}]; the first is the one that is stored`))
	case count > maxVersions:
		return append(errs, field.TooMany(versions, count, maxVersions))
	}
	seen := map[string]bool{}
	for i, version := range resource.Versions {
		path := versions.Index(i).Child("name")
		if wrong := validation.IsDNS1035Label(version.Name); len(wrong) > 0 {
			errs = append(errs, field.Invalid(path, version.Name, strings.Join(wrong, ", ")))
		}
		if builtIn[schema.GroupVersion{Group: name.Group, Version: version.Name}] {
			errs = append(errs, field.Forbidden(path, "the API server serves "+name.Group+"/"+version.Name+" itself; choose another group or version"))
		}
		if seen[version.Name] {
			errs = append(errs, field.Duplicate(path, version.Name))
		}
		seen[version.Name] = true
	}
	return append(errs, validatePolicy(name, resource.Versions)...)
}

// validatePolicy holds a ThirdPartyResource of the alpha policy's own name to the version that there is: its definition is
// ours, not the author's.
func validatePolicy(name Name, versions []v1beta1.APIVersion) field.ErrorList {
	if name.Definition() != crds.NetworkPolicysName {
		return nil
	}
	var errs field.ErrorList
	for i, version := range versions {
		if version.Name != v1alpha1.Version {
			path := field.NewPath("versions").Index(i).Child("name")
			errs = append(errs, field.NotSupported(path, version.Name, []string{v1alpha1.Version}))
		}
	}
	return errs
}
