package thirdparty

import (
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apiserver/pkg/registry/generic"

	"github.com/hedgerow-net/hedgerow/internal/standalone/thirdparty/v1beta1"
)

// storedAs are the server's own storage options with the codec of our types, which the server does not know.
type storedAs struct {
	options generic.RESTOptionsGetter
	codec   runtime.Codec
}

var _ generic.RESTOptionsGetter = storedAs{}

// GetRESTOptions implements generic.RESTOptionsGetter.
func (s storedAs) GetRESTOptions(resource schema.GroupResource, _ runtime.Object) (generic.RESTOptions, error) {
	// Without an example the server does not look for the type among its own.
	options, err := s.options.GetRESTOptions(resource, nil)
	if err != nil {
		return options, fmt.Errorf("find the storage of %s: %w", resource, err)
	}
	config := *options.StorageConfig
	config.Codec, config.EncodeVersioner = s.codec, v1beta1.SchemeGroupVersion
	options.StorageConfig = &config
	return options, nil
}
