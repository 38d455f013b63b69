// Package crds holds the CustomResourceDefinitions that Hedgerow brings along: the manifests beside this file, for kubectl, and
// the same embedded, for programs. It never talks to a cluster.
package crds

import (
	"embed"
	"fmt"

	apiextensionsv1 "k8s.io/apiextensions-apiserver/pkg/apis/apiextensions/v1"
	"sigs.k8s.io/yaml"
)

//go:generate ./generate

//go:embed *.yaml
var manifests embed.FS

// NetworkPolicysName is the name of the definition that NetworkPolicys returns.
const NetworkPolicysName = "networkpolicys.net.alpha.kubernetes.io"

// NetworkPolicys returns the definition of the alpha policy API, each time a new one. An error means that the manifest in the
// binary is broken.
func NetworkPolicys() (*apiextensionsv1.CustomResourceDefinition, error) {
	return read("net.alpha.kubernetes.io_networkpolicys.yaml")
}

// All returns every definition, each time new ones: that of the alpha policy API, and those of policy.networking.k8s.io. An error
// means that a manifest in the binary is broken.
func All() ([]*apiextensionsv1.CustomResourceDefinition, error) {
	entries, err := manifests.ReadDir(".")
	if err != nil {
		return nil, fmt.Errorf("list the manifests of definitions: %w", err)
	}
	var all []*apiextensionsv1.CustomResourceDefinition
	for _, e := range entries {
		crd, err := read(e.Name())
		if err != nil {
			return nil, err
		}
		all = append(all, crd)
	}
	return all, nil
}

func read(name string) (*apiextensionsv1.CustomResourceDefinition, error) {
	data, err := manifests.ReadFile(name)
	if err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w", name, err)
	}
	crd := &apiextensionsv1.CustomResourceDefinition{}
	if err := yaml.UnmarshalStrict(data, crd); err != nil {
		return nil, fmt.Errorf("read the manifest %s: %w", name, err)
	}
	return crd, nil
}
