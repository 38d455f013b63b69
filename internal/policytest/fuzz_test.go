package policytest

import (
	"errors"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/manifest"
)

// FuzzParse: whatever a file holds, it is refused with its line, or every case of it is whole.
func FuzzParse(f *testing.F) {
	for _, text := range []string{
		"apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nspec:\n  cases:\n  - {from: a/b, to: 10.0.0.1, port: 80, expect: allow}\n",
		"apiVersion: hedgerow.dev/v1alpha1\nkind: PolicyTest\nmetadata: {name: x}\nspec: {cases: [&a {from: a/b, to: a/c, protocol: icmp, expect: deny}, *a]}\n",
		`{"apiVersion": "hedgerow.dev/v1alpha1", "kind": "PolicyTest", "spec": {"manifests": []}}`,
		"kind: Pod\n---\n---\n[]\n", "spec: [", "a: *b", "&a [*a]", "? {a: b} : c", "spec: {cases: [{port: 0x1}]}", "\x00",
	} {
		f.Add([]byte(text))
	}
	f.Fuzz(func(t *testing.T, data []byte) {
		tests, err := parse("f.yaml", data)
		if err != nil {
			var at *manifest.Error
			if !errors.As(err, &at) || at.Position.Line < 1 || at.Message == "" {
				t.Errorf("an error without its place: %v", err)
			}
			return
		}
		for _, test := range tests {
			for _, c := range test.Cases {
				if c.From.Value == "" || c.To.Value == "" || c.Name == "" || c.Expect != Allow && c.Expect != Deny {
					t.Errorf("a case with something missing: %+v", c)
				}
				if _, err := manifest.ParsePort(c.Port.Value, c.Protocol.Value); err != nil {
					t.Errorf("a case with a port that is none: %v", err)
				}
			}
		}
	})
}
