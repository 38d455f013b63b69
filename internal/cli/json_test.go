package cli

import (
	"os"
	"reflect"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/hedgerow-net/hedgerow/internal/policytest"
)

// jsonAnswers are what the verbs print with -o json. A new one adds its line here, and a section of its name to docs/json.md.
var jsonAnswers = map[string]reflect.Type{
	"explain": reflect.TypeFor[explanation](),
	"matrix":  reflect.TypeFor[matrixJSON](),
	"diff":    reflect.TypeFor[diffAnswer](),
	"lint":    reflect.TypeFor[lintAnswer](),
	"test":    reflect.TypeFor[policytest.ReportJSON](),
}

// TestJSONIsDocumented: docs/json.md has a section "## VERB" for each verb with a table row for each field, and no other rows. A struct that occurs in
// several places is described at the first of them.
func TestJSONIsDocumented(t *testing.T) {
	text, err := os.ReadFile("../../docs/json.md")
	if err != nil {
		t.Fatal(err)
	}
	for verb, answer := range jsonAnswers {
		var fields []string
		fieldsOf(answer, "", map[reflect.Type]bool{}, &fields)
		rows := rowsOf(string(text), verb)
		for _, f := range fields {
			if !slices.Contains(rows, f) {
				t.Errorf("docs/json.md: section %q does not describe `%s`", verb, f)
			}
		}
		for _, row := range rows {
			if !slices.Contains(fields, row) {
				t.Errorf("docs/json.md: section %q describes `%s`, which is not there", verb, row)
			}
		}
	}
}

var row = regexp.MustCompile("(?m)^\\| `([^`]+)` \\|")

// rowsOf returns the fields that the section of a verb has rows for.
func rowsOf(text, verb string) []string {
	_, section, _ := strings.Cut(text, "\n## "+verb+"\n")
	section, _, _ = strings.Cut(section, "\n## ")
	var rows []string
	for _, found := range row.FindAllStringSubmatch(section, -1) {
		rows = append(rows, found[1])
	}
	return rows
}

// fieldsOf collects the paths of the JSON fields of a type: "flows[].from.name".
func fieldsOf(t reflect.Type, path string, seen map[reflect.Type]bool, to *[]string) {
	for t.Kind() == reflect.Pointer || t.Kind() == reflect.Slice || t.Kind() == reflect.Map {
		if t.Kind() != reflect.Pointer {
			path += "[]"
		}
		t = t.Elem()
	}
	if t.Kind() != reflect.Struct || seen[t] {
		return
	}
	seen[t] = true
	for i := range t.NumField() {
		f := t.Field(i)
		name, _, _ := strings.Cut(f.Tag.Get("json"), ",")
		switch {
		case !f.IsExported() || name == "-":
			continue
		case f.Anonymous && name == "":
			fieldsOf(f.Type, path, seen, to)
			continue
		case name == "":
			name = f.Name
		}
		below := strings.TrimPrefix(path+"."+name, ".")
		*to = append(*to, below)
		fieldsOf(f.Type, below, seen, to)
	}
}
