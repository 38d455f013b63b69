package convert

import (
	"bytes"
	"encoding/json"
	"fmt"

	"sigs.k8s.io/yaml"
)

// plain returns the object as it is written: without status and what only the API server fills in.
func plain(o Object) (map[string]any, error) {
	data, err := json.Marshal(o)
	if err != nil {
		return nil, fmt.Errorf("write %s: %w", o.GetName(), err)
	}
	var object map[string]any
	if err := json.Unmarshal(data, &object); err != nil {
		return nil, fmt.Errorf("write %s: %w", o.GetName(), err)
	}
	delete(object, "status")
	if meta, ok := object["metadata"].(map[string]any); ok {
		delete(meta, "creationTimestamp")
	}
	return object, nil
}

// YAML returns the new objects, one document each.
func (r *Result) YAML() ([]byte, error) {
	var b bytes.Buffer
	for i, o := range r.Objects {
		object, err := plain(o)
		if err != nil {
			return nil, err
		}
		data, err := yaml.Marshal(object)
		if err != nil {
			return nil, fmt.Errorf("write %s: %w", o.GetName(), err)
		}
		if i > 0 {
			b.WriteString("---\n")
		}
		b.Write(data)
	}
	return b.Bytes(), nil
}

// List returns the new objects as one List of the API.
func (r *Result) List() (map[string]any, error) {
	items := []any{}
	for _, o := range r.Objects {
		object, err := plain(o)
		if err != nil {
			return nil, err
		}
		items = append(items, object)
	}
	return map[string]any{"apiVersion": "v1", "kind": "List", "items": items}, nil
}
