package manifest

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"os"

	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/util/yaml"

	"github.com/hedgerow-net/hedgerow/policy"
)

// Read reads manifests into a world. A path is a file, or "-" for stdin.
func Read(paths []string, stdin io.Reader) (*World, error) {
	w := &World{}
	for _, path := range paths {
		data, err := os.ReadFile(path)
		if path == "-" {
			data, err = io.ReadAll(stdin)
		}
		if err != nil {
			return nil, fmt.Errorf("read manifests: %w", err)
		}
		if err := w.read(path, data); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *World) read(path string, data []byte) error {
	d := yaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for {
		var object map[string]any
		if err := d.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
		if err := w.take(object); err != nil {
			return fmt.Errorf("%s: %w", path, err)
		}
	}
}

func (w *World) take(object map[string]any) error {
	from := runtime.DefaultUnstructuredConverter.FromUnstructured
	switch object["kind"] {
	case "Namespace":
		ns := new(corev1.Namespace)
		err := from(object, ns)
		w.Namespaces = append(w.Namespaces, policy.FromNamespace(ns))
		return err
	case "Pod":
		pod := new(corev1.Pod)
		err := from(object, pod)
		w.Pods = append(w.Pods, policy.FromPod(pod))
		return err
	case "NetworkPolicy":
		np := new(networkingv1.NetworkPolicy)
		err := from(object, np)
		w.Policies = append(w.Policies, policy.FromNetworkPolicy(np))
		return err
	}
	return nil
}
