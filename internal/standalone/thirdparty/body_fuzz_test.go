package thirdparty

import (
	"encoding/json"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// FuzzComplete: what is completed is the same object with the two fields, and whatever is no object is refused.
func FuzzComplete(f *testing.F) {
	for _, seed := range []string{
		`{}`, ` { "kind": "x" } `, `{"apiVersion":null}`, `{"a":{"apiVersion":"x"}}`, `null`, `[]`, `{"a":1,"a":2}`, `{"\u006bind":"x"}`, "\ufeff{}", `"{"`,
	} {
		f.Add([]byte(seed))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		completed, err := complete(data, typeOf{apiVersion: "g/v", kind: "K"})
		var before, after map[string]any
		isObject := json.Unmarshal(data, &before) == nil && before != nil
		if isObject != (err == nil) {
			t.Fatalf("an object: %v; error: %v", isObject, err)
		}
		if err != nil {
			return
		}
		if err := json.Unmarshal(completed, &after); err != nil {
			t.Fatalf("completed to %q: %v", completed, err)
		}
		for name, value := range map[string]string{"apiVersion": "g/v", "kind": "K"} {
			if _, found := before[name]; !found {
				before[name] = value
			}
		}
		if diff := cmp.Diff(before, after); diff != "" {
			t.Fatalf("object (-want +got):\n%s", diff)
		}
	})
}
