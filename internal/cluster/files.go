package cluster

import (
	"context"
	"fmt"
	"log/slog"
	"path/filepath"
	"slices"
	"time"

	"github.com/fsnotify/fsnotify"
	corev1 "k8s.io/api/core/v1"
	networkingv1 "k8s.io/api/networking/v1"
	"k8s.io/apimachinery/pkg/apis/meta/v1/unstructured"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// Files is the source that reads manifests (YAML or JSON, several documents a file; see package manifest) from a folder, and reads them again when
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

// ReadFolder reads all manifests of a folder, but not those of folders in it. An error names file and line. Custom resources are taken as from an API
// server: what is not understood in one makes its policy fail closed.
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
	manifests, err := manifest.ReadUnchecked(names, nil)
	if err != nil {
		return nil, fmt.Errorf("read manifests: %w", err)
	}
	w := NewWorld()
	for _, o := range manifests.Objects {
		if update := updateOf(o); update != nil {
			update(w)
		}
	}
	return w, nil
}

// updateOf returns what an object changes; nil: nothing.
func updateOf(o *manifest.Object) Update {
	switch object := o.Value.(type) {
	case *corev1.Namespace:
		return namespaceUpdate(object)
	case *corev1.Pod:
		return podUpdate(object)
	case *corev1.Node:
		return nodeUpdate("")(object)
	case *networkingv1.NetworkPolicy:
		return networkPolicyUpdate(object)
	case *unstructured.Unstructured:
		for _, api := range customAPIs() {
			if api.ObjectKind == o.Kind.Kind && api.Resource.Group == o.Kind.Group {
				return api.update(object)
			}
		}
	}
	return nil
}
