package thirdparty

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	apidiscoveryv2 "k8s.io/api/apidiscovery/v2"
	apiextensionshelpers "k8s.io/apiextensions-apiserver/pkg/apihelpers"
	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
)

// aggregatedDiscovery is the content type that kubectl asks for to learn of all kinds at once.
const aggregatedDiscovery = "application/json;g=apidiscovery.k8s.io;v=v2;as=APIGroupDiscoveryList"

// awaitServed returns when every version of the definition can be listed and discovered. It fails at once when the API server refuses the
// names, and with what is missing when the context ends.
func (d *definer) awaitServed(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) error {
	last := "it has not been looked at"
	for {
		missing, err := d.missing(ctx, want)
		if err != nil || missing == "" {
			return err
		}
		if ctx.Err() == nil {
			last = missing
		}
		if err := sleep(ctx, pollInterval); err != nil {
			return fmt.Errorf("wait for %s to be served: %s: %w", want.Name, last, err)
		}
	}
}

// missing says what keeps a definition from being served; nothing if it is. Errors are final.
func (d *definer) missing(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) (string, error) {
	current, err := d.definitions.Get(ctx, want.Name, metav1.GetOptions{})
	if err != nil {
		return err.Error(), nil
	}
	if accepted := apiextensionshelpers.FindCRDCondition(current, apiextensionsv1.NamesAccepted); accepted != nil && accepted.Status == apiextensionsv1.ConditionFalse {
		return "", &taken{want.Name, "its names are not accepted: " + accepted.Message}
	}
	if !apiextensionshelpers.IsCRDConditionTrue(current, apiextensionsv1.Established) {
		return "it is not established", nil
	}
	for _, version := range want.Spec.Versions {
		path := fmt.Sprintf("/apis/%s/%s/%s", want.Spec.Group, version.Name, want.Spec.Names.Plural)
		// A list that is not limited goes through the watch cache, which says 429 until it is filled; the client would wait a second
		// then. No object has such a label.
		if err := d.api.Get().AbsPath(path).Param("labelSelector", "invalid/none").MaxRetries(0).Do(ctx).Error(); err != nil {
			return fmt.Sprintf("GET %s: %v", path, err), nil
		}
	}
	return d.undiscovered(ctx, want), nil
}

// undiscovered says which version kubectl would not find.
func (d *definer) undiscovered(ctx context.Context, want *apiextensionsv1.CustomResourceDefinition) string {
	data, err := d.api.Get().AbsPath("/apis").SetHeader("Accept", aggregatedDiscovery).Do(ctx).Raw()
	if err != nil {
		return fmt.Sprintf("GET /apis: %v", err)
	}
	var groups apidiscoveryv2.APIGroupDiscoveryList
	if err := json.Unmarshal(data, &groups); err != nil {
		return fmt.Sprintf("GET /apis: %v", err)
	}
	for _, version := range want.Spec.Versions {
		if !discovered(&groups, want, version.Name) {
			return fmt.Sprintf("version %s is not in the discovery document", version.Name)
		}
	}
	return ""
}

func discovered(groups *apidiscoveryv2.APIGroupDiscoveryList, want *apiextensionsv1.CustomResourceDefinition, version string) bool {
	for _, group := range groups.Items {
		if group.Name != want.Spec.Group {
			continue
		}
		for _, served := range group.Versions {
			if served.Version == version {
				return slices.ContainsFunc(served.Resources, func(resource apidiscoveryv2.APIResourceDiscovery) bool {
					return resource.Resource == want.Spec.Names.Plural
				})
			}
		}
	}
	return false
}
