package v1alpha1

import (
	"strings"
	"testing"
)

func TestParseIsolation(t *testing.T) {
	with := func(value string) map[string]string {
		return map[string]string{IsolationAnnotation: value, "other": "on"}
	}
	for _, test := range []struct {
		name        string
		annotations map[string]string
		want        bool
		wantErr     []string // what the error must mention; none: no error
	}{
		{name: "no annotations", annotations: nil, want: false},
		{name: "other annotations", annotations: map[string]string{"other": "on"}, want: false},
		{name: "on", annotations: with("on"), want: true},
		{name: "off", annotations: with("off"), want: false},
		{name: "a value of nobody", annotations: with("maybe"), want: true, wantErr: []string{`"maybe"`, `"on"`, `"off"`, IsolationAnnotation}},
		{name: "another case", annotations: with("Off"), want: true, wantErr: []string{`"Off"`}},
		{name: "spaces", annotations: with(" off"), want: true, wantErr: []string{`" off"`}},
		{name: "empty", annotations: with(""), want: true, wantErr: []string{`""`}},
		{name: "a boolean of YAML", annotations: with("true"), want: true, wantErr: []string{`"true"`, "quote it"}},
		{name: "the other boolean", annotations: with("false"), want: true, wantErr: []string{`"false"`, "quote it"}},
		{name: "very long", annotations: with(strings.Repeat("é", 1000)), want: true, wantErr: []string{"…"}},
	} {
		t.Run(test.name, func(t *testing.T) {
			got, err := ParseIsolation(test.annotations)
			if got != test.want {
				t.Errorf("isolated = %v, want %v", got, test.want)
			}
			if (err != nil) != (len(test.wantErr) > 0) {
				t.Fatalf("error = %v, want one that mentions %q", err, test.wantErr)
			}
			for _, want := range test.wantErr {
				if !strings.Contains(err.Error(), want) {
					t.Errorf("error %q does not mention %s", err, want)
				}
			}
			if err != nil && len(err.Error()) > 400 {
				t.Errorf("error of %d bytes", len(err.Error()))
			}
		})
	}
}
