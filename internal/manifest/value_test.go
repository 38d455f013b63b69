package manifest

import (
	"encoding/json"
	"testing"

	"sigs.k8s.io/yaml"
)

// TestScalarsAreReadAsByKubectl: what a bare word means is decided by the library that kubectl reads manifests with.
func TestScalarsAreReadAsByKubectl(t *testing.T) {
	for _, text := range []string{
		"x", "y", "n", "Y", "No", "on", "OFF", "yes", "true", "True", "TRUE", "false", "~", "null", "Null", "", "'on'", `"8"`, "8", "-8", "+1", "0777", "0o7", "0b1",
		"0x1F", "1_000", "1e3", ".5", "1.5", "1:30", "2001-01-01", "18446744073709551615", "9223372036854775807", "1.2.3", "10.0.0.0/8", "!!str 8", "!!int '8'",
		"|\n    text\n    more", ">-\n    text\n    more", "[1, a]", "{a: b}", "\"\\u00e9\"",
	} {
		want, err := yaml.YAMLToJSON([]byte("a: " + text))
		if err != nil {
			t.Fatalf("%s: %v", text, err)
		}
		documents, err := parse("-", []byte("a: "+text))
		if err != nil {
			t.Errorf("%s: %v", text, err)
			continue
		}
		got, err := json.Marshal(documents[0].plain())
		if err != nil {
			t.Fatal(err)
		}
		if string(got) != string(want) {
			t.Errorf("%s is read as %s, by kubectl as %s", text, got, want)
		}
	}
}
