package cluster

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"
	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	utilyaml "k8s.io/apimachinery/pkg/util/yaml"

	"github.com/hedgerow-net/hedgerow/api/net/v1alpha1"
)

// Files is the source that reads manifests (YAML or JSON, several documents a file) from a folder, and reads them again when
// something in it changes. Kinds that policies do not look at are passed over.
type Files struct {
	Folder string
	Logger *slog.Logger
}

var _ Source = (*Files)(nil)

// settle is how long the folder must be quiet before it is read again: editors write in several steps.
const settle = 20 * time.Millisecond

// Run reads the folder and then watches it until ctx ends. The first reading must succeed; a later one that fails is logged and changes nothing.
func (s *Files) Run(ctx context.Context, emit func(Update)) error {
	watcher, err := fsnotify.NewWatcher()
	if err != nil {
		return fmt.Errorf("watch folder %s: %w", s.Folder, err)
	}
	defer watcher.Close()
	if err := watcher.Add(s.Folder); err != nil {
		return fmt.Errorf("watch folder %s: %w", s.Folder, err)
	}
	world, err := ReadFolder(s.Folder)
	if err != nil {
		return err
	}
	emit(replace(world))
	emit(Synced)
	var quiet <-chan time.Time
	for {
		select {
		case <-ctx.Done():
			return nil
		case err := <-watcher.Errors:
			return fmt.Errorf("watch folder %s: %w", s.Folder, err)
		case <-watcher.Events:
			quiet = time.After(settle)
		case <-quiet:
			world, err := ReadFolder(s.Folder)
			if err != nil {
				s.Logger.Error("manifests not taken over, the former ones stay in force", "error", err)
				continue
			}
			emit(replace(world))
		}
	}
}

// replace is the update that takes over all objects of another world.
func replace(with *World) Update {
	return func(w *World) {
		w.Namespaces, w.Pods, w.Nodes, w.Policies = with.Namespaces, with.Pods, with.Nodes, with.Policies
		if with.PodCIDRs != nil {
			w.PodCIDRs = with.PodCIDRs
		}
	}
}

// ReadFolder reads all manifests of a folder. An error names the file, the document's number in it (from 1) and the object.
func ReadFolder(folder string) (*World, error) {
	var names []string
	for _, pattern := range []string{"*.yaml", "*.yml", "*.json"} {
		found, err := filepath.Glob(filepath.Join(folder, pattern))
		if err != nil {
			return nil, fmt.Errorf("list manifests in %s: %w", folder, err)
		}
		names = append(names, found...)
	}
	slices.Sort(names)
	w := NewWorld()
	for _, name := range names {
		if err := w.readFile(name); err != nil {
			return nil, err
		}
	}
	return w, nil
}

func (w *World) readFile(name string) error {
	data, err := os.ReadFile(name)
	if err != nil {
		return fmt.Errorf("read manifests: %w", err)
	}
	decoder := utilyaml.NewYAMLOrJSONDecoder(bytes.NewReader(data), 4096)
	for document := 1; ; document++ {
		var object map[string]any
		if err := decoder.Decode(&object); errors.Is(err, io.EOF) {
			return nil
		} else if err != nil {
			return fmt.Errorf("read manifests: %s, document %d: %w", name, document, err)
		}
		if len(object) == 0 {
			continue
		}
		if err := w.take(&unstructured.Unstructured{Object: object}); err != nil {
			return fmt.Errorf("read manifests: %s, document %d: %w", name, document, err)
		}
	}
}

// take adds one object to the world.
func (w *World) take(o *unstructured.Unstructured) error {
	if o.GetNamespace() == "" && o.GetKind() != "Namespace" && o.GetKind() != "Node" {
		o.SetNamespace(corev1.NamespaceDefault)
	}
	var update Update
	var err error
	switch o.GroupVersionKind() {
	case corev1.SchemeGroupVersion.WithKind("Namespace"):
		update, err = convert(o, namespaceUpdate)
	case corev1.SchemeGroupVersion.WithKind("Pod"):
		update, err = convert(o, podUpdate)
	case corev1.SchemeGroupVersion.WithKind("Node"):
		update, err = convert(o, nodeUpdate(""))
	case networkingv1.SchemeGroupVersion.WithKind("NetworkPolicy"):
		update, err = convert(o, networkPolicyUpdate)
	case v1alpha1.SchemeGroupVersion.WithKind(v1alpha1.Kind):
		update = AlphaAPI().update(o)
	case schema.GroupVersionKind{}:
		return errors.New("not a Kubernetes object: apiVersion and kind are missing")
	default:
		return nil
	}
	if err != nil {
		return fmt.Errorf("%s %s/%s: %w", o.GetKind(), o.GetNamespace(), o.GetName(), err)
	}
	update(w)
	return nil
}

// convert reads an object into its type, refusing fields that the type does not have.
func convert[T any](o *unstructured.Unstructured, update func(*T) Update) (Update, error) {
	object := new(T)
	if err := runtime.DefaultUnstructuredConverter.FromUnstructuredWithValidation(o.Object, object, true); err != nil {
		return nil, err
	}
	return update(object), nil
}
