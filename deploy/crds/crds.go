// Package crds holds the CustomResourceDefinitions that Hedgerow brings along: the manifests beside this file, for kubectl, and
// the same embedded, for programs. It never talks to a cluster.
package crds

import (
	_ "embed"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:embed net.alpha.kubernetes.io_networkpolicys.yaml
var networkPolicys []byte

// NetworkPolicysName is the name of the definition that NetworkPolicys returns.
const NetworkPolicysName = "networkpolicys.net.alpha.kubernetes.io"

// NetworkPolicys returns the definition of the alpha policy API, each time a new one. An error means that the manifest in the
// binary is broken.
func NetworkPolicys() (*apiextensionsv1.CustomResourceDefinition, error) {
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(networkPolicys, crd); err != nil {
		return nil, fmt.Errorf("read the manifest of %s: %w", NetworkPolicysName, err)
	}
	return crd, nil
}
